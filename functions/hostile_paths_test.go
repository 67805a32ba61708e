package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// TestPathGames: the webhook has one path in one spelling, and the functions have none
// that leads there from outside.
func TestPathGames(t *testing.T) {
	const invocation = "X-Azure-Functions-InvocationId: 1\r\n"
	own := doors(t)["our own listener"]
	for _, path := range []string{
		"/API/O365/WEBHOOK", "/api/o365/Webhook", "//api/o365/webhook", "/api//o365/webhook", "/api/o365/webhook/", "/api/o365/webhook/.",
		"/./api/o365/webhook", "/api/o365/x/../webhook", "/api/o365/%2e/webhook", "/api/o365/%2e%2e/o365/webhook", "/api/o365/webhook;a=b",
		"/api;a/o365/webhook", "/api%2fo365%2fwebhook", "/%61pi/o365/webhook", "/api/o365/webhook%00", "/api/o365/webhook%20", "/api/o365/webhook%3Fa",
		"/api/o365/webhook%0d%0aX:a", "/api\\o365\\webhook", "\\api\\o365\\webhook", "/api/o365/webhook\xff", "/api/o365/webhook%ff", "/api/o365/webhoo%6b",
		"http://127.0.0.1", "http://127.0.0.1//api/o365/webhook", "///api/o365/webhook", "*", "/healthz/", "/healthz%2f",
		"/pull", "/master", "/content", "/updater", "/webhook", "/PULL", "//pull", "/pull/", "/pull?a=b", "/api/pull", "/api/o365/pull", "/api/o365/webhook/../../../pull",
		"/api/o365/webhook/..%2f..%2f..%2fpull", "/admin/functions/pull", "/admin/host/status", "/runtime/webhooks/x", "/debug/pprof/", "/control.sock", "/",
	} {
		t.Run(path, func(t *testing.T) {
			raw := strings.Replace(knowing, hostWebhookPath, path, 1) + invocation + length + doorBody
			got := own.say(t, raw)
			if !slices.Equal(got, []int{404}) && !slices.Equal(got, []int{400}) || own.accepted.Load() != 0 || own.called.Load() != 0 {
				t.Errorf("answered %v; %d contents, %d calls", got, own.accepted.Load(), own.called.Load())
			}
		})
	}
	for path, want := range map[string]int{hostWebhookPath: 200, hostWebhookPath + "?a=/pull": 200, hostWebhookPath + "?": 200} {
		if got := own.say(t, strings.Replace(knowing, hostWebhookPath, path, 1)+length+doorBody); !slices.Equal(got, []int{want}) {
			t.Errorf("%s: answered %v", path, got)
		}
	}
}

// TestWhoCallsFunctions: the handler's port is the Functions host's, who adds an
// invocation's id to whatever it sends. A client whose request it only passes on cannot
// call a function without one.
func TestWhoCallsFunctions(t *testing.T) {
	host := doors(t)["the Functions host's port"]
	const body = "Content-Length: 35\r\n\r\n" + `{"Data":{"timer":{}},"Metadata":{}}`
	for _, c := range []struct {
		name, raw string
		want      int
		calls     int32
	}{
		{"the host", "POST /pull HTTP/1.1\r\nHost: x\r\nX-Azure-Functions-InvocationId: 1\r\n" + body, 200, 1},
		{"without an id", "POST /pull HTTP/1.1\r\nHost: x\r\n" + body, 403, 0},
		{"with an empty id", "POST /pull HTTP/1.1\r\nHost: x\r\nX-Azure-Functions-InvocationId:\r\n" + body, 403, 0},
		{"another method", "PUT /pull HTTP/1.1\r\nHost: x\r\nX-Azure-Functions-InvocationId: 1\r\n" + body, 403, 0},
		{"another case", "POST /Pull HTTP/1.1\r\nHost: x\r\nX-Azure-Functions-InvocationId: 1\r\n" + body, 404, 0},
		{"a segment more", "POST /pull/ HTTP/1.1\r\nHost: x\r\nX-Azure-Functions-InvocationId: 1\r\n" + body, 404, 0},
		{"below the route's prefix", "POST /api/pull HTTP/1.1\r\nHost: x\r\nX-Azure-Functions-InvocationId: 1\r\n" + body, 404, 0},
		{"the room that is no function", "POST /webhook HTTP/1.1\r\nHost: x\r\nX-Azure-Functions-InvocationId: 1\r\n" + body, 404, 0},
		{"the route in another case", "POST /API/O365/WEBHOOK HTTP/1.1\r\nHost: x\r\nX-Azure-Functions-InvocationId: 1\r\nWebhook-AuthID: " + doorSecret + "\r\n" + length + doorBody, 404, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := host.called.Load()
			if got := host.say(t, c.raw); !slices.Equal(got, []int{c.want}) || host.called.Load()-before != c.calls || host.accepted.Load() != 0 {
				t.Errorf("answered %v, %d calls, %d contents", got, host.called.Load()-before, host.accepted.Load())
			}
		})
	}
}

