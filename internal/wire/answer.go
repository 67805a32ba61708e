package wire

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// maxErrorText bounds what of an error's body reaches a log, in bytes.
const maxErrorText = 1024

// maxErrorBody is how much of an error's body is searched for secrets, of which nothing
// beyond maxErrorText is told: what is cut before it is searched may keep half of one.
const maxErrorBody = 64 << 10

// maxDrain is how much of an answer is read to save its connection.
const maxDrain = 64 << 10

// maxRetryAfter bounds how long anybody can put us to sleep.
const maxRetryAfter = time.Hour

// RetryAfter reads the header of that name: seconds, decimal seconds
// (Microsoft's own sample is 2.128) or an HTTP date. 0 if there is none or it
// cannot be read; at most an hour.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(v, 64); err == nil {
		if !(seconds > 0) { // negative, zero, NaN
			return 0
		}
		return time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
	}
	if date, err := http.ParseTime(v); err == nil {
		return min(max(date.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// ErrorText makes at most 1 KiB of an answer's body an error message, without these
// secrets (those of the request that was answered) and with control characters made
// visible as spaces, and closes the body so that its connection can be used again.
func ErrorText(resp *http.Response, secrets ...string) string {
	defer Discard(resp)
	b, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // what arrived before an error is all there is to say
	return Printable(Scrub(string(b), secrets...))
}

// Printable replaces what could forge a log line, and cuts to 1 KiB.
func Printable(s string) string {
	if plain(s) {
		return s
	}
	s = strings.ToValidUTF8(s, "�")
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) { // control characters, line separators, what turns the direction of writing
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxErrorText {
		s = strings.TrimSuffix(strings.ToValidUTF8(s[:maxErrorText], ""), " ")
	}
	return s
}

// plain reports whether s is printable as it is: words of ASCII, one space between them.
func plain(s string) bool {
	if len(s) > maxErrorText {
		return false
	}
	before := byte(' ')
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == ' ' && before == ' ' {
			return false
		}
		before = s[i]
	}
	return s == "" || before != ' '
}

// Discard reads a little of what is left of an answer and closes it, so that
// the connection is used again where that is cheap.
func Discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, maxDrain) // only the connection is at stake
	_ = resp.Body.Close()
}

// Redact takes the address out of a client's error, and whatever it quotes: a query
// string may hold a secret, an answer may repeat one, and the caller knows where it was
// going.
func Redact(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if err == nil || !strings.Contains(err.Error(), `"`) {
		return err
	}
	return unquoted{err}
}

// ReadAll reads a body, at most limit bytes and one more. length is what it says to have,
// or -1: so much memory is taken at once, if that is within the limit.
func ReadAll(body io.Reader, length int64, limit int) ([]byte, error) {
	var b bytes.Buffer
	if 0 < length && length <= int64(limit) {
		b.Grow(int(length) + bytes.MinRead)
	}
	_, err := b.ReadFrom(io.LimitReader(body, int64(limit)+1))
	return b.Bytes(), err
}
