package wire_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"azcollector/internal/wire"
)

var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func header(retryAfter string) http.Header { return http.Header{"Retry-After": {retryAfter}} }

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "5": 5 * time.Second, " 5 ": 5 * time.Second, "2.128": 2128 * time.Millisecond, "-1": 0,
		"NaN": 0, "Inf": time.Hour, "-Inf": 0, "1e300": time.Hour, "86400": time.Hour, "soon": 0, "5s": 0,
		"Sun, 01 Nov 2026 12:00:30 GMT":   30 * time.Second,
		"Sun, 01 Nov 2026 11:00:00 GMT":   0,
		"Sun, 01 Nov 2037 12:00:00 GMT":   time.Hour,
		"Sunday, 01-Nov-26 12:00:30 GMT":  30 * time.Second,
		"Sun Nov  1 12:00:30 2026":        30 * time.Second,
		"Sun, 01 Nov 2026 12:00:30 +0000": 0,
	} {
		if got := wire.RetryAfter(header(value), now); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
	if got := wire.RetryAfter(http.Header{}, now); got != 0 {
		t.Errorf("without header: %s", got)
	}
}

// Whatever a header says, nobody makes us wait longer than an hour or less than not at
// all; seconds, whole or decimal, and dates are waited for as they say.
func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{
		"", "5", " 5 ", "2.128", "0.0000000001", "1e400", "-0", "-5", "NaN", "Inf", "0x1p1000", "1_0", "9223372036854775807", "3600.0000001",
		"Sun, 01 Nov 2026 12:00:30 GMT", "Sunday, 01-Nov-26 12:00:30 GMT", "Sun Nov  1 12:00:30 2026", "Sat, 31 Oct 2026 12:00:30 GMT",
		"Fri, 31 Dec 9999 23:59:59 GMT", "2026-11-01T12:00:30Z", "5, 6", "5;", "\x00", "\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got := wire.RetryAfter(header(value), now)
		if got < 0 || got > time.Hour {
			t.Errorf("%q: %s", value, got)
		}
		text := strings.TrimSpace(value)
		if n, err := strconv.ParseUint(text, 10, 64); err == nil && got != time.Duration(min(n, 3600))*time.Second {
			t.Errorf("%q seconds: %s", value, got)
		}
		if x, err := strconv.ParseFloat(text, 64); err == nil && x >= 0 && x <= 3600 && (got.Seconds()-x > 1e-6 || x-got.Seconds() > 1e-6) {
			t.Errorf("%q decimal seconds: %s", value, got)
		}
		if date, err := http.ParseTime(text); err == nil && got != min(max(date.Sub(now), 0), time.Hour) {
			t.Errorf("%q, a date: %s", value, got)
		}
	})
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "two words": "two words", "a  b": "a b", "a ": "a", " a": "a", "a\x7fb": "a b", " a\r\n b\tc ": "a b c", "a\x00\x1b[31mb": "a [31mb", "a\u2028b\u202eb": "a b b", "\xff": "\ufffd", "é€😀": "é€😀",
		"": "", strings.Repeat("é", 600): strings.Repeat("é", 512), "x" + strings.Repeat("é", 600): "x" + strings.Repeat("é", 511),
		strings.Repeat("a ", 600): strings.Repeat("a ", 511) + "a",
	} {
		if got := wire.Printable(in); got != want {
			t.Errorf("%.40q: got %.40q, want %.40q", in, got, want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\nb\xff\u2028")
	f.Add(strings.Repeat("a ", 600)) // cut behind a space
	f.Fuzz(func(t *testing.T, s string) {
		got := wire.Printable(s)
		if len(got) > 1024 || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) ||
			got != strings.Join(strings.Fields(got), " ") {
			t.Errorf("%q: got %q", s, got)
		}
	})
}

// A body tells how much of it was read, and whether it was closed.
type body struct {
	io.Reader
	read   int
	closed bool
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.read += n
	return n, err
}

func (b *body) Close() error { b.closed = true; return nil }

func TestErrorTextOfALargeAnswer(t *testing.T) {
	endless := &body{Reader: strings.NewReader(strings.Repeat("no\n", 1<<20))}
	text := wire.ErrorText(&http.Response{Body: endless})
	if len(text) > 1024 || strings.Contains(text, "\n") || !strings.HasPrefix(text, "no no") {
		t.Errorf("got %q", text)
	}
	if !endless.closed || endless.read > 200<<10 {
		t.Errorf("closed %v, %d bytes read", endless.closed, endless.read)
	}
	cut := &body{Reader: io.MultiReader(strings.NewReader("begun"), errReader{})}
	if text := wire.ErrorText(&http.Response{Body: cut}); text != "begun" || !cut.closed {
		t.Errorf("of a body cut short: %q", text)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestRedactTakesTheAddressOut(t *testing.T) {
	inner := errors.New("connection refused")
	err := wire.Redact(&url.Error{Op: "Get", URL: "https://a.example/?secret=1", Err: inner})
	if !errors.Is(err, inner) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	if wire.Redact(inner) != inner || wire.Redact(nil) != nil {
		t.Error("another error is changed")
	}
}
