package collect

import (
	"errors"
	"runtime/debug"
)

const (
	// largeBuffer is what every content may hold of a record in memory: a record's half
	// of it, 4 MiB, is what a sink takes for a whole batch. A larger one is a rarity or
	// an attack (a bomb that unpacks to one endless string), and one content at a time
	// may hold such a one, up to O365_MAX_CONTENT_BYTES: else as many of them as there
	// are workers would end the process, and what all the others are doing with it.
	largeBuffer = 8 << 20
	// hugeBuffer is given back to the system at once: left to the collector of garbage,
	// the next one would take its place beside it.
	hugeBuffer = 64 << 20
)

// large is held by the content whose record is larger.
var large = make(chan struct{}, 1)

var errCrowded = errors.New("a record is larger than 4 MiB, and another content's fills the memory for such: this one comes again later")

// larger returns a buffer of twice the size, and what has been read that belongs behind
// all that is in the old one; nil if there is no need or no room for it, or nothing came.
func (s *splitter) larger() (to, more []byte) {
	size := 2 * len(s.buf)
	if size <= largeBuffer {
		return make([]byte, size), nil
	}
	if s.failed = s.admit(); s.failed != nil {
		return nil, nil
	}
	// What large buffers mostly end with is the limit of a content: is there more at all?
	more = make([]byte, 512)
	n, err := s.source.Read(more)
	if s.failed = err; n == 0 {
		return nil, nil
	}
	return make([]byte, size), more[:n]
}

// admit lets the buffer become a large one, or says why it may not. It does not wait: who
// holds the memory may be waiting for records that we have in our batch.
func (s *splitter) admit() error {
	if s.large {
		return nil
	}
	select {
	case large <- struct{}{}:
		s.large = true
		return nil
	default:
		return &Fault{Err: errCrowded}
	}
}

// leave makes room for the next large one.
func (s *splitter) leave() {
	if !s.large {
		return
	}
	if huge := len(s.buf) >= hugeBuffer; huge {
		s.buf = nil
		debug.FreeOSMemory()
	}
	<-large
}
