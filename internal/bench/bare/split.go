package main

import (
	"bytes"
	"errors"
)

var errCut = errors.New("split: the body ends too early")

// split yields the objects of a JSON array with two of their members. It looks at
// brackets and quotes only, and believes the rest.
func split(body []byte, yield func(record, created, kind []byte) error) error {
	depth, start := 0, 0
	var created, kind []byte
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			end := closing(body, i)
			if end < 0 {
				return errCut
			}
			if depth == 2 {
				switch name := body[i+1 : end]; string(name) {
				case "CreationTime":
					created = member(body, end+1)
				case "RecordType":
					kind = member(body, end+1)
				}
			}
			i = end
		case '{', '[':
			if depth++; depth == 2 {
				start, created, kind = i, nil, nil
			}
		case '}', ']':
			if depth--; depth == 1 {
				if err := yield(body[start:i+1], created, kind); err != nil {
					return err
				}
			}
		}
	}
	if depth != 0 {
		return errCut
	}
	return nil
}

// closing is where the string ends whose opening quote is at i.
func closing(b []byte, i int) int {
	for {
		n := bytes.IndexByte(b[i+1:], '"')
		if n < 0 {
			return -1
		}
		i += n + 1
		backslashes := 0
		for b[i-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return i
		}
	}
}

// member is the string or number behind a name; nil if it was no name.
func member(b []byte, i int) []byte {
	rest := bytes.TrimLeft(b[i:min(i+64, len(b))], " \t\r\n") // none of the two is longer
	if len(rest) == 0 || rest[0] != ':' {
		return nil
	}
	rest = bytes.TrimLeft(rest[1:], " \t\r\n")
	if len(rest) > 0 && rest[0] == '"' {
		rest = rest[1:]
		return rest[:max(0, bytes.IndexByte(rest, '"'))]
	}
	return rest[:max(0, bytes.IndexAny(rest, ",} \t\r\n"))]
}
