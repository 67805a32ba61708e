package collect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"
)

// firstBuffer holds some dozens of usual records (1 KB); a larger record doubles
// it until it fits.
const firstBuffer = 64 << 10

// SplitRecords yields the elements of the JSON array that r holds as they
// arrive, byte for byte. Time of a record without a readable one is created.
//
// A body that is no complete, valid JSON array ends in a Fault with [Broken]; an
// error of r is passed on. With salvage set, what is broken is yielded as
// records with a Defect instead: element by element where the brackets allow
// that, else the rest of the body in one piece.
func SplitRecords(r io.Reader, created time.Time, salvage bool) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		buf := buffers.Get().(*[firstBuffer]byte)
		defer buffers.Put(buf) // nobody has a record of it any more
		s := &splitter{source: r, buf: buf[:], created: created, salvage: salvage, yield: yield}
		defer s.leave()
		if err := s.run(); err != nil && !errors.Is(err, errStopped) {
			yield(Record{}, err)
		}
	}
}

// buffers serve the next content: most have no record that needs a larger one.
var buffers = sync.Pool{New: func() any { return new([firstBuffer]byte) }}

// errStopped says that there is no more to yield, or that nobody wants it.
var errStopped = errors.New("stopped")

type splitter struct {
	source     io.Reader
	buf        []byte
	begin, end int   // what of buf is read and not consumed yet
	offset     int64 // of buf[begin] in the body
	failed     error // what ended the source; io.EOF at its proper end
	large      bool  // the buffer may grow beyond largeBuffer
	scan       scanner
	created    time.Time
	ordinal    int
	salvage    bool
	yield      func(Record, error) bool
}

func (s *splitter) run() error {
	if c, err := s.peek(); err != nil || c != '[' {
		return s.broken("is no JSON array", err)
	}
	s.consume(1)
	for first := true; ; first = false {
		c, err := s.peek()
		if err != nil {
			return s.broken("ends before its array does", err)
		}
		if first && c == ']' {
			break
		}
		if err := s.element(); err != nil {
			return err
		}
		if c, err = s.peek(); err != nil {
			return s.broken("ends before its array does", err)
		}
		if c != ',' && c != ']' {
			return s.broken("has neither comma nor bracket behind a record", nil)
		}
		if c == ']' {
			break
		}
		s.consume(1)
	}
	s.consume(1)
	if _, err := s.peek(); !errors.Is(err, io.EOF) {
		return s.broken("goes on behind its array", err)
	}
	return nil
}

// element yields the value at the beginning of the buffer.
func (s *splitter) element() error {
	for {
		n, err := s.scan.value(s.buf[s.begin:s.end])
		switch {
		case err == nil:
			return s.emit(s.record(s.buf[s.begin:s.begin+n]), n)
		case errors.Is(err, errShort) && s.failed == nil:
			s.double()
		case errors.Is(err, errShort):
			return s.broken("ends in the middle of a record", s.failed)
		case !s.salvage:
			return s.broken("holds a record that "+err.Error(), nil)
		default:
			return s.defective(err)
		}
	}
}

func (s *splitter) record(raw []byte) Record {
	members := &s.scan.members
	at, dated := parseCreationTime(text(members[memberTime]))
	if !dated {
		at = s.created
	}
	return Record{
		Raw:      raw,
		ID:       text(members[memberID]),
		Type:     digits(text(members[memberType])),
		Workload: text(members[memberWorkload]),
		Time:     at,
		Undated:  !dated,
		Ordinal:  s.ordinal,
	}
}

// defective yields a malformed element up to the comma or bracket that ends it,
// if its own brackets and quotes allow to tell where that is.
func (s *splitter) defective(reason error) error {
	for {
		if n := elementEnd(s.buf[s.begin:s.end]); n > 0 {
			raw := bytes.TrimRight(s.buf[s.begin:s.begin+n], " \t\r\n")
			return s.emit(Record{Raw: raw, Time: s.created, Undated: true, Ordinal: s.ordinal, Defect: "record " + reason.Error()}, n)
		}
		if s.failed != nil {
			return s.broken("holds a record that "+reason.Error(), s.failed)
		}
		s.double()
	}
}

// elementEnd is where the first array element of b ends, 0 if b does not tell.
func elementEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case ',', '}', ']':
			if depth == 0 {
				return i
			}
			if b[i] != ',' {
				depth--
			}
		}
	}
	return 0
}

func (s *splitter) emit(r Record, n int) error {
	s.ordinal++
	if !s.yield(r, nil) {
		return errStopped
	}
	s.consume(n)
	return nil
}

// broken ends the body. An error of the source that is not its end is passed on
// as it is, unless it too says that the body is broken.
func (s *splitter) broken(what string, err error) error {
	if err != nil && !errors.Is(err, io.EOF) && VerdictOf(err) != Broken {
		return err
	}
	if err != nil && VerdictOf(err) == Broken {
		what += ": " + err.Error()
	}
	if !s.salvage {
		return &Fault{Verdict: Broken, Err: fmt.Errorf("read records: body %s at byte %d", what, s.offset)}
	}
	for s.failed == nil {
		s.fill()
	}
	if VerdictOf(s.failed) != Broken && !errors.Is(s.failed, io.EOF) {
		return s.failed
	}
	rest := s.buf[s.begin:s.end]
	if err := s.emit(Record{Raw: rest, Time: s.created, Undated: true, Ordinal: s.ordinal, Defect: "body " + what}, len(rest)); err != nil {
		return err
	}
	return errStopped
}

// peek skips white space and returns the next byte without consuming it.
func (s *splitter) peek() (byte, error) {
	for {
		if s.offset == 0 && bytes.HasPrefix(s.buf[s.begin:s.end], []byte("\uFEFF")) {
			s.consume(len("\uFEFF"))
		}
		s.consume(skipSpace(s.buf[s.begin:s.end], 0))
		if s.begin < s.end && (s.offset > 0 || s.end-s.begin >= 3 || s.failed != nil) {
			return s.buf[s.begin], nil
		}
		if s.failed != nil {
			return 0, s.failed
		}
		s.fill()
	}
}

func (s *splitter) consume(n int) {
	s.begin += n
	s.offset += int64(n)
}

// double reads until twice as much is at hand, so that a large record that
// arrives in small pieces is not scanned again for each of them.
func (s *splitter) double() {
	for want := 2 * (s.end - s.begin); s.end-s.begin < want && s.failed == nil; {
		s.fill()
	}
}

// fill reads once, after making room: by moving what is left to the front or,
// where one record takes more than half of the buffer, to a buffer twice as large.
// So every byte is moved and scanned again a bounded number of times.
func (s *splitter) fill() {
	if s.end == len(s.buf) {
		to, more := s.buf, []byte(nil)
		if s.begin < len(s.buf)/2 {
			if to, more = s.larger(); to == nil {
				return
			}
		}
		s.end = copy(to, s.buf[s.begin:s.end])
		s.end += copy(to[s.end:], more)
		s.buf, s.begin = to, 0
		if len(more) > 0 {
			return
		}
	}
	n, err := s.source.Read(s.buf[s.end:])
	s.end += n
	s.failed = err
}
