package microsoft_test

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
	"azcollector/internal/wire"
)

const (
	tenant    = "0d1e9a52-7a3c-4b6e-9f10-2c5f4e6b7a81"
	stranger  = "ffffffff-7a3c-4b6e-9f10-2c5f4e6b7a81"
	publisher = "5b2c7f00-1111-4222-8333-944455556666"
	secret    = "~client+secret/with=signs~"
	authID    = "the-webhook's-shared-secret"
)

// A world is Entra, the API and Graph, each on a TLS server of its own. It fails the
// test when a credential or token turns up where it should not.
type world struct {
	t                 *testing.T
	entra, api, graph *httptest.Server
	client            *http.Client

	mu     sync.Mutex
	issued []string          // tokens, in order
	scopes map[string]string // what each is for
	forms  []url.Values      // what /token was asked
	valid  string            // the token that the API takes; "": the last one issued
	life   int               // expires_in
	token  http.Handler      // replaces Entra's token endpoint
	feed   http.Handler      // the API behind the check of the token
	asked  []http.Request    // what came to the API, refused or not
	app    http.Handler      // Graph behind the check of the token
	config map[string]any    // replaces members of the discovery document
}

func newWorld(t *testing.T, feed http.HandlerFunc) *world {
	t.Helper()
	w := &world{t: t, life: 3599, feed: feed, config: map[string]any{}, scopes: map[string]string{}}
	w.entra = httptest.NewTLSServer(http.HandlerFunc(w.serveEntra))
	w.api = httptest.NewTLSServer(http.HandlerFunc(w.serveAPI))
	w.graph = httptest.NewTLSServer(http.HandlerFunc(w.serveGraph))
	roots := x509.NewCertPool()
	roots.AddCert(w.api.Certificate())
	w.client = wire.Client(wire.Options{Roots: roots})
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		w.entra.Close()
		w.api.Close()
		w.graph.Close()
	})
	return w
}

func (w *world) serveEntra(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	base := "https://" + r.Host + "/" + strings.Split(r.URL.Path, "/")[1]
	switch {
	case strings.HasSuffix(r.URL.Path, "/v2.0/.well-known/openid-configuration"):
		answer := map[string]any{
			"issuer":                 base + "/v2.0",
			"authorization_endpoint": base + "/oauth2/v2.0/authorize",
			"token_endpoint":         base + "/oauth2/v2.0/token",
		}
		for k, v := range w.config {
			answer[k] = v
		}
		writeJSON(rw, 200, answer)
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
		if err := r.ParseForm(); err != nil {
			w.t.Errorf("token request: %v", err)
		}
		w.forms = append(w.forms, r.PostForm)
		if w.token != nil {
			w.token.ServeHTTP(rw, r)
			return
		}
		w.issued = append(w.issued, fmt.Sprintf("opaque.token.number-%d", len(w.issued)+1))
		w.scopes[w.issued[len(w.issued)-1]] = strings.TrimSuffix(strings.Fields(r.PostForm.Get("scope"))[0], "/.default")
		writeJSON(rw, 200, map[string]any{"token_type": "Bearer", "expires_in": w.life, "access_token": w.issued[len(w.issued)-1]})
	default:
		w.t.Errorf("Entra got %s %s", r.Method, r.URL)
		rw.WriteHeader(http.StatusNotFound)
	}
}

func (w *world) serveAPI(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	w.asked = append(w.asked, *r)
	valid := w.valid
	if valid == "" && len(w.issued) > 0 {
		valid = w.issued[len(w.issued)-1]
	}
	w.mu.Unlock()
	w.wantAudience(r, w.api)
	var publishers []string
	for key, values := range r.URL.Query() {
		if strings.EqualFold(key, "PublisherIdentifier") { // the API reads keys in any case
			publishers = append(publishers, values...)
		}
	}
	if !slices.Equal(publishers, []string{publisher}) {
		w.t.Errorf("PublisherIdentifier of %s is %q", r.URL, publishers)
	}
	if r.Header.Get("Authorization") != "Bearer "+valid {
		writeJSON(rw, 401, map[string]string{"Message": "Authorization has been denied for this request."})
		return
	}
	w.feed.ServeHTTP(rw, r)
}

func (w *world) serveGraph(rw http.ResponseWriter, r *http.Request) {
	w.wantAudience(r, w.graph)
	w.app.ServeHTTP(rw, r)
}

// wantAudience fails the test unless the request's token is one of ours for the server.
func (w *world) wantAudience(r *http.Request, server *httptest.Server) {
	w.mu.Lock()
	defer w.mu.Unlock()
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if got := w.scopes[token]; got != server.URL {
		w.t.Errorf("%s got a token for %q", server.URL, got)
	}
}

func (w *world) cloud() microsoft.Cloud {
	return microsoft.Cloud{Name: "public", Authority: mustParse(w.entra.URL), Management: mustParse(w.api.URL), Graph: mustParse(w.graph.URL)}
}

func (w *world) tokens() *microsoft.Tokens {
	w.t.Helper()
	tokens, err := microsoft.NewTokens(w.cloud(), microsoft.Credentials{ClientID: "the-app", ClientSecret: secret}, w.client)
	if err != nil {
		w.t.Fatal(err)
	}
	return tokens
}

func (w *world) open(change ...func(*microsoft.FeedOptions)) *microsoft.Feed {
	w.t.Helper()
	o := microsoft.FeedOptions{Cloud: w.cloud(), Tokens: w.tokens(), Tenants: []string{tenant}, Publisher: publisher, HTTP: w.client}
	for _, f := range change {
		f(&o)
	}
	return microsoft.NewFeed(o)
}

func (w *world) contentURI(id string) string {
	return w.api.URL + "/api/v1.0/" + tenant + "/activity/feed/audit/" + id
}

func (w *world) content(id string) collect.Content {
	return collect.Content{Tenant: tenant, Type: "Audit.General", ID: id, URI: w.contentURI(id), Created: midnight}
}

var midnight = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// canary is a host that nobody may talk to.
func canary(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the foreign host got %s %s with Authorization %q", r.Method, r.URL.Path, r.Header.Get("Authorization"))
	}))
	t.Cleanup(s.Close)
	return s
}

func writeJSON(rw http.ResponseWriter, status int, body any) {
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(body)
}

func refuse(status int, code, message string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		writeJSON(rw, status, map[string]any{"error": map[string]string{"code": code, "message": message}})
	}
}

func write(rw http.ResponseWriter, body string) { _, _ = rw.Write([]byte(body)) }

func mustParse(raw string) *url.URL {
	u, err := url.Parse(raw)
	if err != nil {
		panic(err)
	}
	return u
}

// wantFault checks the verdict of err and, unless it is empty, the code.
func wantFault(t *testing.T, err error, verdict collect.Verdict, code string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that is %v", verdict)
	}
	if got := collect.VerdictOf(err); got != verdict {
		t.Errorf("verdict of %q = %v, want %v", err, got, verdict)
	}
	if code != "" && !strings.HasPrefix(err.Error(), code+": ") {
		t.Errorf("error %q does not begin with code %s", err, code)
	}
}

// drain reads a sequence of records to its end.
func drain(feed *microsoft.Feed, t *testing.T, c collect.Content, salvage bool) (raw []string, err error) {
	t.Helper()
	for r, e := range feed.Fetch(t.Context(), c, salvage) {
		if e != nil {
			err = e
			continue
		}
		raw = append(raw, string(r.Raw)+r.Defect)
	}
	return raw, err
}
