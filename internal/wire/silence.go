package wire

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// A Transport is the standard library's, with answers that may not fall silent: who
// began to answer and says nothing for so long will hardly go on, and whoever reads
// would wait for ever.
type Transport struct {
	*http.Transport
	silence time.Duration
}

// RoundTrip sends a request. The silence is bounded while somebody reads: a reader who
// takes his time is not blamed on the service.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context()) // ends with the answer's body, which owns it
	resp, err := t.Transport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	timer := time.AfterFunc(t.silence, cancel)
	timer.Stop() // until somebody reads
	resp.Body = &body{ReadCloser: resp.Body, cancel: cancel, silence: t.silence, timer: timer}
	return resp, nil
}

// Direct is a copy of a client that uses no proxy.
func Direct(c *http.Client) *http.Client {
	direct := *c
	if t, ok := c.Transport.(*Transport); ok {
		own := &Transport{Transport: t.Clone(), silence: t.silence}
		own.Proxy = nil
		direct.Transport = own
	}
	return &direct
}

type body struct {
	io.ReadCloser
	cancel  context.CancelFunc
	silence time.Duration
	timer   *time.Timer
	failed  error
}

func (b *body) Read(p []byte) (int, error) {
	if b.failed != nil {
		return 0, b.failed
	}
	b.timer.Reset(b.silence)
	n, err := b.ReadCloser.Read(p)
	if !b.timer.Stop() { // the request is at its end, whatever this read still got
		err = fmt.Errorf("the answer fell silent for %v", b.silence)
		b.failed = err
	}
	return n, err
}

func (b *body) Close() error {
	b.timer.Stop()
	err := b.ReadCloser.Close()
	b.cancel()
	return err
}
