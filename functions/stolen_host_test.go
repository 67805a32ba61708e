package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/sim"
	"azcollector/internal/state"
)

// A poison changes what the management API answers, or asks what was asked.
type poison struct {
	name   string
	change func(p *poisoned, r *http.Response)
	words  string // of the line that tells
}

// A poisoned host stands where the management API is configured to be. Behind it is the
// simulated one, which knows nothing of it.
type poisoned struct {
	world             *sim.World
	management, entra string
	now               atomic.Pointer[poison]
	struck            atomic.Int64
	cookies           atomic.Int64
}

func newPoisoned(t *testing.T, w *sim.World) *poisoned {
	t.Helper()
	p := &poisoned{world: w}
	p.management = p.front(t, sim.Management, func(r *http.Response) {
		if now := p.now.Load(); now != nil {
			p.struck.Add(1)
			now.change(p, r)
		}
	})
	p.entra = p.front(t, sim.Entra, func(*http.Response) {})
	return p
}

// front puts a proxy before a service, which puts its own address for the service's
// wherever it appears.
func (p *poisoned) front(t *testing.T, of sim.Service, change func(*http.Response)) string {
	t.Helper()
	cert, key, err := p.world.IssueCertificate("poisoned-" + string(of))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	behind, err := url.Parse(p.world.URL(of))
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(behind)
			r.Out.Header.Del("Accept-Encoding")
			if r.In.Header.Get("Cookie") != "" {
				p.cookies.Add(1)
			}
			body, _ := io.ReadAll(r.In.Body) // a token request's scope names the API
			body = bytes.ReplaceAll(body, []byte(url.QueryEscape(p.management)), []byte(url.QueryEscape(p.world.URL(sim.Management))))
			r.Out.Body, r.Out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		},
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableCompression: true}, // of a test, on loopback
		ModifyResponse: func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			setBody(r, []byte(p.rename(string(body))))
			for name, values := range r.Header {
				for i := range values {
					r.Header[name][i] = p.rename(values[i])
				}
			}
			change(r)
			return nil
		},
	}
	server := httptest.NewUnstartedServer(proxy)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

func (p *poisoned) rename(text string) string {
	return strings.NewReplacer(p.world.URL(sim.Management), p.management, p.world.URL(sim.Entra), p.entra).Replace(text)
}

func setBody(r *http.Response, body []byte) {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", fmt.Sprint(len(body)))
}

func about(r *http.Response, what string) bool { return strings.Contains(r.Request.URL.Path, what) }

// edit changes the body of the content lists.
func edit(change func(p *poisoned, body string) string) func(*poisoned, *http.Response) {
	return func(p *poisoned, r *http.Response) {
		if !about(r, "/subscriptions/content") {
			return
		}
		body, _ := io.ReadAll(r.Body) // from memory
		setBody(r, []byte(change(p, string(body))))
	}
}

var poisons = []poison{
	{"NextPageUri elsewhere", func(p *poisoned, r *http.Response) {
		if about(r, "/subscriptions/content") {
			r.Header.Set("NextPageUri", p.world.URL(sim.Canary)+r.Request.URL.RequestURI())
		}
	}, "refuse NextPageUri"},
	{"contentUri elsewhere", edit(func(p *poisoned, body string) string {
		return strings.ReplaceAll(body, p.management, p.world.URL(sim.Canary))
	}), "refuse contentUri"},
	{"redirects", func(p *poisoned, r *http.Response) {
		r.StatusCode = http.StatusTemporaryRedirect
		r.Header.Set("Location", p.world.URL(sim.Canary)+r.Request.URL.RequestURI())
	}, "redirects are not followed"},
	{"an expiry in the past", edit(func(_ *poisoned, body string) string {
		return strings.ReplaceAll(body, `"contentExpiration":"20`, `"contentExpiration":"19`)
	}), ""},
	{"an expiry in the year 9999", edit(func(_ *poisoned, body string) string {
		return strings.ReplaceAll(body, `"contentExpiration":"20`, `"contentExpiration":"99`)
	}), ""},
	{"cookies", func(p *poisoned, r *http.Response) {
		for i := range 100 {
			r.Header.Add("Set-Cookie", fmt.Sprintf("c%d=%s; Path=/; Max-Age=999999", i, strings.Repeat("x", 100)))
		}
	}, ""},
	{"huge headers", func(_ *poisoned, r *http.Response) { r.Header.Set("X-Huge", strings.Repeat("x", 11<<20)) }, "server response headers exceeded"},
	{"another Date each time", func(p *poisoned, r *http.Response) {
		r.Header.Set("Date", time.Now().AddDate(int(p.struck.Load()%7)-3, 0, 0).UTC().Format(http.TimeFormat))
	}, "Date hours apart"},
	{"a Date of 2040", func(_ *poisoned, r *http.Response) { r.Header.Set("Date", "Sun, 01 Jan 2040 00:00:00 GMT") }, ""},
	{"a Date of 1999", func(_ *poisoned, r *http.Response) { r.Header.Set("Date", "Fri, 01 Jan 1999 00:00:00 GMT") }, ""},
}

