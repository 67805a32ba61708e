package alertlogic

import (
	"context"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zlib"
	"google.golang.org/protobuf/encoding/protowire"
)

// errTooLarge: the body outgrew what one post may weigh.
var errTooLarge = errors.New("larger than one post may be")

// encode makes a run's body.
func (s *Ingest) encode(ctx context.Context, who Registration, b *batch, run []int, body *pieces) error {
	var e *encoder
	select {
	case e = <-s.encoders:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { s.encoders <- e }()
	if e == nil {
		e = newEncoder(s.options.DeflateLevel)
	}
	err := e.encode(s.head(who), b, run, body, s.limit(len(run)))
	if len(run) > 1 {
		s.learn(e.taken, e.body.seen, err == nil)
	}
	return err
}

// An encoder makes bodies; its memory serves the next one.
type encoder struct {
	zw    *zlib.Writer
	body  bounded
	taken int // bytes of messages written until the body was whole or too large
}

func newEncoder(level int) *encoder {
	e := &encoder{}
	zw, err := zlib.NewWriterLevel(&e.body, level)
	if err != nil {
		panic(fmt.Sprintf("alertlogic: deflate level %d was checked: %v", level, err))
	}
	e.zw = zw
	return e
}

// encode writes a run as a deflated (RFC 1950) collected_batch_list of one batch. It
// stops at errTooLarge as soon as the output passes limit, so that noise costs no more
// memory than that.
func (e *encoder) encode(head []byte, b *batch, run []int, body *pieces, limit int) error {
	e.body = bounded{to: body, limit: limit}
	defer func() { e.body.to = nil }()
	e.taken = 0
	e.zw.Reset(&e.body)
	var frame [16]byte // a tag and a length: at most 11 bytes
	start := protowire.AppendTag(frame[:0], listElem, protowire.BytesType)
	start = protowire.AppendVarint(start, uint64(len(head)+b.weight(run)))
	if err := e.write(start); err != nil {
		return err
	}
	if err := e.write(head); err != nil {
		return err
	}
	for len(run) > 0 {
		messages, n := b.messages(run)
		run = run[n:]
		e.taken += len(messages)
		if err := e.write(messages); err != nil {
			return err
		}
	}
	if err := e.zw.Close(); err != nil {
		return fmt.Errorf("deflate: %w", err)
	}
	return nil
}

func (e *encoder) write(p []byte) error {
	if _, err := e.zw.Write(p); err != nil {
		return fmt.Errorf("deflate: %w", err)
	}
	return nil
}

// bounded takes no more bytes than its limit.
type bounded struct {
	to    *pieces
	limit int
	seen  int // bytes offered so far
}

func (b *bounded) Write(p []byte) (int, error) {
	b.seen += len(p)
	if b.seen > b.limit {
		return 0, errTooLarge
	}
	b.to.write(p)
	return len(p), nil
}
