package collect

import (
	"bytes"
	"encoding/json"
	"time"
)

// unescape returns the text of a JSON string's inside; without a backslash that
// is the same bytes.
func unescape(inside []byte) []byte {
	if bytes.IndexByte(inside, '\\') < 0 {
		return inside
	}
	var s string
	if json.Unmarshal(append(append([]byte{'"'}, inside...), '"'), &s) != nil {
		return inside
	}
	return []byte(s)
}

// text is the value of a member as text: a string's inside, any other value's
// own bytes, nothing for null.
func text(value []byte) []byte {
	switch {
	case len(value) >= 2 && value[0] == '"':
		return unescape(value[1 : len(value)-1])
	case string(value) == "null":
		return nil
	}
	return value
}

// digits returns b if it is a whole number without sign, else nothing.
func digits(b []byte) []byte {
	for _, c := range b {
		if c < '0' || c > '9' {
			return nil
		}
	}
	return b
}

// parseCreationTime reads what Microsoft writes: UTC without a zone, up to seven
// decimals ("2015-06-29T20:03:19"); also with a space for the T, with Z, or with
// an offset, as other exporters have it.
func parseCreationTime(b []byte) (time.Time, bool) {
	const layout = "2006-01-02T15:04:05"
	if len(b) < len(layout) || len(b) > 40 {
		return time.Time{}, false
	}
	number := func(from, to int) (n int) {
		for _, c := range b[from:to] {
			if c < '0' || c > '9' {
				return -1 << 20 // out of every range
			}
			n = n*10 + int(c-'0')
		}
		return n
	}
	year, month, day := number(0, 4), number(5, 7), number(8, 10)
	hour, minute, second := number(11, 13), number(14, 16), number(17, 19)
	if b[4] != '-' || b[7] != '-' || b[10] != 'T' && b[10] != ' ' || b[13] != ':' || b[16] != ':' ||
		year < 0 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 ||
		minute < 0 || minute > 59 || second < 0 || second > 59 {
		return time.Time{}, false
	}
	rest, nanos := b[len(layout):], 0
	if len(rest) > 1 && rest[0] == '.' && '0' <= rest[1] && rest[1] <= '9' {
		rest = rest[1:]
		for scale := 100_000_000; len(rest) > 0 && '0' <= rest[0] && rest[0] <= '9'; scale /= 10 {
			nanos += int(rest[0]-'0') * scale
			rest = rest[1:]
		}
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	if t.Day() != day { // 31 April
		return time.Time{}, false
	}
	if len(rest) == 0 || string(rest) == "Z" {
		return t, true
	}
	zone, err := time.Parse("Z07:00", string(rest))
	if err != nil {
		return time.Time{}, false
	}
	_, offset := zone.Zone()
	return t.Add(-time.Duration(offset) * time.Second), true
}
