package alertlogic_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/alertlogic"
	"azcollector/internal/wire"
)

func TestParseEndpoint(t *testing.T) {
	tests := []struct{ raw, want string }{ // want "": refused
		{"api.cloudinsight.alertlogic.com", "https://api.cloudinsight.alertlogic.com"},
		{"api.example:8443", "https://api.example:8443"},
		{"https://api.example/", "https://api.example"},
		{"https://api.example/base/", "https://api.example/base"},
		{" api.example ", "https://api.example"},
		{"127.0.0.1:9000", "https://127.0.0.1:9000"},
		{"http://127.0.0.1:9000", "http://127.0.0.1:9000"},
		{"http://[::1]:9000", "http://[::1]:9000"},
		{"[::1]:9000", "https://[::1]:9000"},
		{"", ""},
		{"http://api.example", ""},
		{"http://localhost:9000", ""},
		{"ftp://api.example", ""},
		{"https://user@api.example", ""},
		{"user:pass@api.example", ""},
		{"api.example/path", ""},
		{"api.example?x=1", ""},
		{"https://api.example?x=1", ""},
		{"api example", ""},
		{"api.example:", ""},
		{"api.example:0", ""},
		{"api.example:99999", ""},
		{"-api.example", ""},
		{"api..example", ""},
		{"127.1", ""},
		{"0x7f.1", ""},
		{"::1", ""},
		{"[fe80::1%25eth0]", ""},
		{"аpi.example", ""}, // its first letter is Cyrillic
		{strings.Repeat("a.", 127) + "a", ""},
	}
	for _, tt := range tests {
		t.Run(tt.raw, func(t *testing.T) {
			got, err := alertlogic.ParseEndpoint(tt.raw)
			switch {
			case err != nil && tt.want != "":
				t.Errorf("refused: %v", err)
			case err == nil && got.String() != tt.want:
				t.Errorf("got %s, want %q", got, tt.want)
			}
		})
	}
}

// Whatever is accepted is https (or http on loopback) to the host it shows, and
// means the same when it is read again.
func FuzzParseEndpoint(f *testing.F) {
	for _, seed := range []string{"api.example:443", "https://[::1]:1/x", "http://127.0.0.1", "a@b", "a\\b", "1.2.3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := alertlogic.ParseEndpoint(raw)
		if err != nil {
			if u != nil {
				t.Errorf("%q: an address beside the error %v", raw, err)
			}
			return
		}
		if u.Scheme != "https" && (u.Scheme != "http" || !wire.Loopback(u.Host)) {
			t.Errorf("%q: scheme %s", raw, u.Scheme)
		}
		if u.User != nil || u.RawQuery != "" || strings.ContainsAny(u.Host, "/\\@ ?#%") || !strings.Contains(raw, u.Host) {
			t.Errorf("%q: %s", raw, u)
		}
		again, err := alertlogic.ParseEndpoint(u.String())
		if err != nil || again.String() != u.String() {
			t.Errorf("%q: %s read again: %s, %v", raw, u, again, err)
		}
	})
}

