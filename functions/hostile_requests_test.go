package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/webhook"
)

// A door is one of the two ways in, with a webhook that knows one secret and one
// address, and functions that nobody but the host may call.
type door struct {
	address  string
	book     logBook
	accepted atomic.Int32 // contents announced
	called   atomic.Int32 // calls of functions
}

const (
	doorSecret = "the-secret"
	doorTenant = "3b1d5a4e-77aa-4c52-9d0e-0f61c2a8b901"
	doorBody   = `[{"contentType":"Audit.General","contentId":"1","contentUri":"https://api.example/1"}]`
)

// doors opens both.
func doors(t *testing.T) map[string]*door {
	own, host := &door{}, &door{}
	own.address, _ = listening(t, Settings{}, own.rooms(), newLogger(&own.book, true))
	h, _ := hostWith(t, newLogger(&host.book, true), opened(host.rooms()))
	host.address = strings.TrimPrefix(h.base, "http://")
	return map[string]*door{"our own listener": own, "the Functions host's port": host}
}

func (d *door) rooms() *rooms {
	reports := &house{log: newLogger(&d.book, true), meter: &collect.Meter{}}
	call := func(context.Context, []byte) error { d.called.Add(1); return nil }
	return &rooms{
		Functions: map[string]function{"pull": call, "content": call, "master": call, "updater": call},
		Webhook: &webhook.Handler{
			AuthIDs: func() map[string][]string { return map[string][]string{doorTenant: {doorSecret}} },
			Types:   []string{"Audit.General"},
			Check: func(uri, id string) (string, error) {
				if uri != "https://api.example/"+id {
					return "", errors.New("refuse contentUri")
				}
				return doorTenant, nil
			},
			Announce: func(_ context.Context, contents []collect.Content) ([]*collect.Claim, error) {
				d.accepted.Add(int32(len(contents)))
				return nil, nil
			},
			Submit: func(context.Context, []*collect.Claim) <-chan struct{} {
				tried := make(chan struct{})
				close(tried)
				return tried
			},
			Budget: time.Second,
			Report: reports.reportNotice,
		},
	}
}

// say sends raw bytes and returns the answers' statuses, until the server hangs up.
func (d *door) say(t *testing.T, raw string) (statuses []int) {
	t.Helper()
	conn, err := net.Dial("tcp", d.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	go func() { // the server may hang up meanwhile
		_, _ = io.WriteString(conn, raw)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	for answers := bufio.NewReader(conn); ; {
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				t.Fatal("the server neither answers nor hangs up")
			}
			return statuses
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return statuses
		}
		statuses = append(statuses, resp.StatusCode)
	}
}

const (
	asking   = "POST " + hostWebhookPath + " HTTP/1.1\r\nHost: x\r\n"
	knowing  = asking + "Webhook-AuthID: " + doorSecret + "\r\n"
	chunked  = "Transfer-Encoding: chunked\r\n"
	smuggled = "POST /pull HTTP/1.1\r\nHost: x\r\nX-Azure-Functions-InvocationId: 1\r\nContent-Length: 35\r\n\r\n" + `{"Data":{"timer":{}},"Metadata":{}}`
	length   = "Content-Length: 86\r\n\r\n"
)

