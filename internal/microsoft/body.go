package microsoft

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// errIdle ends a body of which nothing arrives any more.
var errIdle = errors.New("no byte of the answer arrived for too long")

// A body reads an answer under two limits: how many bytes, and how long without
// one. The clock runs only while somebody reads, so that a slow destination is
// not blamed on the source. Its errors are faults: [collect.JudgesUs] for
// what is too large, temporary otherwise.
type body struct {
	source io.ReadCloser
	cancel context.CancelCauseFunc // ends the request
	ended  func() error            // why the request ended, nil while it has not
	idle   time.Duration
	timer  *time.Timer
	left   int64
	limit  int64
	failed error
}

// newBody reads the answer to the request that belongs to ctx and cancel.
func newBody(ctx context.Context, cancel context.CancelCauseFunc, source io.ReadCloser, idle time.Duration, limit int64) *body {
	b := &body{source: source, cancel: cancel, idle: idle, left: limit, limit: limit}
	b.ended = func() error {
		if ctx.Err() == nil {
			return nil
		}
		return context.Cause(ctx)
	}
	b.timer = time.AfterFunc(idle, func() { cancel(errIdle) })
	b.timer.Stop()
	return b
}

func (b *body) Close() error {
	b.timer.Stop()
	err := b.source.Close()
	b.cancel(nil)
	return err
}

func (b *body) Read(p []byte) (int, error) {
	if b.failed != nil {
		return 0, b.failed
	}
	if int64(len(p)) > b.left+1 { // one more than allowed tells a full body from one that goes on
		p = p[:b.left+1]
	}
	b.timer.Reset(b.idle)
	n, err := b.source.Read(p)
	b.timer.Stop()
	if int64(n) > b.left {
		n = int(b.left)
		// Not broken: what lies beyond the limit would be kept nowhere. Records before
		// it are delivered, and the content waits for the setting or its end.
		err = &collect.Fault{Verdict: collect.JudgesUs, Err: fmt.Errorf(
			"the answer has more than %d bytes: raise O365_MAX_CONTENT_BYTES", b.limit)}
	}
	b.left -= int64(n)
	if err != nil {
		b.failed = b.judge(err)
	}
	return n, b.failed
}

func (b *body) judge(err error) error {
	if _, ok := errors.AsType[*collect.Fault](err); ok {
		return err
	}
	// Before the end of file: a server that sees us leave may end its body neatly
	// where it is, and half a body must not pass for a broken one.
	if cause := b.ended(); cause != nil {
		return &collect.Fault{Err: cause}
	}
	if errors.Is(err, io.EOF) {
		return err
	}
	// What the transport knows to be cut short or damaged says nothing about the
	// content itself: it is asked for again for as long as it exists.
	return &collect.Fault{Err: fmt.Errorf("the answer is cut short or damaged: %w", wire.Redact(err))}
}
