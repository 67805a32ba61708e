package collect

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// maxDepth is the deepest nesting taken, the same as encoding/json's own limit.
const maxDepth = 10_000

var (
	errShort   = errors.New("ends in the middle of a value")
	errInvalid = errors.New("is no valid JSON")
	errDeep    = errors.New("is nested more than 10,000 deep")
)

// A scanner validates one JSON value as encoding/json.Valid does (invalid UTF-8,
// repeated members and lone surrogates pass) and notes on the way where four
// members of a top-level object lie. It exists because validity costs 0.3 of the
// whole pipeline with the standard library (docs/design.md, "own scanner").
type scanner struct {
	open    []byte // '{' or '[' per level
	members [memberCount][]byte
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
func (s *scanner) value(b []byte) (i int, err error) {
	s.open, s.members = s.open[:0], [memberCount][]byte{}
	current, start := noMember, 0 // the member whose value we are in, and where that begins
	for {
		if i >= len(b) {
			return i, errShort
		}
		c := b[i]
		opened := false
		switch {
		case c == '"':
			i, _, err = scanString(b, i)
		case c == '{' || c == '[':
			if len(s.open) == maxDepth {
				return i, errDeep
			}
			i = skipSpace(b, i+1)
			if i < len(b) && b[i] == c+2 { // "{}" and "[]": the closing brackets are two code points on
				i++
				break
			}
			s.open = append(s.open, c)
			opened = true
		default:
			i, err = scanScalar(b, i)
		}
		if err != nil {
			return i, err
		}
		if !opened {
			if i, err = s.leave(b, i, &current, start); err != nil || len(s.open) == 0 {
				return i, err
			}
		}
		if s.open[len(s.open)-1] == '{' {
			var m member
			if i, m, err = s.key(b, i); err != nil {
				return i, err
			}
			if len(s.open) == 1 {
				current, start = m, i
			}
		}
	}
}

// leave goes on behind a value: it closes what ends there, and stops behind the comma
// before the next value, or where the outermost value ends.
func (s *scanner) leave(b []byte, i int, current *member, start int) (int, error) {
	for len(s.open) > 0 {
		if *current != noMember && len(s.open) == 1 {
			s.members[*current], *current = b[start:i], noMember
		}
		if i < len(b) && b[i] <= ' ' {
			i = skipSpace(b, i)
		}
		switch {
		case i >= len(b):
			return i, errShort
		case b[i] == ',':
			if i++; i < len(b) && b[i] <= ' ' {
				i = skipSpace(b, i)
			}
			return i, nil
		case b[i] != s.open[len(s.open)-1]+2:
			return i, errInvalid
		}
		i++
		s.open = s.open[:len(s.open)-1]
	}
	return i, nil
}

// scanScalar scans what is neither string nor object nor array.
func scanScalar(b []byte, i int) (int, error) {
	switch c := b[i]; {
	case c == '-' || '0' <= c && c <= '9':
		return scanNumber(b, i)
	case c == 't':
		return scanLiteral(b, i, "true")
	case c == 'f':
		return scanLiteral(b, i, "false")
	case c == 'n':
		return scanLiteral(b, i, "null")
	}
	return i, errInvalid
}

// key scans a member's name and colon, up to its value.
func (s *scanner) key(b []byte, i int) (int, member, error) {
	if i >= len(b) {
		return i, noMember, errShort
	}
	if b[i] != '"' {
		return i, noMember, errInvalid
	}
	end, escaped, err := scanString(b, i)
	if err != nil {
		return end, noMember, err
	}
	m := noMember
	if len(s.open) == 1 {
		m = memberNamed(b[i+1:end-1], escaped)
	}
	if i = end; i < len(b) && b[i] <= ' ' {
		i = skipSpace(b, i)
	}
	if i >= len(b) {
		return i, noMember, errShort
	}
	if b[i] != ':' {
		return i, noMember, errInvalid
	}
	if i++; i < len(b) && b[i] <= ' ' {
		i = skipSpace(b, i)
	}
	return i, m, nil
}

// memberNamed compares names byte for byte, as the source writes them; a name
// with escapes is unescaped first. Of repeated members the last one counts.
func memberNamed(name []byte, escaped bool) member {
	if escaped {
		name = unescape(name)
	}
	switch string(name) {
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

// special marks, in the eight bytes of x, quotes, backslashes and control characters.
// The lowest bit that is set tells exactly; above it, what was borrowed may lie.
func special(x uint64) uint64 {
	quote, backslash := x^(ones*'"'), x^(ones*'\\')
	return ((quote-ones)&^quote | (backslash-ones)&^backslash | (x-ones*0x20)&^x) & highs
}

// scanString returns where the string ends, and whether anything in it is escaped. Most
// strings are not, and are found out about eight bytes at a time.
func scanString(b []byte, i int) (_ int, escaped bool, _ error) {
	for i++; i+8 <= len(b); i += 8 {
		if found := special(binary.LittleEndian.Uint64(b[i:])); found != 0 {
			if i += bits.TrailingZeros64(found) >> 3; b[i] == '"' {
				return i + 1, false, nil
			}
			break
		}
	}
	return scanRest(b, i)
}

// plainRun is the length of the run at the start of b with nothing [special] in it.
func plainRun(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		if found := special(binary.LittleEndian.Uint64(b[i:])); found != 0 {
			return i + bits.TrailingZeros64(found)>>3
		}
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= 0x20 {
		i++
	}
	return i
}

// scanRest scans the rest of a string, escapes and all.
func scanRest(b []byte, i int) (_ int, escaped bool, _ error) {
	for {
		i += plainRun(b[i:])
		switch {
		case i >= len(b):
			return i, escaped, errShort
		case b[i] == '"':
			return i + 1, escaped, nil
		case b[i] != '\\':
			return i, escaped, errInvalid
		case i+1 >= len(b):
			return i, escaped, errShort
		}
		escaped = true
		switch b[i+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			i += 2
		case 'u':
			for j := i + 2; j < i+6; j++ {
				switch {
				case j >= len(b):
					return j, escaped, errShort
				case !isHex(b[j]):
					return j, escaped, errInvalid
				}
			}
			i += 6
		default:
			return i, escaped, errInvalid
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