// TestSmuggling: whatever view of a request's end others may take, a stranger's
// connection carries one request, and no second one gets past the secret.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	if len(doorBody) != 86 {
		t.Fatalf("the body has %d bytes", len(doorBody))
	}
	long := strings.Repeat("a", 2<<20)
	type shape struct {
		name, raw string
		want      []int // statuses; none: the server hangs up
		host      []int // where the host's port answers otherwise
		accepted  int32
	}
	shapes := []shape{
		{"as Microsoft sends it", knowing + length + doorBody, []int{200}, nil, 1},
		{"in chunks", knowing + chunked + "\r\n56\r\n" + doorBody + "\r\n0\r\n\r\n", []int{200}, nil, 1},
		{"who knows goes on, a stranger does not", knowing + length + doorBody + asking + length + doorBody + smuggled, []int{200, 401}, nil, 1},
		{"the secret in a trailer", asking + chunked + "Trailer: Webhook-AuthID\r\n\r\n56\r\n" + doorBody + "\r\n0\r\nWebhook-AuthID: " + doorSecret + "\r\n\r\n", []int{401}, nil, 0},
		{"a stranger's second request", asking + "Content-Length: 0\r\n\r\n" + smuggled, []int{401}, nil, 0},
		{"a probe's second request", "GET " + hostWebhookPath + " HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled, []int{200}, nil, 0},

		{"short length, chunked", asking + "Content-Length: 4\r\n" + chunked + "\r\n0\r\n\r\n" + smuggled, []int{401}, nil, 0},
		{"chunked, long length", asking + chunked + "Content-Length: 300\r\n\r\n0\r\n\r\n" + smuggled, []int{401}, nil, 0},
		{"chunked in HTTP/1.0", strings.Replace(asking, "1.1", "1.0", 1) + "Connection: keep-alive\r\n" + chunked + "\r\n0\r\n\r\n" + smuggled, []int{401}, nil, 0},
		{"two lengths", asking + "Content-Length: 0\r\nContent-Length: 300\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"two lengths that agree", asking + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + smuggled, []int{401}, nil, 0},
		{"a list of lengths", asking + "Content-Length: 0, 300\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"a length with a sign", asking + "Content-Length: +0\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"a length below 0", asking + "Content-Length: -1\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"a hexadecimal length", asking + "Content-Length: 0x0\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"an empty length", asking + "Content-Length:\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"a length without end", asking + "Content-Length: 99999999999999999999\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"an unknown coding", asking + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled, []int{501}, nil, 0},
		{"two codings", asking + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + smuggled, []int{501}, nil, 0},
		{"the coding twice", asking + chunked + chunked + "\r\n0\r\n\r\n" + smuggled, []int{501}, nil, 0},
		{"another coding behind", asking + chunked + "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" + smuggled, []int{501}, nil, 0},
		{"a tab before the coding", asking + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"a space behind the name", asking + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"an underline in the name", asking + "Transfer_Encoding: chunked\r\n\r\n" + smuggled, []int{401}, nil, 0},
		{"the coding folded", asking + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + smuggled, []int{401}, nil, 0},
		{"the first field folded", strings.Replace(asking, "Host", " Host", 1) + "\r\n" + smuggled, []int{400}, nil, 0},
		{"lines without CR", strings.ReplaceAll(asking, "\r", "") + "Content-Length: 0\n\n" + smuggled, []int{401}, nil, 0},
		{"a field behind a bare LF", asking + "X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, []int{401}, nil, 0},
		{"a field behind a bare CR", asking + "X: a\rTransfer-Encoding: chunked\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"chunk extensions", knowing + chunked + "\r\n56;a=\"b\"\r\n" + doorBody + "\r\n0;c\r\n\r\n", []int{200}, nil, 1},
		{"a chunk's size ends in LF", knowing + chunked + "\r\n56\n" + doorBody + "\r\n0\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"a chunk's extension with LF", knowing + chunked + "\r\n56;\n" + doorBody + "\r\n0\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"a chunk's size below 0", knowing + chunked + "\r\n-1\r\n" + doorBody + "\r\n0\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"a chunk's size with 0x", knowing + chunked + "\r\n0x56\r\n" + doorBody + "\r\n0\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"a chunk's size without end", knowing + chunked + "\r\n" + strings.Repeat("F", 17) + "\r\n" + doorBody + "\r\n0\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"a chunk that is longer than its size", knowing + chunked + "\r\n10\r\n" + doorBody + "\r\n0\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"extensions without end", knowing + chunked + "\r\n56;" + long + "\r\n" + doorBody + "\r\n0\r\n\r\n" + smuggled, []int{400}, nil, 0},

		{"absolute form", strings.Replace(asking, hostWebhookPath, "http://evil.example"+hostWebhookPath, 1) + "Content-Length: 0\r\n\r\n" + smuggled, []int{401}, nil, 0},
		{"absolute form of who knows", strings.Replace(knowing, hostWebhookPath, "http://evil.example"+hostWebhookPath, 1) + length + doorBody, []int{200}, nil, 1},
		{"absolute form with a user", strings.Replace(asking, hostWebhookPath, "http://u:p@evil.example"+hostWebhookPath, 1) + "Content-Length: 0\r\n\r\n", []int{401}, nil, 0},
		{"CONNECT", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n" + smuggled, []int{404}, []int{404, 200}, 0},
		{"CONNECT to the path", strings.Replace(knowing, "POST", "CONNECT", 1) + "\r\n", []int{400}, nil, 0},
		{"OPTIONS of all", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", []int{404}, []int{200}, 0},
		{"TRACE", strings.Replace(knowing, "POST", "TRACE", 1) + "\r\n", []int{400}, nil, 0},
		{"a method in lower case", strings.Replace(knowing, "POST", "post", 1) + length + doorBody, []int{400}, nil, 0},
		{"a method of no letters", strings.Replace(knowing, "POST", "P(ST", 1) + length + doorBody, []int{400}, nil, 0},
		{"a method without end", strings.Replace(knowing, "POST", long, 1) + length + doorBody, []int{431}, nil, 0},
		{"a path without end", strings.Replace(knowing, hostWebhookPath, "/"+long, 1) + length + doorBody, []int{431}, nil, 0},
		{"a field without end", knowing + "X: " + long + "\r\n" + length + doorBody, []int{431}, nil, 0},
		{"fields without end", knowing + strings.Repeat("X: a\r\n", 200_000) + length + doorBody, []int{431}, nil, 0},
		{"NUL in a field", asking + "X: a\x00b\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"NUL in a field's name", asking + "X\x00: a\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"NUL in the path", strings.Replace(knowing, "webhook", "webhook\x00", 1) + "\r\n" + smuggled, []int{400}, nil, 0},
		{"a space in the path", strings.Replace(knowing, "webhook", "webhook /pull", 1) + "\r\n" + smuggled, []int{400}, nil, 0},
		{"no host", strings.Replace(knowing, "Host: x\r\n", "", 1) + "\r\n" + smuggled, []int{400}, nil, 0},
		{"two hosts", knowing + "Host: y\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"HTTP/0.9", "POST " + hostWebhookPath + "\r\n\r\n" + smuggled, []int{400}, nil, 0},
		{"HTTP/3.0", strings.Replace(knowing, "1.1", "3.0", 1) + "\r\n" + smuggled, []int{505}, nil, 0},
		{"HTTP/2 by prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{404}, nil, 0},
		{"HTTP/2 by upgrade", asking + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n" + smuggled, []int{401}, nil, 0},
		{"an empty line first", "\r\n" + knowing + length + doorBody, []int{400}, nil, 0},
		{"a body is not awaited of a stranger", asking + "Expect: 100-continue\r\nContent-Length: 100\r\n\r\n", []int{401}, nil, 0},
		{"another expectation", knowing + "Expect: gold\r\n" + length + doorBody + smuggled, []int{417}, nil, 0},
		{"bytes that are nothing", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + smuggled, []int{400}, nil, 0},
	}
	for name, d := range doors(t) {
		for _, s := range shapes {
			t.Run(name+"/"+s.name, func(t *testing.T) {
				want, before := s.want, d.accepted.Load()
				var called int32
				if d.called.Store(0); s.host != nil && name != "our own listener" {
					// What has reached the port is the host's: it is not asking for the secret.
					if want = s.host; slices.Equal(want, []int{404, 200}) {
						called = 1
					}
				}
				got := d.say(t, s.raw)
				if slices.Equal(want, []int{431}) && got == nil {
					want = nil // it hung up while we were still writing
				}
				if !slices.Equal(got, want) || d.accepted.Load()-before != s.accepted || d.called.Load() != called {
					t.Errorf("answers %v, want %v; %d contents, %d calls", got, want, d.accepted.Load()-before, d.called.Load())
				}
			})
		}
		d.book.lines(t) // each is one JSON object
	}
}