// The answer of the endpoints service decides where the token goes.
func TestLookupAnswers(t *testing.T) {
	tests := []struct{ api, answer, want string }{ // want "": refused
		{"https://api.test", `{"ingest":"ingest.test"}`, "https://ingest.test"},
		{"https://api.test", `{"ingest":"ingest.test:8443"}`, "https://ingest.test:8443"},
		{"https://api.test", `{"ingest":"https://ingest.test"}`, "https://ingest.test"},
		{"https://api.test", `{"ingest":"127.0.0.1:9"}`, "https://127.0.0.1:9"},
		{"http://127.0.0.1:1", `{"ingest":"127.0.0.1:9"}`, "http://127.0.0.1:9"},
		{"http://127.0.0.1:1", `{"ingest":"https://127.0.0.1:9"}`, "https://127.0.0.1:9"},
		{"http://127.0.0.1:1", `{"ingest":"ingest.test"}`, "https://ingest.test"},
		{"https://api.test", `{"ingest":"http://ingest.test"}`, ""},
		{"http://127.0.0.1:1", `{"ingest":"http://127.0.0.1:9"}`, ""},
		{"https://api.test", `{"ingest":"HTTPS://ingest.test"}`, ""},
		{"https://api.test", `{"ingest":"user@ingest.test"}`, ""},
		{"https://api.test", `{"ingest":"ingest.test/path"}`, ""},
		{"https://api.test", `{"ingest":"ingest.test?q"}`, ""},
		{"https://api.test", `{"ingest":"ingest.test#f"}`, ""},
		{"https://api.test", `{"ingest":" ingest.test"}`, ""},
		{"https://api.test", `{"ingest":"ingest.test\\evil"}`, ""},
		{"https://api.test", `{"ingest":"ingest.test\r\n"}`, ""},
		{"https://api.test", `{"ingest":""}`, ""},
		{"https://api.test", `{"azcollect":"ingest.test"}`, ""},
		{"https://api.test", `{"ingest":["ingest.test"]}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.api+" "+tt.answer, func(t *testing.T) {
			s := newService(t)
			s.lookup = func(w http.ResponseWriter, _ *http.Request) bool {
				_, _ = w.Write([]byte(tt.answer))
				return true
			}
			o := s.inProcess()
			o.API, _ = url.Parse(tt.api)
			got := ""
			o.HTTP = &http.Client{Transport: intercept(func(r *http.Request) (*http.Response, error) {
				if strings.HasPrefix(r.URL.Path, "/ingest/") {
					got = r.URL.Scheme + "://" + r.URL.Host
				}
				return handled{s}.RoundTrip(r)
			})}
			err := fill(t, mustIngest(t, o, alertlogic.IngestOptions{}), `{}`).Send(t.Context())
			if got != tt.want {
				t.Errorf("the token went to %q, want %q (%v)", got, tt.want, err)
			}
			if tt.want == "" && verdict(err) != "judges our settings" {
				t.Errorf("verdict: %s (%v)", verdict(err), err)
			}
		})
	}
}

// A host is looked up again once it fails, at most once a minute.
func TestHostThatMoves(t *testing.T) {
	failures := map[string]func(*http.Request) (*http.Response, error){
		"connection": func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") },
		"404": func(r *http.Request) (*http.Response, error) {
			return handled{http.NotFoundHandler()}.RoundTrip(r)
		},
	}
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t)
				o := s.inProcess()
				o.HTTP = &http.Client{Transport: intercept(func(r *http.Request) (*http.Response, error) {
					if r.URL.Host == "old.test" {
						return fail(r)
					}
					return handled{s}.RoundTrip(r)
				})}
				s.host = "old.test"
				b := fill(t, mustIngest(t, o, alertlogic.IngestOptions{}), `{}`)
				for range 3 {
					if b.Send(t.Context()) == nil || s.lookups != 1 {
						t.Fatalf("%d lookups within a minute, want 1", s.lookups)
					}
				}
				s.lookup = func(w http.ResponseWriter, _ *http.Request) bool {
					w.WriteHeader(http.StatusBadGateway)
					return true
				}
				time.Sleep(time.Minute)
				if b.Send(t.Context()) == nil || s.lookups != 2 {
					t.Fatalf("%d lookups after a minute, want 2", s.lookups)
				}
				s.lookup, s.host = nil, "new.test"
				time.Sleep(time.Minute)
				if err := b.Send(t.Context()); err != nil || s.lookups != 3 {
					t.Fatalf("%d lookups after two minutes, want 3 (%v)", s.lookups, err)
				}
				time.Sleep(time.Hour)
				if err := fill(t, mustIngest(t, o, alertlogic.IngestOptions{}), `{}`).Send(t.Context()); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func TestRegister(t *testing.T) {
	s := newService(t)
	var got struct{ method, path, body string }
	answer := `{"source":{"id":"S-1","host":{"id":"H-1"}}}`
	s.other = func(w http.ResponseWriter, r *http.Request) {
		got.method, got.path = r.Method, r.URL.EscapedPath()
		var body json.RawMessage
		_ = json.NewDecoder(r.Body).Decode(&body)
		got.body = string(body)
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(answer))
	}
	c := alertlogic.NewClient(s.overTLS())
	request := alertlogic.RegisterRequest{
		Site:    alertlogic.Site{Subscription: "sub", ResourceGroup: "my group/1", App: "app"},
		Version: "1.2.3", TenantID: "T", ClientID: "C", OfficeTenantID: "O", ContentStreams: []string{"Audit.General"},
	}
	id, err := c.Register(t.Context(), request)
	if err != nil || id.HostID != "H-1" || id.SourceID != "S-1" || string(id.Answer) != answer {
		t.Fatalf("got %+v, %v", id, err)
	}
	const path = "/azcollect/v1/134232278/azure/o365/sub/my%20group%2F1/app"
	const body = `{"version":"1.2.3","app_tenant_id":"T","client_id":"C","config":{"type":"o365","office_tenant_id":"O","content_streams":["Audit.General"]}}`
	if got.method != "POST" || got.path != path || got.body != body {
		t.Errorf("sent %s %s\n%s", got.method, got.path, got.body)
	}
	request.ClientSecret = "X"
	if _, err := c.Register(t.Context(), request); err != nil || !strings.Contains(got.body, `"client_secret":"X"`) {
		t.Errorf("%v, sent %s", err, got.body)
	}
	answer = `{"source":{"id":"S-1"}}`
	if _, err := c.Register(t.Context(), request); err == nil {
		t.Error("an answer without a host id was taken")
	}
	if err := c.Deregister(t.Context(), request.Site); err != nil || got.method != "DELETE" || got.path != path {
		t.Errorf("%v, sent %s %s", err, got.method, got.path)
	}
}
