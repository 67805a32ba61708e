package microsoft_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"azcollector/internal/microsoft"
	"azcollector/internal/sim"
	"azcollector/internal/wire"
)

// packageURI holds a signature, as the address of a private blob does.
const (
	signature  = "sv=2026-01-01&sig=signed%2Bsecret"
	packageURI = "https://packages.example/azcollector.zip?" + signature
)

// A site is a manager of a simulated one, on a clock of its own.
type site struct {
	*microsoft.Manager
	t      *testing.T
	sim    *sim.World
	waits  []time.Duration // asked of the clock, in order
	tokens []string        // used, in order
	o      microsoft.ManagerOptions
}

func newSite(t *testing.T, change ...func(*microsoft.ManagerOptions)) *site {
	t.Helper()
	s := &site{t: t, sim: sim.Start(t, sim.Options{Calm: true})}
	s.sim.Manager.SetSettings(map[string]string{"KEEP": "secret value", "WEBSITE_RUN_FROM_PACKAGE": "https://old.example/"})
	root, err := os.ReadFile(s.sim.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	client := wire.Client(wire.Options{Roots: roots})
	t.Cleanup(client.CloseIdleConnections)
	settings := s.sim.ManagerSettings()
	s.o = microsoft.ManagerOptions{
		Cloud: microsoft.Cloud{ResourceManager: mustParse(settings["AZURE_RESOURCE_MANAGER_URL"])},
		Site:  microsoft.Site{Subscription: settings["APP_SUBSCRIPTION_ID"], ResourceGroup: settings["APP_RESOURCE_GROUP"], Name: settings["WEBSITE_SITE_NAME"]},
		HTTP:  client,
		Token: func(_ context.Context, scope string) (string, error) { return s.identity(client, scope) },
		Wait: func(ctx context.Context, d time.Duration) error {
			s.waits = append(s.waits, d)
			return ctx.Err()
		},
	}
	for _, f := range change {
		f(&s.o)
	}
	s.Manager = microsoft.NewManager(s.o)
	return s
}

// identity is the platform's answer to who we are.
func (s *site) identity(client *http.Client, scope string) (string, error) {
	settings := s.sim.ManagerSettings()
	resource, ok := strings.CutSuffix(scope, "/.default")
	if !ok {
		s.t.Errorf("asked for a token for %q", scope)
	}
	q := url.Values{"resource": {resource}, "api-version": {"2019-08-01"}, "client_id": {"c4b9e7d2-6a10-4f3b-8e5d-90a1b2c3d4e5"}}
	req, err := http.NewRequest(http.MethodGet, settings["IDENTITY_ENDPOINT"]+"?"+q.Encode(), nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("X-IDENTITY-HEADER", settings["IDENTITY_HEADER"])
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer wire.Discard(resp)
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	err = json.NewDecoder(resp.Body).Decode(&answer)
	s.tokens = append(s.tokens, answer.AccessToken)
	return answer.AccessToken, err
}

// managerAt is one of a server that says what the simulator does not.
func managerAt(server *httptest.Server) *microsoft.Manager {
	return microsoft.NewManager(microsoft.ManagerOptions{
		Cloud: microsoft.Cloud{ResourceManager: mustParse(server.URL)}, HTTP: server.Client(),
		Site:  microsoft.Site{Subscription: "s", ResourceGroup: "g", Name: "n"},
		Token: func(context.Context, string) (string, error) { return "opaque.token", nil },
		Wait:  func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	})
}

// All that a manager does to a site, and what each asks first.
var managerCalls = map[string]struct {
	do    func(context.Context, *microsoft.Manager) error
	first string
}{
	"deploy":  {func(ctx context.Context, m *microsoft.Manager) error { return m.OneDeploy(ctx, packageURI) }, sim.OpOneDeploy},
	"sync":    {func(ctx context.Context, m *microsoft.Manager) error { return m.SyncTriggers(ctx) }, sim.OpSync},
	"restart": {func(ctx context.Context, m *microsoft.Manager) error { return m.Restart(ctx) }, sim.OpRestart},
	"set": {func(ctx context.Context, m *microsoft.Manager) error {
		return m.SetSettings(ctx, map[string]string{"WEBSITE_RUN_FROM_PACKAGE": packageURI})
	}, sim.OpSettingsRead},
	"settings": {func(ctx context.Context, m *microsoft.Manager) error {
		_, err := m.Settings(ctx)
		return err
	}, sim.OpSettingsRead},
}

// tells returns what of an error is a secret of a site.
func (s *site) tells(err error) string {
	if leak := leaksOf(err); leak != "" || err == nil {
		return leak
	}
	for _, forbidden := range append(s.tokens, "sig=", "signed", "api-version", "secret value", "packages.example", "Bearer") {
		if strings.Contains(err.Error(), forbidden) {
			return forbidden
		}
	}
	return ""
}