// Whoever answers in the name of the management API can keep contents back for as long
// as he does. He gets no credential but the one for that API, sends us nowhere else, and
// what he kept back is collected when he is gone.
func TestPoisonedHost(t *testing.T) {
	for _, test := range poisons {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			world := newWorld(t)
			host := newPoisoned(t, world)
			v := newVictim(t, world, "", "O365_MANAGEMENT_URL="+host.management, "AZURE_AUTHORITY_HOST="+host.entra, "REQUEST_TIMEOUT=5s")
			v.offer(2)
			v.arrives(t)
			host.now.Store(&test)
			v.offer(3)
			soon(t, "the poison is met", func() bool {
				v.call(t, "pull")
				return host.struck.Load() >= 6 && strings.Contains(v.log.String(), test.words)
			})
			v.call(t, "master")
			host.now.Store(nil)
			v.offer(2)
			v.arrives(t)
			if strings.Contains(test.name, "Date of") {
				v.clockIsTold(t)
				v.delivered(t, 0) // of the windows that it asks for by that clock the simulator complains
			} else {
				v.unharmed(t, 0)
			}
			if host.cookies.Load() > 0 {
				t.Error("a cookie was sent back")
			}
		})
	}
}

// clockIsTold wants the named line of a clock that is years off.
func (v *victim) clockIsTold(t *testing.T) {
	t.Helper()
	soon(t, "somebody tells of the clock", func() bool { return strings.Contains(v.log.String(), `"code":"AZC1204"`) })
}

// A Retry-After of a thousand years keeps one content, and the process that was told so,
// for an hour at the most.
func TestPoisonedRetryAfter(t *testing.T) {
	t.Parallel()
	world := newWorld(t)
	dir := t.TempDir()
	v := newVictim(t, world, "", "STATE_DIR="+dir)
	v.offer(1)
	v.arrives(t)
	world.Dial.Set(sim.Rule{Op: sim.OpBlob, Kind: sim.Throttle, RetryAfter: "Fri, 31 Dec 9999 23:59:59 GMT", Count: 1})
	v.offer(1)
	v.call(t, "pull")
	soon(t, "a line tells of the throttling", func() bool { return strings.Contains(v.log.String(), "AF429") })
	v.interrupt(t)
	again := newVictim(t, world, "", "STATE_DIR="+dir)
	again.made = v.made
	again.offer(1)
	again.call(t, "pull")
	soon(t, "what was not throttled arrives", func() bool { return world.Book.Report().Lost <= 3 })
	again.interrupt(t)
	store, err := state.OpenEmbedded(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	waiting := 0
	for due, err := range (&collect.Ledger{Store: store}).Due(t.Context(), world.Settings()["APP_TENANT_ID"], inTheYear9999) {
		if err != nil {
			t.Fatal(err)
		}
		if waiting++; time.Until(due.At) > time.Hour {
			t.Errorf("a content is due in %v", time.Until(due.At))
		}
	}
	if waiting != 1 {
		t.Errorf("%d contents wait, want 1", waiting)
	}
	world.RequireClean(t)
}
