package master_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"azcollector/internal/collect"
	"azcollector/internal/sim"
	"azcollector/internal/wire"
	"azcollector/master"
	"azcollector/webhook"
)

const authID = "the-webhook's-shared-secret"

// room is the webhook as it is, for one tenant with the secret above.
func room() *webhook.Handler {
	return &webhook.Handler{
		AuthIDs: func() map[string][]string { return map[string][]string{tenant: {authID}} },
		Announce: func(context.Context, []collect.Content) ([]*collect.Claim, error) {
			return nil, nil
		},
		Report: func(context.Context, webhook.Notice) {},
	}
}

func trusting(servers ...*httptest.Server) *http.Client {
	roots := x509.NewCertPool()
	for _, s := range servers {
		roots.AddCert(s.Certificate())
	}
	return wire.Client(wire.Options{Roots: roots})
}

func TestProbe(t *testing.T) {
	status := func(code int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	}
	for name, test := range map[string]struct {
		answers http.Handler
		want    string // in the error; "": none
	}{
		"our own room":                {room(), ""},
		"somebody who takes anything": {status(200), "answers a wrong secret with 200"},
		"another collector":           {status(401), "does not know our secret"},
		"another path":                {status(404), "answers 404 instead of 200"},
		"no content":                  {status(204), "answers 204 instead of 200"},
		"a redirect":                  {http.RedirectHandler("/elsewhere", http.StatusPermanentRedirect), "answers 308 instead of 200"},
		"a hang-up": {http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		}), "gives no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewTLSServer(test.answers)
			defer s.Close()
			err := master.Probe(trusting(s))(t.Context(), s.URL+"/api/o365/webhook?code=function-key", authID)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("error %v", err)
			case test.want == "":
			case err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "PUBLIC_URL"):
				t.Errorf("error %v, want %q", err, test.want)
			case strings.Contains(err.Error(), authID) || strings.Contains(err.Error(), "function-key"):
				t.Errorf("a secret in %q", err)
			}
		})
	}
}

// The handshake is what Microsoft documents: the code in a header and in the body.
func TestProbeIsAHandshake(t *testing.T) {
	var notices []webhook.Notice
	handler := room()
	handler.Report = func(_ context.Context, n webhook.Notice) { notices = append(notices, n) }
	s := httptest.NewTLSServer(handler)
	defer s.Close()
	if err := master.Probe(trusting(s))(t.Context(), s.URL, authID); err != nil {
		t.Fatal(err)
	}
	if len(notices) != 2 || !notices[0].Validation || notices[0].Err != nil || notices[1].Status != 401 {
		t.Errorf("the room got %+v", notices)
	}
}

// The front end of App Service refuses us before anybody of ours is asked: that says
// nothing about whether Microsoft gets in. A 403 of somebody else does.
func TestProbeIsKeptOut(t *testing.T) {
	for name, test := range map[string]struct {
		answers http.Handler
		keptOut bool
	}{
		"by the front end": {sim.FrontEnd(room()), true},
		"the second time": {func() http.Handler {
			var calls atomic.Int32
			restricted := sim.FrontEnd(room())
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if calls.Add(1) == 1 {
					room().ServeHTTP(w, r)
					return
				}
				restricted.ServeHTTP(w, r)
			})
		}(), true},
		"by somebody else": {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }), false},
		"with another answer": {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("x-ms-forbidden-ip", "203.0.113.7")
			w.WriteHeader(http.StatusServiceUnavailable)
		}), false},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewTLSServer(test.answers)
			defer s.Close()
			err := master.Probe(trusting(s))(t.Context(), s.URL, authID)
			if err == nil || errors.Is(err, master.ErrKeptOut) != test.keptOut || !strings.Contains(err.Error(), "PUBLIC_URL") {
				t.Errorf("error %v, want kept out %v", err, test.keptOut)
			}
		})
	}
}

func TestProbeTrustsNoStranger(t *testing.T) {
	var asked atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	s.Config.ErrorLog = quiet
	s.StartTLS()
	defer s.Close()
	err := master.Probe(trusting())(t.Context(), s.URL, authID)
	if err == nil || !strings.Contains(err.Error(), "certificate") || asked.Load() != 0 {
		t.Errorf("error %v, asked %d times", err, asked.Load())
	}
}
