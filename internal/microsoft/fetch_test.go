package microsoft_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"

	"github.com/google/go-cmp/cmp"
)

const records = `[{"Id":"1","CreationTime":"2026-11-20T00:00:01","big":12345678901234567890},{ "Id" : "2" }]`

func TestFetchYieldsRecordsVerbatim(t *testing.T) {
	const id = "20260702020621634014687$20260702020621634014687$audit_exchange$Audit_Exchange$emea0036"
	for name, zipped := range map[string]bool{"plain": false, "gzip": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
				if want := "/api/v1.0/" + tenant + "/activity/feed/audit/" + id; r.URL.EscapedPath() != want || strings.Split(r.RequestURI, "?")[0] != want {
					t.Errorf("asked for %s", r.RequestURI)
				}
				if zipped {
					rw.Header().Set("Content-Encoding", "gzip")
					_, _ = rw.Write(compress(records))
					return
				}
				write(rw, records)
			})
			got, err := drain(w.open(), t, w.content(id), false)
			want := []string{`{"Id":"1","CreationTime":"2026-11-20T00:00:01","big":12345678901234567890}`, `{ "Id" : "2" }`}
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
		})
	}
}

func compress(s string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.Bytes()
}

func TestFetchKeepsTheQueryAndNamesThePublisherOnce(t *testing.T) {
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("x") != "1" {
			t.Errorf("asked for %s", r.RequestURI)
		}
		write(rw, "[]")
	})
	c := w.content("x")
	c.URI += "?x=1&publisheridentifier=somebody"
	if _, err := drain(w.open(), t, c, false); err != nil {
		t.Error(err)
	}
}

func TestFetchRefusesStrangersAddresses(t *testing.T) {
	foreign := canary(t)
	w := newWorld(t, nil)
	other := w.content("x")
	other.Tenant = stranger
	elsewhere := w.content("x")
	elsewhere.URI = foreign.URL + strings.TrimPrefix(elsewhere.URI, w.api.URL)
	feed := w.open(func(o *microsoft.FeedOptions) { o.Tenants = append(o.Tenants, stranger) })
	for name, c := range map[string]collect.Content{"another host": elsewhere, "another tenant": other} {
		_, err := drain(feed, t, c, false)
		wantFault(t, err, collect.Missing, "")
		if !strings.Contains(err.Error(), "refuse contentUri") || len(w.asked) > 0 || len(w.issued) > 0 {
			t.Errorf("%s: error %v, %d requests", name, err, len(w.asked))
		}
	}
}

func TestFetchOfDamagedBodies(t *testing.T) {
	hijack := func(rw http.ResponseWriter, answer string, reset bool) {
		conn, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = conn.Write([]byte(answer))
		if reset {
			if tcp, ok := conn.(interface{ NetConn() net.Conn }).NetConn().(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
				_ = tcp.Close()
			}
		}
		_ = conn.Close()
	}
	half := records[:len(records)-10]
	zipped := string(compress(records))
	cases := map[string]struct {
		answer  string
		reset   bool
		verdict collect.Verdict
	}{
		"shorter than its Content-Length": {fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(records), half), false, collect.Temporary},
		"without Content-Length":          {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + half, false, collect.Broken},
		"chunked without its end":         {fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(half), half), false, collect.Temporary},
		"truncated gzip":                  {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + zipped[:len(zipped)-12], false, collect.Temporary},
		"no gzip":                         {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + records, false, collect.Temporary},
		"wrong checksum":                  {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + zipped[:len(zipped)-8] + "12345678", false, collect.Temporary},
		"HTML":                            {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>", false, collect.Broken},
		"empty":                           {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, collect.Broken},
		"connection reset":                {fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(records), half), true, collect.Temporary},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) { hijack(rw, c.answer, c.reset) })
			feed := w.open()
			_, err := drain(feed, t, w.content("x"), false)
			wantFault(t, err, c.verdict, "")
			if c.verdict != collect.Broken {
				return
			}
			// Salvage ends without an error, and with a record that says what is wrong.
			got, err := drain(feed, t, w.content("x"), true)
			if err != nil || len(got) == 0 || !strings.Contains(got[len(got)-1], "body ") {
				t.Errorf("salvaged %q, %v", got, err)
			}
		})
	}
}

func TestFetchTakesNoMoreThanConfigured(t *testing.T) {
	w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Encoding", "gzip")
		_, _ = rw.Write(compress(records))
	})
	limited := func(n int) *microsoft.Feed {
		return w.open(func(o *microsoft.FeedOptions) { o.MaxContentBytes = int64(n) })
	}
	if got, err := drain(limited(len(records)), t, w.content("x"), false); err != nil || len(got) != 2 {
		t.Errorf("a body of exactly the limit: %q, %v", got, err)
	}
	for _, salvage := range []bool{false, true} { // what is beyond the limit is never salvaged away
		got, err := drain(limited(len(records)-1), t, w.content("x"), salvage)
		wantFault(t, err, collect.JudgesUs, "")
		if !strings.Contains(err.Error(), "O365_MAX_CONTENT_BYTES") || slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "body ") }) {
			t.Errorf("yielded %q, then %q, which does not name the setting", got, err)
		}
	}
}

func TestStalledBodiesAreTemporary(t *testing.T) {
	for name, status := range map[string]int{"content": 200, "error": 500} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
				rw.WriteHeader(status)
				write(rw, records[:20])
				_ = http.NewResponseController(rw).Flush()
				<-r.Context().Done() // until the client has had enough
			})
			_, err := drain(w.open(func(o *microsoft.FeedOptions) { o.IdleTimeout = 20 * time.Millisecond }), t, w.content("x"), false)
			wantFault(t, err, collect.Temporary, "")
		})
	}
}

func TestFetchEndsWithTheContext(t *testing.T) {
	started := make(chan bool)
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		write(rw, records[:20])
		_ = http.NewResponseController(rw).Flush()
		started <- true
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("lease lost")
	go func() { <-started; cancel(reason) }()
	var err error
	for _, err = range w.open().Fetch(ctx, w.content("x"), false) {
	}
	if !errors.Is(err, reason) || collect.VerdictOf(err) != collect.Temporary {
		t.Errorf("error %v", err)
	}
}

func TestLeavingFetchEndsTheRequest(t *testing.T) {
	ended := make(chan bool)
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		write(rw, records[:len(records)-1])
		_ = http.NewResponseController(rw).Flush()
		<-r.Context().Done()
		close(ended)
	})
	for range w.open().Fetch(t.Context(), w.content("x"), false) {
		break
	}
	<-ended
}
