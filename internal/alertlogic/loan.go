package alertlogic

import (
	"errors"
	"io"
	"net/http"
	"sync"
)

// A loan lends a body's memory to the HTTP transport, which may go on reading it after
// the answer has come. Once it is taken back, nobody reads it any more, and it
// can be used for the next body.
type loan struct {
	mu    sync.Mutex
	data  pieces
	taken bool
}

var errTakenBack = errors.New("the body was taken back")

// lendTo makes the buffer a request's body; the transport may rewind it when a
// connection turns out dead before a byte was written.
func (l *loan) lendTo(req *http.Request) {
	req.ContentLength = int64(l.data.size())
	req.Body = &borrowed{loan: l}
	req.GetBody = func() (io.ReadCloser, error) { return &borrowed{loan: l}, nil }
}

// takeBack ends the loan.
func (l *loan) takeBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = true
}

type borrowed struct {
	loan  *loan
	piece int
	read  int // of that piece
}

func (b *borrowed) Read(p []byte) (int, error) {
	b.loan.mu.Lock()
	defer b.loan.mu.Unlock()
	switch {
	case b.loan.taken:
		return 0, errTakenBack
	case b.piece == len(b.loan.data):
		return 0, io.EOF
	}
	piece := b.loan.data[b.piece]
	n := copy(p, piece[b.read:])
	if b.read += n; b.read == len(piece) {
		b.piece, b.read = b.piece+1, 0
	}
	return n, nil
}

func (b *borrowed) Close() error { return nil }
