package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// A hostileData is one content that nobody should serve, and what must become of it.
type hostileData struct {
	name   string
	answer http.HandlerFunc
	// delivered must arrive, letters be kept, byte for byte.
	delivered []string
	letters   []keptPiece
	behind    int // how many of delivered stand behind what is broken
	// stuck is why it stays pending, where the transport or a setting is what fails: it
	// is asked for as long as it exists, and counted as expired then.
	stuck string
}

// A keptPiece is what a dead letter holds and why.
type keptPiece struct{ reason, raw string }

const (
	badRecord  = "record is no valid JSON"
	noArray    = "body is no JSON array"
	overLimit  = "raise O365_MAX_CONTENT_BYTES"
	atOnce     = 10 // bombs of the largest kind
	cutOrWrong = "the answer is cut short or damaged"
)

// plain serves a body as it is, zipped as the real service does.
func plain(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

func zipped(body string) http.HandlerFunc { return coded("gzip", gzipped(body)) }

// coded serves bytes under a Content-Encoding.
func coded(coding string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", coding)
		_, _ = w.Write(body)
	}
}

// wired is an answer of which every byte is ours; the connection ends behind it.
func wired(t *testing.T, answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = buffered.WriteString(answer)
		_ = buffered.Flush()
		_ = conn.Close()
	}
}

func gzipped(body string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(body)) // into memory: does not fail
	_ = z.Close()
	return b.Bytes()
}

// bomb is what unpacks to head and then so many MB of one byte: a gzip stream may
// consist of parts, so that the same one serves again and again.
func bomb(head string, filling byte, megabytes int) []byte {
	part := gzipped(strings.Repeat(string(filling), 1<<20))
	return append(gzipped(head), bytes.Repeat(part, megabytes)...)
}

