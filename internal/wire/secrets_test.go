package wire_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"azcollector/internal/wire"
)

// A secret with every character that somebody escapes.
const odd = `s3cr&t<"/+=\ %>'tail`

func TestScrub(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		secrets []string
		want    string
	}{
		"nothing to hide":       {"all is well", nil, "all is well"},
		"an empty secret":       {"all is well", []string{""}, "all is well"},
		"as it is":              {"no: " + odd + "!", []string{odd}, "no: ***!"},
		"twice":                 {odd + odd, []string{odd}, "******"},
		"in Go's JSON":          {`{"x":"s3cr\u0026t\u003c\"/+=\\ %\u003e'tail"}`, []string{odd}, `{"x":"***"}`},
		"in plain JSON":         {`{"x":"s3cr&t<\"/+=\\ %>'tail"}`, []string{odd}, `{"x":"***"}`},
		"in PHP's JSON":         {`{"x":"a\/b"}`, []string{"a/b"}, `{"x":"***"}`},
		"in .NET's JSON":        {`{"x":"a\u002Bb/"}`, []string{"a+b/"}, `{"x":"***"}`},
		"in a query":            {"?x=" + url.QueryEscape(odd) + "&y=1", []string{odd}, "?x=***&y=1"},
		"in a path":             {"/x/" + url.PathEscape(odd) + "/y", []string{odd}, "/x/***/y"},
		"in HTML":               {"<p>s3cr&amp;t&lt;&#34;/+=\\ %&gt;&#39;tail</p>", []string{odd}, "<p>***</p>"},
		"one in another":        {"abcdef abc.", []string{"abc", "abcdef"}, "*** ***."},
		"begins with a quote":   {`x \"a\\ x "a\ x`, []string{`"a\`}, "x *** x *** x"},
		"cut":                   {"token abcdefg", []string{"abcdefghij"}, "token ***"},
		"cut in its other form": {`{"x":"a\u002Bbcd`, []string{"a+bcde"}, `{"x":"***`},
		"cut to almost nothing": {"token abc", []string{"abcdefghij"}, "token abc"},
		"half, but not cut":     {"abcdefg is wrong", []string{"abcdefghij"}, "abcdefg is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := wire.Scrub(c.text, c.secrets...); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if got, want := wire.Tells(c.text, c.secrets...), strings.Contains(c.want, "***") && !strings.HasPrefix(name, "cut"); got != want {
				t.Errorf("tells: %v, want %v", got, want)
			}
		})
	}
}

// Wherever the secret lies in a long body, even where the text is cut or where the
// reading ends, nothing of it remains but what nobody can use.
func TestErrorTextIsScrubbedBeforeItIsCut(t *testing.T) {
	const secret = "abcdefghijklmnopqrstuvwxyz0123456789"
	for _, blank := range []string{"x", " "} { // blanks are joined, so what lies beyond the limit comes into sight
		for _, at := range []int{0, 1000, 1024 - len(secret)/2, 1024 - 4, 1024, 64<<10 - len(secret)/2, 64<<10 - 4, 64<<10 + 1} {
			body := "no" + strings.Repeat(blank, max(at-2, 0)) + secret + strings.Repeat("y", 2000)
			text := wire.ErrorText(&http.Response{Body: io.NopCloser(strings.NewReader(body))}, secret)
			if strings.Contains(text, secret[:5]) || !strings.HasPrefix(text, "no") && at > 1 {
				t.Errorf("at %d behind %q: %q", at, blank, text)
			}
		}
	}
}

func FuzzScrub(f *testing.F) {
	f.Add("token abcdef", "abcdefgh")
	f.Add(`{"a":"b\u002Bc"}`, "b+c")
	f.Add("***", "*")
	f.Fuzz(func(t *testing.T, text, secret string) {
		if strings.Trim(secret, "*") == "" || strings.Contains("***", secret) {
			return // a secret like the mask cannot be told from it
		}
		got := wire.Scrub(text, secret)
		if len(secret) > 3 && !strings.Contains(secret, "*") && strings.Contains(got, secret) {
			t.Errorf("%q in %q: got %q", secret, text, got)
		}
		if wire.Scrub(text) != text {
			t.Errorf("%q is changed without a secret", text)
		}
	})
}

func TestUnquoted(t *testing.T) {
	for in, want := range map[string]string{
		"connection refused":                              "connection refused",
		`malformed HTTP response "HTTP/1.1 s3cret"`:       `malformed HTTP response "…"`,
		`a "b" c "d\"e" f`:                                `a "…" c "…" f`,
		`half a "quote`:                                   `half a "…"`,
		`half an escape "quote\`:                          `half an escape "…"`,
		`invalid proxy address "x": parse "x": bad "%zz"`: `invalid proxy address "…": parse "…": bad "…"`,
	} {
		if got := wire.Unquoted(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// What a server says that speaks no HTTP is quoted by net/http, and may be our own request.
func TestRedactTellsNothingOfAnAnswerThatIsNone(t *testing.T) {
	for name, answer := range map[string]string{
		"no HTTP":          "%s\r\n\r\n",
		"no version":       "HTTP/9.%s 200 OK\r\n\r\n",
		"no status":        "HTTP/1.1 %s OK\r\n\r\n",
		"no header":        "HTTP/1.1 200 OK\r\n%s\r\n\r\n",
		"no length":        "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n",
		"unknown encoding": "HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n",
		"no Location":      "HTTP/1.1 307 Elsewhere\r\nLocation: http://%s:\x7f%%zz\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				_, _ = io.WriteString(conn, strings.Replace(answer, "%s", r.Header.Get("X-Aims-Auth-Token"), 1))
			}))
			defer server.Close()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Aims-Auth-Token", "canary-token")
			resp, err := wire.Client(wire.Options{}).Do(req)
			if err == nil {
				wire.Discard(resp)
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), "canary-token") {
				t.Fatalf("nothing is to be left out of %q any more", err)
			}
			if text := wire.Redact(err).Error(); strings.Contains(text, "canary") {
				t.Errorf("got %q", text)
			}
		})
	}
	inner := errors.New("x")
	if !errors.Is(wire.Redact(&url.Error{Err: errors.Join(inner, errors.New(`"quoted"`))}), inner) {
		t.Error("what is wrapped is lost")
	}
}
