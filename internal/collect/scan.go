package collect

import (
	"encoding/binary"
	"errors"
)

// maxDepth is the deepest nesting taken, the same as encoding/json's own limit.
const maxDepth = 10_000

var (
	errShort   = errors.New("ends in the middle of a value")
	errInvalid = errors.New("is no valid JSON")
)

// A scanner validates one JSON value as encoding/json.Valid does (invalid UTF-8,
// repeated members and lone surrogates pass) and notes on the way where four
// members of a top-level object lie. It exists because validity costs 0.3 of the
// whole pipeline with the standard library (docs/design.md, "own scanner").
type scanner struct {
	open    []byte // '{' or '[' per level
	members [memberCount][]byte
	current member
	start   int
}

type member uint8

const (
	noMember member = iota
	memberID
	memberTime
	memberType
	memberWorkload
	memberCount
)

// value returns the length of the JSON value at the start of b, which begins with
// no white space. errShort means that b may be the beginning of a valid value.
func (s *scanner) value(b []byte) (int, error) {
	s.open, s.members, s.current = s.open[:0], [memberCount][]byte{}, noMember
	i, err := s.begin(b, 0)
	for err == nil && len(s.open) > 0 {
		if len(s.open) == 1 && s.current != noMember {
			s.members[s.current], s.current = b[s.start:i], noMember
		}
		i, err = s.proceed(b, skipSpace(b, i))
	}
	return i, err
}

// begin scans a scalar, or opens an object or array up to its first value.
func (s *scanner) begin(b []byte, i int) (int, error) {
	for {
		if i >= len(b) {
			return i, errShort
		}
		switch c := b[i]; {
		case c == '"':
			return scanString(b, i)
		case c == '-' || '0' <= c && c <= '9':
			return scanNumber(b, i)
		case c == 't':
			return scanLiteral(b, i, "true")
		case c == 'f':
			return scanLiteral(b, i, "false")
		case c == 'n':
			return scanLiteral(b, i, "null")
		case c != '{' && c != '[':
			return i, errInvalid
		}
		if len(s.open) == maxDepth {
			return i, errInvalid
		}
		kind := b[i]
		s.open = append(s.open, kind)
		i = skipSpace(b, i+1)
		if i < len(b) && b[i] == kind+2 { // "{}" and "[]": the closing brackets are two code points on
			s.open = s.open[:len(s.open)-1]
			return i + 1, nil
		}
		if kind == '{' {
			var err error
			if i, err = s.key(b, i); err != nil {
				return i, err
			}
		}
	}
}

// proceed goes on behind a value inside an object or array: it closes that, or
// scans the next value.
func (s *scanner) proceed(b []byte, i int) (int, error) {
	if i >= len(b) {
		return i, errShort
	}
	kind := s.open[len(s.open)-1]
	switch {
	case b[i] == kind+2:
		s.open = s.open[:len(s.open)-1]
		return i + 1, nil
	case b[i] != ',':
		return i, errInvalid
	}
	i = skipSpace(b, i+1)
	if kind == '{' {
		var err error
		if i, err = s.key(b, i); err != nil {
			return i, err
		}
	}
	return s.begin(b, i)
}

// key scans a member's name and colon, and says where its value begins.
func (s *scanner) key(b []byte, i int) (int, error) {
	if i >= len(b) {
		return i, errShort
	}
	if b[i] != '"' {
		return i, errInvalid
	}
	end, err := scanString(b, i)
	if err != nil {
		return end, err
	}
	name := b[i+1 : end-1]
	i = skipSpace(b, end)
	if i >= len(b) {
		return i, errShort
	}
	if b[i] != ':' {
		return i, errInvalid
	}
	i = skipSpace(b, i+1)
	if len(s.open) == 1 {
		s.current, s.start = memberNamed(name), i
	}
	return i, nil
}

// memberNamed compares names byte for byte, as the source writes them; a name
// with escapes is unescaped first. Of repeated members the last one counts.
func memberNamed(name []byte) member {
	switch string(unescape(name)) {
	case "Id":
		return memberID
	case "CreationTime":
		return memberTime
	case "RecordType":
		return memberType
	case "Workload":
		return memberWorkload
	}
	return noMember
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plainRun is the length of the run at the start of b with neither quote nor
// backslash nor control character, found eight bytes at a time.
func plainRun(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		quote, backslash := x^(ones*'"'), x^(ones*'\\')
		if (quote-ones)&^quote&highs|(backslash-ones)&^backslash&highs|(x-ones*0x20)&^x&highs != 0 {
			break
		}
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= 0x20 {
		i++
	}
	return i
}

func scanString(b []byte, i int) (int, error) {
	for i++; ; {
		i += plainRun(b[i:])
		switch {
		case i >= len(b):
			return i, errShort
		case b[i] == '"':
			return i + 1, nil
		case b[i] != '\\':
			return i, errInvalid
		case i+1 >= len(b):
			return i, errShort
		}
		switch b[i+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			i += 2
		case 'u':
			for j := i + 2; j < i+6; j++ {
				switch {
				case j >= len(b):
					return j, errShort
				case !isHex(b[j]):
					return j, errInvalid
				}
			}
			i += 6
		default:
			return i, errInvalid
		}
	}
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func scanLiteral(b []byte, i int, literal string) (int, error) {
	for j := range len(literal) {
		if i+j >= len(b) {
			return i + j, errShort
		}
		if b[i+j] != literal[j] {
			return i + j, errInvalid
		}
	}
	return i + len(literal), nil
}

// scanNumber needs a byte behind the number to know that it ended.
func scanNumber(b []byte, i int) (int, error) {
	if b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	default:
		var err error
		if i, err = scanDigits(b, i); err != nil {
			return i, err
		}
	}
	if i < len(b) && b[i] == '.' {
		var err error
		if i, err = scanDigits(b, i+1); err != nil {
			return i, err
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		var err error
		if i, err = scanDigits(b, i); err != nil {
			return i, err
		}
	}
	if i == len(b) {
		return i, errShort
	}
	return i, nil
}

// scanDigits scans one digit or more.
func scanDigits(b []byte, i int) (int, error) {
	start := i
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	switch {
	case i > start:
		return i, nil
	case i == len(b):
		return i, errShort
	}
	return i, errInvalid
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}
