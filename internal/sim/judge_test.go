package sim_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"azcollector/internal/sim"
)

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		request   func(v *visitor) *http.Request
		status    int
		complaint string
	}{
		"no PublisherIdentifier": {func(v *visitor) *http.Request {
			r := v.feed("GET", "subscriptions/list", nil, "")
			r.URL.RawQuery = ""
			return r
		}, 200, "subscriptions-list: PublisherIdentifier is missing"},
		"no token": {func(v *visitor) *http.Request {
			r := v.feed("GET", "subscriptions/list", nil, "")
			r.Header.Del("Authorization")
			return r
		}, 401, "no bearer token"},
		"forged token": {func(v *visitor) *http.Request {
			r := v.feed("GET", "subscriptions/list", nil, "")
			r.Header.Set("Authorization", "Bearer "+v.token+"A")
			return r
		}, 401, "not issued here"},
		"another tenant": {func(v *visitor) *http.Request {
			r := v.feed("GET", "subscriptions/list", nil, "")
			r.URL.Path = strings.Replace(r.URL.Path, "3b1d", "0000", 1)
			return r
		}, 400, "the tenant in the path"},
		"token at the canary": {func(v *visitor) *http.Request {
			r := v.feed("GET", "subscriptions/list", nil, "")
			r.URL.Host = strings.TrimPrefix(v.w.URL(sim.Canary), "https://")
			return r
		}, 200, "token for the management API"},
		"token at ingest": {func(v *visitor) *http.Request {
			r := v.feed("POST", v.w.URL(sim.Ingest)+"/ingest/v1/1/data/logmsgs", nil, "")
			return r
		}, 401, "ingest: a token for the management API was sent here"},
		"AIMS token at Entra": {func(v *visitor) *http.Request {
			r := form(v.tokenURL(), v.form())
			r.Header.Set("x-aims-auth-token", "t")
			return r
		}, 200, "an Alert Logic token was sent here"},
		"secret in a query": {func(v *visitor) *http.Request {
			r := form(v.tokenURL(), v.form())
			r.URL.RawQuery = "client_secret=" + v.w.Settings()["APP_CLIENT_SECRET"]
			return r
		}, 200, "a secret in a query string"},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, sim.Options{})
			if got, body := v.ask(c.request(v)); got != c.status {
				t.Errorf("status %d %s, want %d", got, body, c.status)
			}
			if got := v.w.Complaints(); len(got) == 0 || !strings.Contains(strings.Join(got, "\n"), c.complaint) {
				t.Errorf("complaints %q, want one with %q", got, c.complaint)
			}
		})
	}
}

func TestCanaryRemembersWhatItWasGiven(t *testing.T) {
	v := visit(t, sim.Options{})
	r, _ := http.NewRequest(http.MethodGet, v.w.URL(sim.Canary)+"/x", nil)
	r.Header.Set("X-Mark", "m")
	v.ask(r)
	if hits := v.w.CanaryHits(); len(hits) != 1 || hits[0].Header.Get("X-Mark") != "m" {
		t.Errorf("hits %+v, want the one with its header", hits)
	}
	v.complains("canary: GET /x")
}

// failures stands for a test that is failed.
type failures struct {
	*testing.T
	texts []string
}

func (f *failures) Errorf(format string, args ...any) {
	f.texts = append(f.texts, fmt.Sprintf(format, args...))
}

func TestRequireCleanFailsTheTest(t *testing.T) {
	v := visit(t, sim.Options{})
	f := &failures{T: t}
	v.w.RequireClean(f)
	if len(f.texts) != 0 {
		t.Errorf("a clean world failed the test: %q", f.texts)
	}
	v.w.Book.Received([]byte(`{"Id":"never published"}`))
	v.w.RequireClean(f)
	if len(f.texts) != 1 {
		t.Errorf("got %q, want one failure", f.texts)
	}
}
