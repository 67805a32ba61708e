package collect

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxOrigins bounds what a row says of where its identities come from: what a
// property of Table Storage takes, less a margin. Beyond, the last ones are left
// out: the identities themselves are what must not be missing.
const maxOrigins = 60_000

// An origin says which content the next n identities of a row were delivered
// with, and when that was acknowledged.
type origin struct {
	n       int
	content Key
	at      time.Time
}

// encodeOrigins writes a line for each origin of the first n identities.
func encodeOrigins(origins []origin, n int) []byte {
	var b bytes.Buffer
	for _, o := range origins {
		if n <= 0 {
			break
		}
		line := fmt.Sprintf("%d %d %s %s\n", min(o.n, n), o.at.UnixMilli(), o.content.Partition, o.content.Row)
		if b.Len()+len(line) > maxOrigins {
			break
		}
		b.WriteString(line)
		n -= o.n
	}
	return b.Bytes()
}

// originAt finds whose the n-th identity of a row is.
func originAt(lines []byte, n int) (o origin, ok bool) {
	for line := range bytes.Lines(lines) {
		words := strings.Fields(string(line))
		if len(words) != 4 {
			return origin{}, false
		}
		count, err := strconv.ParseUint(words[0], 10, 16)
		milli, wrong := strconv.ParseInt(words[1], 10, 64)
		if err != nil || wrong != nil {
			return origin{}, false
		}
		if o.n = int(count); n < o.n {
			o.content, o.at = Key{kindContent, words[2], words[3]}, time.UnixMilli(milli).UTC()
			return o, true
		}
		n -= o.n
	}
	return origin{}, false
}

// dropOrigins forgets those of the first n identities.
func dropOrigins(origins []origin, n int) []origin {
	for len(origins) > 0 && n >= origins[0].n {
		n -= origins[0].n
		origins = origins[1:]
	}
	if len(origins) > 0 {
		origins[0].n -= n
	}
	return append([]origin(nil), origins...) // a new array: the old one would be kept whole
}
