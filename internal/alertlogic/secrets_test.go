package alertlogic_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"azcollector/internal/alertlogic"
)

// Every call, against a service that echoes whatever it was sent and fails in
// every way: nothing that it provokes shows a secret, nor does what is kept of an
// answer.
func TestNoErrorHoldsASecret(t *testing.T) {
	const clientSecret = `cLiEnT<&"/sEcReT`
	secrets := []string{secret, keyID, "tOkEn-", "cLiEnT", "sEcReT", base64.StdEncoding.EncodeToString([]byte(keyID + ":" + secret))}
	calls := map[string]func(*alertlogic.Client, *alertlogic.Ingest) error{
		"register": func(c *alertlogic.Client, _ *alertlogic.Ingest) error {
			_, err := c.Register(t.Context(), alertlogic.RegisterRequest{ClientSecret: clientSecret})
			return err
		},
		"check in": func(c *alertlogic.Client, _ *alertlogic.Ingest) error {
			answer, err := c.CheckIn(t.Context(), alertlogic.CheckInRequest{})
			if err != nil {
				return err
			}
			return fmt.Errorf("answered: %s", answer)
		},
		"authenticate": func(c *alertlogic.Client, _ *alertlogic.Ingest) error { return c.Authenticate(t.Context()) },
		"endpoints": func(c *alertlogic.Client, _ *alertlogic.Ingest) error {
			ingest, azcollect, err := c.Endpoints(t.Context())
			if err != nil {
				return err
			}
			return fmt.Errorf("answered: %s, %s", ingest, azcollect)
		},
		"probe": func(c *alertlogic.Client, _ *alertlogic.Ingest) error { return c.Probe(t.Context()) },
		"deregister": func(c *alertlogic.Client, _ *alertlogic.Ingest) error {
			return c.Deregister(t.Context(), alertlogic.Site{})
		},
		"send": func(_ *alertlogic.Client, sink *alertlogic.Ingest) error {
			b := fill(t, sink, `{}`)
			if err := b.Send(t.Context()); err != nil {
				return err
			}
			return fmt.Errorf("refused: %s", b.Outcome(0).Reason)
		},
	}
	echo := func(r *http.Request) string {
		_, key, _ := r.BasicAuth()
		var body struct {
			ClientSecret string `json:"client_secret"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		return strings.Join([]string{r.Header.Get("Authorization"), key, r.Header.Get("X-Aims-Auth-Token"), body.ClientSecret}, " ")
	}
	answers := map[string]http.HandlerFunc{
		"malformed": func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 %s\r\n\r\n", echo(r))
			_ = conn.Close()
		},
		"not JSON": func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(echo(r))) },
		"body": func(w http.ResponseWriter, r *http.Request) { // as it came, so with its escapes
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.Copy(w, r.Body)
		},
		"other JSON": func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, `{"authentication":%q,"source":%[1]q,"ingest":"%[1]s","azcollect":"%[1]s"}`, echo(r))
		},
	}
	for _, status := range []int{302, 400, 401, 403, 404, 407, 429, 500} {
		answers[fmt.Sprint(status)] = func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://elsewhere.test/?token="+echo(r))
			http.Error(w, echo(r), status)
		}
	}
	// An error tells 1 KiB: the secrets lie across that border, each once.
	for at := range 4 {
		answers[fmt.Sprintf("cut %d", 25*at)] = func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, strings.Repeat("x", 1020-25*at)+" "+echo(r), http.StatusTeapot)
		}
	}
	services := []string{"/aims/", "/endpoints/", "/azcollect/", "/ingest/"}
	for name, answer := range answers {
		for _, at := range services {
			for what, do := range calls {
				t.Run(what+" "+name+" at "+at, func(t *testing.T) {
					s := newService(t)
					s.other = func(w http.ResponseWriter, _ *http.Request) {}
					o := s.overTLS()
					asked := false
					hijacked := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if strings.HasPrefix(r.URL.Path, at) {
							asked = true
							answer(w, r)
							return
						}
						s.ServeHTTP(w, r)
					}))
					t.Cleanup(hijacked.Close)
					o.API.Host, s.host = hijacked.Listener.Addr().String(), hijacked.Listener.Addr().String()
					err := do(alertlogic.NewClient(o), mustIngest(t, o, alertlogic.IngestOptions{}))
					if err == nil && asked && what != "deregister" && what != "probe" {
						t.Error("no error")
					}
					for _, secret := range secrets {
						if err != nil && strings.Contains(fmt.Sprintf("%v %+v", err, err), secret[:min(len(secret), 6)]) {
							t.Errorf("shows %q: %v", secret, err)
						}
					}
				})
			}
		}
	}
}

// A redirect leads nowhere, whoever sends it: not with the token, not with the key.
func TestRedirectsLeadNowhere(t *testing.T) {
	canary := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("followed a redirect to %s with %v", r.URL, r.Header)
	}))
	t.Cleanup(canary.Close)
	redirect := func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, canary.URL+r.URL.Path, http.StatusTemporaryRedirect)
		return true
	}
	for name, at := range map[string]func(*service){
		"aims":      func(s *service) { s.aims = redirect },
		"endpoints": func(s *service) { s.lookup = redirect },
		"ingest": func(s *service) {
			s.ingest = func(w http.ResponseWriter, r *http.Request, _ post) bool { return redirect(w, r) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			at(s)
			b := fill(t, mustIngest(t, s.overTLS(), alertlogic.IngestOptions{}), `{}`)
			if err := b.Send(t.Context()); verdict(err) != "judges our settings" || states(b) != "o" {
				t.Errorf("%s, %s (%v)", verdict(err), states(b), err)
			}
		})
	}
}
