package sim_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"azcollector/internal/sim"
)

// A visitor is a client that knows the world's root and follows no redirect.
type visitor struct {
	*testing.T
	w      *sim.World
	client *http.Client
	token  string
}

func visit(t *testing.T, o sim.Options) *visitor {
	t.Helper()
	o.Calm = true
	w := sim.Start(t, o)
	root, err := os.ReadFile(w.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(root)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	v := &visitor{T: t, w: w, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	v.token = v.signIn()
	return v
}

func (v *visitor) form() url.Values {
	s := v.w.Settings()
	return url.Values{
		"grant_type": {"client_credentials"}, "client_id": {s["APP_CLIENT_ID"]},
		"client_secret": {s["APP_CLIENT_SECRET"]}, "scope": {s["O365_MANAGEMENT_URL"] + "/.default"},
	}
}

func (v *visitor) signIn() string {
	v.Helper()
	status, body := v.ask(form(v.tokenURL(), v.form()))
	var got struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &got); err != nil || status != http.StatusOK || got.ExpiresIn <= 0 {
		v.Fatalf("sign in: %d %s", status, body)
	}
	return got.AccessToken
}

func (v *visitor) tokenURL() string {
	return v.w.URL(sim.Entra) + "/" + v.w.Settings()["APP_TENANT_ID"] + "/oauth2/v2.0/token"
}

func form(address string, values url.Values) *http.Request {
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(values.Encode()))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// feed makes a request as it should be: bearer token and PublisherIdentifier.
func (v *visitor) feed(method, operation string, q url.Values, body string) *http.Request {
	v.Helper()
	tenant := v.w.Settings()["APP_TENANT_ID"]
	address := operation
	if !strings.HasPrefix(address, "https://") {
		address = v.w.URL(sim.Management) + "/api/v1.0/" + tenant + "/activity/feed/" + operation
	}
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		v.Fatal(err)
	}
	if q == nil {
		q = url.Values{}
	}
	for name, values := range r.URL.Query() {
		q[name] = values
	}
	q.Set("PublisherIdentifier", tenant)
	r.URL.RawQuery = q.Encode()
	r.Header.Set("Authorization", "Bearer "+v.token)
	return r
}

// ask sends a request that must be answered.
func (v *visitor) ask(r *http.Request) (int, []byte) {
	v.Helper()
	status, _, body, err := v.try(r)
	if err != nil {
		v.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	return status, body
}

func (v *visitor) try(r *http.Request) (int, http.Header, []byte, error) {
	resp, err := v.client.Do(r)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, body, err
}

// refused wants a status and a text in the body.
func (v *visitor) refused(r *http.Request, status int, text string) {
	v.Helper()
	got, body := v.ask(r)
	if got != status || !bytes.Contains(body, []byte(text)) {
		v.Errorf("%s %s: %d %s, want %d with %q", r.Method, r.URL.Path, got, body, status, text)
	}
}

// complains wants exactly one complaint, with this text.
func (v *visitor) complains(text string) {
	v.Helper()
	got := v.w.Complaints()
	if len(got) != 1 || !strings.Contains(got[0], text) {
		v.Errorf("complaints %q, want one with %q", got, text)
	}
}

func TestTokenIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(url.Values)
		status int
		code   string
	}{
		"wrong secret":     {func(f url.Values) { f.Set("client_secret", "x") }, 401, "AADSTS7000215"},
		"no secret":        {func(f url.Values) { f.Del("client_secret") }, 401, "AADSTS7000218"},
		"unknown app":      {func(f url.Values) { f.Set("client_id", "x") }, 400, "AADSTS700016"},
		"another audience": {func(f url.Values) { f.Set("scope", "https://graph.microsoft.com/.default") }, 400, "AADSTS500011"},
		"another grant":    {func(f url.Values) { f.Set("grant_type", "password") }, 400, "AADSTS70003"},
		"broken assertion": {func(f url.Values) { f.Set("client_assertion", "a.b.c") }, 401, "AADSTS700027"},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, sim.Options{})
			f := v.form()
			c.change(f)
			v.refused(form(v.tokenURL(), f), c.status, c.code)
			v.w.RequireClean(t)
		})
	}
}

func TestVersionOneTellsNumbersAsStrings(t *testing.T) {
	v := visit(t, sim.Options{})
	f := v.form()
	f.Set("resource", v.w.URL(sim.Management))
	_, body := v.ask(form(strings.Replace(v.tokenURL(), "/v2.0", "", 1), f))
	var got map[string]string
	if err := json.Unmarshal(body, &got); err != nil || got["expires_in"] != "3600" {
		t.Errorf("got %s (%v), want expires_in as a string", body, err)
	}
}

func TestDiscoveryNamesThisHost(t *testing.T) {
	v := visit(t, sim.Options{})
	base := v.w.URL(sim.Entra) + "/" + v.w.Settings()["APP_TENANT_ID"]
	r, _ := http.NewRequest(http.MethodGet, base+"/v2.0/.well-known/openid-configuration", nil)
	_, body := v.ask(r)
	var got map[string]any
	if err := json.Unmarshal(body, &got); err != nil || got["token_endpoint"] != v.tokenURL() {
		t.Errorf("got %s (%v), want the token endpoint %s", body, err, v.tokenURL())
	}
}

func TestRevokedTokenIsRefusedWithoutComplaint(t *testing.T) {
	v := visit(t, sim.Options{})
	v.w.RevokeTokens()
	v.refused(v.feed("GET", "subscriptions/list", nil, ""), http.StatusUnauthorized, "Authorization has been denied")
	v.token = v.signIn()
	v.refused(v.feed("GET", "subscriptions/list", nil, ""), http.StatusOK, "[]")
	v.w.RequireClean(t)
}

func TestIssuedCertificateIsTrusted(t *testing.T) {
	v := visit(t, sim.Options{})
	cert, key, err := v.w.IssueCertificate("collector")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		t.Errorf("the pair does not fit: %v", err)
	}
}

func pemOf(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
