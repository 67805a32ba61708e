package sim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// maxComplaints bounds what is kept word by word; one flaw repeated a million
// times says no more than the first.
const maxComplaints = 200

// A judge collects what the client did wrong.
type judge struct {
	mu    sync.Mutex
	texts []string
	times map[string]int
	hits  []CanaryHit
}

// A CanaryHit is a request to the address that nobody was configured to call.
type CanaryHit struct {
	Method, URL string
	Header      http.Header
}

func (j *judge) complain(text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.times == nil {
		j.times = map[string]int{}
	}
	if j.times[text] == 0 && len(j.texts) < maxComplaints {
		j.texts = append(j.texts, text)
	}
	j.times[text]++
}

func (j *judge) complaints() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := slices.Clone(j.texts)
	for i, text := range list {
		if n := j.times[text]; n > 1 {
			list[i] = fmt.Sprintf("%s (%d times)", text, n)
		}
	}
	return list
}

// Complaints are what the client did wrong so far, in the order of first occurrence.
func (w *World) Complaints() []string { return w.judge.complaints() }

// CanaryHits are the requests that reached the canary.
func (w *World) CanaryHits() []CanaryHit {
	w.judge.mu.Lock()
	defer w.judge.mu.Unlock()
	return slices.Clone(w.judge.hits)
}

// canary is an address of which the client learns only from strangers' words: a
// redirect, a contentUri, a NextPageUri. Whatever arrives here should not have.
func (w *World) canary(rw http.ResponseWriter, r *http.Request) {
	w.judge.mu.Lock()
	if len(w.judge.hits) < maxComplaints {
		w.judge.hits = append(w.judge.hits, CanaryHit{r.Method, r.URL.String(), r.Header.Clone()})
	}
	w.judge.mu.Unlock()
	text := "canary: " + r.Method + " " + r.URL.Path + " arrived at a host that was never configured"
	for _, name := range []string{"Authorization", "X-Aims-Auth-Token", "Webhook-AuthID", "X-Identity-Header"} {
		if r.Header.Get(name) != "" {
			text += ", with a credential in " + name
		}
	}
	w.judge.complain(text)
	writeJSON(rw, http.StatusOK, []string{})
}

// guard stands before every service and looks for credentials of another one. It
// dates the answers by the world's clock.
func (w *World) guard(s Service, next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		atAlertLogic := s == AlertLogicAPI || s == Ingest || s == Azcollect
		bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if c, err := w.mint.open(bearer); err == nil && c.Audience != w.URL(s) {
			w.judge.complain(string(s) + ": a token for " + w.audience(c) + " was sent here")
		}
		if !atAlertLogic && r.Header.Get("X-Aims-Auth-Token") != "" {
			w.judge.complain(string(s) + ": an Alert Logic token was sent here")
		}
		for _, secret := range []string{w.o.ClientSecret, w.o.SecretKey, w.o.AuthID, w.identityHeader} {
			if secret != "" && strings.Contains(r.URL.RawQuery, secret) {
				w.judge.complain(string(s) + ": a secret in a query string")
			}
		}
		rw.Header().Set("Date", w.o.Now().UTC().Format(http.TimeFormat))
		next.ServeHTTP(rw, r)
	})
}

// audience names whom a token is for.
func (w *World) audience(c claims) string {
	if c.Audience == w.URL(Graph) {
		return "Microsoft Graph"
	}
	if c.Audience == w.URL(ResourceManager) {
		return "Azure Resource Manager"
	}
	if c.Audience == storageResource {
		return "Azure Storage"
	}
	return "the management API"
}

// A Test is what the simulator needs of a testing.TB.
type Test interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
	TempDir() string
}

// Start begins a world for one test, logs its seed, and closes it behind the test.
func Start(t Test, o Options) *World {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Logf == nil {
		o.Logf = t.Logf
	}
	w, err := New(o)
	if err != nil {
		t.Fatalf("start the simulated world: %v", err)
	}
	t.Cleanup(w.Close)
	return w
}

// RequireClean fails the test with every complaint.
func (w *World) RequireClean(t Test) {
	t.Helper()
	for _, text := range w.Complaints() {
		t.Errorf("the simulator complains: %s", text)
	}
}
