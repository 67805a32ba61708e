package updater_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
	"azcollector/internal/sim"
	"azcollector/internal/wire"
)

// runFromPackage is how Elastic Premium knows what to run.
const runFromPackage = "WEBSITE_RUN_FROM_PACKAGE"

// container is where our packages are, as the platform is told.
const container = "https://packages.example/package/"

// A plan is how a platform is told what to run.
type plan string

const (
	flex    plan = "Flex Consumption"
	premium plan = "Elastic Premium"
)

var plans = []plan{flex, premium}

// onBoth runs a test on either platform.
func onBoth(t *testing.T, test func(t *testing.T, p plan)) {
	for _, p := range plans {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel() // most of the time it waits for the disk
			test(t, p)
		})
	}
}

// asks is the operation that changes what runs.
func (p plan) asks() string {
	return map[plan]string{flex: sim.OpOneDeploy, premium: sim.OpSettingsWrite}[p]
}

// A platform is the simulated Resource Manager, and the client with which it is asked.
type platform struct {
	plan    plan
	world   *sim.World
	manager *microsoft.Manager
	hand    string // what an administrator deployed last, and
	orders  int    // how many orders came before that
}

func newPlatform(t *testing.T, p plan, now func() time.Time) *platform {
	w := sim.Start(t, sim.Options{Calm: true, Now: now})
	w.Manager.SetSettings(map[string]string{"KEEP": "secret value"})
	root, err := os.ReadFile(w.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	client := wire.Client(wire.Options{Roots: roots})
	t.Cleanup(client.CloseIdleConnections)
	settings := w.ManagerSettings()
	base, err := url.Parse(settings["AZURE_RESOURCE_MANAGER_URL"])
	if err != nil {
		t.Fatal(err)
	}
	return &platform{plan: p, world: w, manager: microsoft.NewManager(microsoft.ManagerOptions{
		Cloud: microsoft.Cloud{ResourceManager: base},
		Site:  microsoft.Site{Subscription: settings["APP_SUBSCRIPTION_ID"], ResourceGroup: settings["APP_RESOURCE_GROUP"], Name: settings["WEBSITE_SITE_NAME"]},
		HTTP:  client,
		Token: func(_ context.Context, scope string) (string, error) { return identity(client, settings, scope) },
		Wait:  func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	})}
}

// identity is the platform's answer to who we are.
func identity(client *http.Client, settings map[string]string, scope string) (string, error) {
	q := url.Values{"resource": {strings.TrimSuffix(scope, "/.default")}, "api-version": {"2019-08-01"}, "client_id": {"c4b9e7d2-6a10-4f3b-8e5d-90a1b2c3d4e5"}}
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
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the platform's answer to who we are is %d", resp.StatusCode)
	}
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	return answer.AccessToken, json.NewDecoder(resp.Body).Decode(&answer)
}

// run asks for a package of ours. Where the setting is there already, a restart does it.
func (p *platform) run(ctx context.Context, sum string) error {
	address := container + sum + ".zip"
	if p.plan == flex {
		return p.manager.OneDeploy(ctx, address+"?"+signature)
	}
	settings, err := p.manager.Settings(ctx)
	if err != nil {
		return err
	}
	if settings[runFromPackage] == address {
		return p.manager.Restart(ctx)
	}
	return p.manager.SetSettings(ctx, map[string]string{runFromPackage: address})
}

func (p *platform) settle(ctx context.Context) error {
	if p.plan == flex {
		return nil
	}
	return p.manager.SyncTriggers(ctx)
}

// told is the hash of the package that the platform is to run; "" if nobody told it.
func (p *platform) told(t *testing.T) string {
	address := p.world.Manager.Settings()[runFromPackage]
	if p.plan == flex {
		packages := p.world.Manager.Packages()
		if len(packages) == p.orders {
			return p.hand
		}
		address = packages[len(packages)-1]
	}
	if address == "" {
		return ""
	}
	rest, own := strings.CutPrefix(address, container)
	sum, _, _ := strings.Cut(rest, ".zip")
	if !own || isSum(sum) != nil {
		t.Errorf("the platform was told %s", address)
	}
	return sum
}

// deploy is what an administrator does; "" is what the site began with.
func (p *platform) deploy(sum string) {
	p.hand, p.orders = sum, len(p.world.Manager.Packages())
	if p.plan == premium {
		settings := p.world.Manager.Settings()
		settings[runFromPackage] = ""
		if sum != "" {
			settings[runFromPackage] = container + sum + ".zip"
		}
		p.world.Manager.SetSettings(settings)
	}
}

// requests are how often the platform was asked for anything.
func (p *platform) requests() int { return len(p.world.Manager.Calls()) }

// count is how often it was asked to run something.
func (p *platform) count() (n int) {
	for _, op := range p.world.Manager.Calls() {
		if op == p.plan.asks() {
			n++
		}
	}
	return n
}

// key is that of the row in which the progress is.
func (l *life) key() collect.Key {
	return collect.Key{Kind: "config", Partition: l.tenant, Row: "update"}
}

// row is the progress as it is in the state.
func (l *life) row() collect.Row {
	l.t.Helper()
	row, err := l.store.Get(context.WithoutCancel(l.t.Context()), l.key())
	if err != nil {
		l.t.Fatal(err)
	}
	return row
}

// forge writes to the state what somebody likes.
func (l *life) forge(fields collect.Fields) {
	l.t.Helper()
	row, err := l.store.Get(l.t.Context(), l.key())
	if err != nil {
		row = collect.Row{Key: l.key(), Fields: collect.Fields{}}
	}
	for name, value := range fields {
		row.Fields[name] = value
	}
	if err := collect.Put(l.t.Context(), l.store, row); err != nil {
		l.t.Fatal(err)
	}
}

// programOf opens a package that is to run.
func programOf(pkg []byte) (string, error) {
	archive, err := zip.NewReader(bytes.NewReader(pkg), int64(len(pkg)))
	if err != nil {
		return "", fmt.Errorf("open it: %w", err)
	}
	return versionOf(archive)
}