// TestSecretGames: one header, with all of the secret and nothing else.
func TestSecretGames(t *testing.T) {
	for name, d := range doors(t) {
		given := map[string]int{
			"Webhook-AuthID: " + doorSecret:                                          200,
			"webhook-authid:" + doorSecret + "  ":                                    200, // RFC 9110, section 5.5: spaces around a value are not of it
			"Webhook-AuthID: ":                                                       401,
			"Webhook-AuthID: x" + doorSecret:                                         401,
			"Webhook-AuthID: " + doorSecret + "x":                                    401,
			"Webhook-AuthID: " + strings.ToUpper(doorSecret):                         401,
			"Webhook-AuthID: \"" + doorSecret + "\"":                                 401,
			"Webhook-AuthID: wrong, " + doorSecret:                                   401,
			"Webhook-AuthID: " + doorSecret + ", wrong":                              401,
			"Webhook-AuthID: wrong\r\nWebhook-AuthID: " + doorSecret:                 401,
			"Webhook-AuthID: " + doorSecret + "\r\nWebhook-AuthID: wrong":            401,
			"Webhook-AuthID: " + doorSecret + "\r\nwebhook-authid: " + doorSecret:    401,
			"Webhook_AuthID: " + doorSecret:                                          401,
			"Webhook-AuthID\t: " + doorSecret:                                        400,
			"Webhook-AuthID: " + doorSecret + "\x00":                                 400,
			"Webhook-AuthID: " + doorSecret + "\x7f":                                 400,
			"Cookie: Webhook-AuthID=" + doorSecret:                                   401,
			"Authorization: Bearer " + doorSecret:                                    401,
			"Connection: Webhook-AuthID\r\nWebhook-AuthID: " + doorSecret + "\u200b": 401,
		}
		for i := range doorSecret {
			given["Webhook-AuthID: "+doorSecret[:i]] = 401
		}
		for header, want := range given {
			t.Run(fmt.Sprintf("%s/%q", name, header), func(t *testing.T) {
				if got := d.say(t, asking+header+"\r\n"+length+doorBody); !slices.Equal(got, []int{want}) {
					t.Errorf("answered %v, want %d", got, want)
				}
			})
		}
		if n := d.accepted.Load(); n != 2 {
			t.Errorf("%s: %d contents accepted, want those of the 2 good ones", name, n)
		}
		d.book.mu.Lock()
		if bytes.Contains(d.book.buf.Bytes(), []byte(doorSecret)) {
			t.Errorf("%s: the secret is in the log", name)
		}
		d.book.mu.Unlock()
	}
}

// TestLogsOfHostileRequests: what a caller says ends a log line nowhere, colours nothing
// and turns no direction of writing.
func TestLogsOfHostileRequests(t *testing.T) {
	const bad = "a\u009b31mb\u2028c\u202ed\u0085e\xffe\"}\\n{\"level\":\"fatal\""
	for name, d := range doors(t) {
		for _, raw := range []string{
			strings.Replace(asking, hostWebhookPath, "/x%0d%0a{%22level%22:%22fatal%22}%1b[31m%c2%9b31m%e2%80%a8%e2%80%ae%00%7f%ff", 1) + "X-Azure-Functions-InvocationId: " + bad + "\r\n\r\n",
			strings.Replace(asking, hostWebhookPath, "/pull", 1) + "X-Azure-Functions-InvocationId: " + bad + "\r\nContent-Length: 9\r\n\r\n{\"a\r\n\x1b[31m",
			strings.Replace(asking, "POST", "A`|~b", 1) + "Webhook-AuthID: " + bad + "\r\nUser-Agent: " + bad + "\r\nX-Azure-Functions-InvocationId: " + bad + "\r\n\r\n",
			asking + "Webhook-AuthID: " + bad + "\r\nUser-Agent: " + bad + "\r\nReferer: " + bad + "\r\nX-Azure-Functions-InvocationId: " + bad + "\r\n\r\n",
			knowing + "Webhook-ValidationCode: " + bad + "\r\nContent-Length: 22\r\n\r\n" + `{"validationCode":"d"}`,
			knowing + "Content-Length: 103\r\n\r\n" + `[{"contentType":"\u001b[31m","contentId":"\r\n\u009b","contentUri":"https://api.example/\r\n\u2028"},"\r"]`,
			asking + "X: " + strings.Repeat("y", 6000) + "\r\nX-Azure-Functions-InvocationId: " + strings.Repeat("z", 1000) + "\r\n\r\n",
		} {
			if got := d.say(t, raw); len(got) != 1 {
				t.Errorf("%s: %.80q is answered %v", name, raw, got)
			}
		}
		lines := d.book.lines(t)
		if len(lines) < 4 {
			t.Errorf("%s: the log has %d lines only", name, len(lines))
		}
		d.book.mu.Lock()
		for line := range strings.Lines(d.book.buf.String()) {
			if i := strings.IndexFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 || !utf8.ValidString(line) || len(line) > 2048 {
				t.Errorf("%s: a line of %d bytes, not printable at %d: %.500q", name, len(line), i, line)
			}
			if strings.Contains(line, `"level":"fatal"`) {
				t.Errorf("%s: forged: %q", name, line)
			}
		}
		d.book.mu.Unlock()
	}
}
