package alertlogic_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/alertlogic"
	"azcollector/internal/collect"
)

func asFault(err error) *collect.Fault {
	fault, _ := errors.AsType[*collect.Fault](err)
	return fault
}

// A good key says nothing about the next: every call asks AIMS, and the token it
// brings is the one used from then on.
func TestAuthenticateAsksEachTime(t *testing.T) {
	s := newService(t)
	c := alertlogic.NewClient(s.overTLS())
	for i := range 3 {
		if err := c.Authenticate(t.Context()); err != nil || s.tokens != i+1 {
			t.Fatalf("%v, %d tokens, want %d", err, s.tokens, i+1)
		}
	}
	if err := c.Probe(t.Context()); err != nil || s.tokens != 3 {
		t.Errorf("%v, %d tokens, want still 3", err, s.tokens)
	}
	s.aims = func(w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, "no", http.StatusUnauthorized)
		return true
	}
	if err := c.Authenticate(t.Context()); verdict(err) != "judges our settings" {
		t.Errorf("a key that was good: %s (%v)", verdict(err), err)
	}
}

func TestEndpoints(t *testing.T) {
	address := func(raw string) *url.URL {
		u, err := alertlogic.ParseEndpoint(raw)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	for _, tt := range []struct {
		name, answer, fixed string
		ingest, azcollect   string
		lookups             int
	}{
		{"looked up", "al.test", "", "al.test:443", "al.test:443", 2},
		{"with a port", "al.test:8443", "", "al.test:8443", "al.test:8443", 2},
		{"one is set", "al.test", "own.test", "al.test:443", "own.test:443", 1},
		{"set with a path", "al.test", "https://own.test:81/base", "al.test:443", "own.test:81", 1},
		{"set to IPv6", "al.test", "[::1]", "al.test:443", "[::1]:443", 1},
		{"set to plain http", "al.test", "http://127.0.0.1", "al.test:443", "127.0.0.1:80", 1},
		{"no host", "a b", "", "", "", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t)
			o := s.inProcess()
			s.host = tt.answer
			if tt.fixed != "" {
				o.Azcollect = address(tt.fixed)
			}
			ingest, azcollect, err := alertlogic.NewClient(o).Endpoints(t.Context())
			if ingest != tt.ingest || azcollect != tt.azcollect || (err == nil) != (tt.ingest != "") || s.lookups != tt.lookups {
				t.Errorf("got %q, %q, %v after %d lookups", ingest, azcollect, err, s.lookups)
			}
		})
	}
	t.Run("only one is known", func(t *testing.T) {
		s := newService(t)
		o := s.inProcess()
		o.Ingest = address("own.test")
		s.lookup = func(w http.ResponseWriter, _ *http.Request) bool { http.NotFound(w, nil); return true }
		ingest, azcollect, err := alertlogic.NewClient(o).Endpoints(t.Context())
		if ingest != "own.test:443" || azcollect != "" || verdict(err) != "judges our settings" {
			t.Errorf("got %q, %q, %v", ingest, azcollect, err)
		}
	})
}

// Which answers to a GET show that the way to ingest and the token are fine.
func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		want   string
		tokens int // a 401 renews the token once
	}{
		{"found", 200, "none", 1}, {"no content", 204, "none", 1},
		{"bad request", 400, "none", 1}, {"not found", 404, "none", 1}, {"wrong method", 405, "none", 1}, {"wrong type", 415, "none", 1},
		{"moved", 301, "judges our settings", 1}, {"redirected", 307, "judges our settings", 1},
		{"token refused", 401, "judges our settings", 2}, {"forbidden", 403, "judges our settings", 1}, {"by a proxy", 407, "judges our settings", 1},
		{"timed out", 408, "temporary", 1}, {"too early", 425, "temporary", 1}, {"throttled", 429, "temporary", 1},
		{"broken", 500, "temporary", 1}, {"down", 503, "temporary", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t)
			asked := ""
			s.probe = func(w http.ResponseWriter, r *http.Request) {
				asked = r.Method + " " + r.URL.Path
				w.Header().Set("Location", "https://elsewhere.test/")
				w.WriteHeader(tt.status)
			}
			err := alertlogic.NewClient(s.overTLS()).Probe(t.Context())
			if verdict(err) != tt.want || s.tokens != tt.tokens {
				t.Errorf("%s (%v), %d tokens; want %s, %d", verdict(err), err, s.tokens, tt.want, tt.tokens)
			}
			if want := "GET /ingest/v1/" + account + "/data/logmsgs"; asked != want || len(s.posts) != 0 {
				t.Errorf("asked %q and posted %d times, want %q", asked, len(s.posts), want)
			}
		})
	}
	t.Run("no such host", func(t *testing.T) {
		s := newService(t)
		o := s.overTLS()
		o.Ingest = &url.URL{Scheme: "https", Host: "127.0.0.1:1"} // tcpmux: nobody serves it
		if err := alertlogic.NewClient(o).Probe(t.Context()); verdict(err) != "temporary" {
			t.Errorf("%s (%v)", verdict(err), err)
		}
	})
}

// The 404 that a probe may well get is no reason to look ingest up again.
func TestProbeCastsNoDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.probe = http.NotFound
		c := alertlogic.NewClient(s.inProcess())
		for range 2 {
			if err := c.Probe(t.Context()); err != nil || s.lookups != 1 {
				t.Fatalf("%v, %d lookups, want 1", err, s.lookups)
			}
			time.Sleep(2 * time.Minute) // longer than a doubtful host is kept
		}
	})
}