// hostileContents are all of them, for a limit of so many bytes. Each delivered record is
// another one.
func hostileContents(t *testing.T, limit int) []hostileData {
	n := 0
	good := func() string {
		n++
		return fmt.Sprintf(`{"Id":"good-%d","CreationTime":"2026-01-02T03:04:05","RecordType":25}`, n)
	}
	deep := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	array := func(records ...string) string { return "[" + strings.Join(records, ",") + "]" }
	delivered := func(name string, records ...string) hostileData {
		return hostileData{name: name, answer: zipped(array(records...)), delivered: records}
	}
	kept := func(name string, answer http.HandlerFunc, whole []string, letters ...keptPiece) hostileData {
		return hostileData{name: name, answer: answer, delivered: whole, letters: letters}
	}
	const zeros = 8 << 20
	a, b, c, d, e, g := good(), good(), good(), good(), good(), good()
	short := array(g, `{"Id":"cut off"}`)
	inner := gzipped(strings.Repeat("\x00", 1<<20))
	all := []hostileData{
		delivered("escaped NUL", `{"Id":"nul\u0000","RecordType":1,"\u0000":"\u0000"}`),
		delivered("lone surrogates", `{"Id":"\ud800","RecordType":1}`, `{"Id":"\udc00\ud800","RecordType":1}`),
		delivered("invalid UTF-8", "{\"Id\":\"\xff\xfe\xc0\x80\",\"\xed\xa0\x80\":1}"),
		delivered("10 MB in one string", `{"Id":"ten","S":"`+strings.Repeat("0123456789", 1_000_000)+`"}`),
		delivered("three quarters of the limit in one string", `{"Id":"large","S":"`+strings.Repeat("x", limit*3/4)+`"}`),
		delivered("numbers of any size", `{"Id":"n","a":1e999999,"b":-0.0E-400,"c":`+strings.Repeat("9", 400)+`,"RecordType":`+strings.Repeat("7", 400)+`}`),
		delivered("10,000 levels", deep(10_000)),
		delivered("repeated members", `{"Id":"first","Id":"second","CreationTime":"soon","CreationTime":"2026-01-02T03:04:05","x":1,"x":1}`),
		delivered("no objects", `{}`, `null`, `17`, `"text"`, `[]`, `true`, `[{"Id":"inner"}]`),
		delivered("years of no calendar", `{"Id":"y0","CreationTime":"0000-01-01T00:00:00+23:59"}`, `{"Id":"y9","CreationTime":"9999-12-31T23:59:59.9999999-23:59"}`),
		{name: "byte order mark", answer: plain("\ufeff" + array(a)), delivered: []string{a}},
		{name: "spacing", answer: plain("\r\n [\t" + b + " \n]\r\n\r\n"), delivered: []string{b}},
		{name: "raw control bytes", answer: zipped("[{\"Id\":\"\x00\x1b[2J\n\"}," + c + "]"), delivered: []string{c}, behind: 1,
			letters: []keptPiece{{badRecord, "{\"Id\":\"\x00\x1b[2J\n\"}"}}},
		{name: "10,001 levels", answer: zipped(array(deep(10_001), d)), delivered: []string{d}, behind: 1,
			letters: []keptPiece{{"record is nested more than 10,000 deep", deep(10_001)}}},
		kept("an object", zipped(`{"error":{"code":"AF429"}}`), nil, keptPiece{noArray, `{"error":{"code":"AF429"}}`}),
		kept("null", plain("null"), nil, keptPiece{noArray, "null"}),
		kept("nothing", plain(""), nil, keptPiece{noArray, ""}),
		kept("HTML", plain("<html>busy</html>"), nil, keptPiece{noArray, "<html>busy</html>"}),
		kept("concatenated arrays", zipped(array(e)+array(`{"Id":"behind"}`)), []string{e}, keptPiece{"body goes on behind its array", `[{"Id":"behind"}]`}),
		kept("trailing garbage", zipped("[]\x00\x00"), nil, keptPiece{"body goes on behind its array", "\x00\x00"}),
		kept("8 MB of zeros", coded("gzip", bomb("", 0, zeros>>20)), nil, keptPiece{noArray, strings.Repeat("\x00", zeros)}),
		kept("compressed twice", coded("gzip", gzipped(string(inner))), nil, keptPiece{noArray, string(inner)}),
		kept("compressed and not said so", plain(string(inner)+"."), nil, keptPiece{noArray, string(inner) + "."}),
		kept("a coding that nobody asked for", coded("br", []byte("\x0b\x02\x80[]\x03")), nil, keptPiece{noArray + `, under Content-Encoding "br"`, "\x0b\x02\x80[]\x03"}),
		kept("more than its Content-Length", wired(t, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(short)-4, short)), []string{g},
			keptPiece{"body ends in the middle of a record", `{"Id":"cut of`}),
		{name: "less than its Content-Length", answer: wired(t, "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n[]"), stuck: cutOrWrong},
		{name: "two Content-Lengths", answer: wired(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]]"), stuck: "Content-Length"},
		{name: "a chunk of no size", answer: wired(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]\r\n0\r\n\r\n"), stuck: cutOrWrong},
		{name: "no gzip", answer: coded("gzip", []byte("[]")), stuck: cutOrWrong},
		{name: "half a gzip stream", answer: coded("gzip", inner[:len(inner)/2]), stuck: cutOrWrong},
		{name: "1 GB of zeros", answer: coded("gzip", bomb("", 0, 1<<10)), stuck: overLimit},
		{name: "1 GB of spaces", answer: coded("gzip", bomb("[", ' ', 1<<10)), stuck: overLimit},
		{name: "1 GB of brackets", answer: coded("gzip", bomb("[", '[', 1<<10)), stuck: overLimit},
	}
	for i := range atOnce { // which need the same memory
		all = append(all, hostileData{name: fmt.Sprint("1 GB in one string, ", i), answer: coded("gzip", bomb(`[{"S":"`, 'x', 1<<10)), stuck: overLimit})
	}
	return all
}
