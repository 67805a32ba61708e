package microsoft

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"azcollector/internal/collect"
)

// managerVersion is the api-version of every request: the one with which the
// template in arm/ deploys the same extension.
const managerVersion = "2025-03-01"

// A Site is a Functions app as Azure Resource Manager addresses it.
type Site struct {
	Subscription  string // APP_SUBSCRIPTION_ID
	ResourceGroup string // APP_RESOURCE_GROUP
	Name          string // WEBSITE_SITE_NAME
}

// ManagerOptions are the parts of a [Manager].
type ManagerOptions struct {
	Cloud Cloud // of which ResourceManager is used
	Site  Site
	// Token returns a token of the site's managed identity for a scope, such as
	// "https://management.azure.com/.default".
	Token func(ctx context.Context, scope string) (string, error)
	// Renew returns a token that is not the refused one, which an identity's cache
	// would hand out again. nil: Token is asked once more.
	Renew func(ctx context.Context, scope, refused string) (string, error)
	// HTTP lends its transport, its redirect policy is not used. A deployment may be
	// answered only when it is done: its header timeout should be beyond [ManagerPatience].
	HTTP *http.Client
	// Wait rests between two looks at an operation; nil: [collect.Wait].
	Wait func(ctx context.Context, d time.Duration) error
}

// ManagerPatience is how long one answer is waited for. App Service's load balancer
// gives up a request after 230 s (Microsoft Learn, "Azure Functions hosting
// options", timeouts); what has no answer then gets none.
const ManagerPatience = 4 * time.Minute

var errManagerSilent = fmt.Errorf("no whole answer within %v", ManagerPatience)

// A Manager is a client of Azure Resource Manager for one Functions site: what it
// runs and its app settings. It has all the rights of the site's own identity, so
// its token goes to the configured Resource Manager and nowhere else. It was never
// seen to work with the real one. Every error is a [collect.Fault]; its code is the
// HTTP status, or the state in which a deployment ended; none if how an operation goes
// could not be seen.
type Manager struct {
	base   *url.URL
	site   Site
	token  func(ctx context.Context, scope string) (string, error)
	renew  func(ctx context.Context, scope, refused string) (string, error)
	client *http.Client
	wait   func(ctx context.Context, d time.Duration) error
}

// NewManager makes a client; nothing is asked before the first call.
func NewManager(o ManagerOptions) *Manager {
	m := &Manager{base: o.Cloud.ResourceManager, site: o.Site, token: o.Token, renew: o.Renew, client: unredirected(o.HTTP), wait: o.Wait}
	if m.renew == nil {
		m.renew = func(ctx context.Context, scope, _ string) (string, error) { return m.token(ctx, scope) }
	}
	if m.wait == nil {
		m.wait = collect.Wait
	}
	return m
}

// SyncTriggers makes the platform read the functions' triggers anew, as it must
// when the package changed without a deployment.
func (m *Manager) SyncTriggers(ctx context.Context) error {
	return m.order(ctx, "sync the site's triggers", "syncfunctiontriggers")
}

// Restart restarts the site: the platform kills the caller, sooner or later.
func (m *Manager) Restart(ctx context.Context) error {
	return m.order(ctx, "restart the site", "restart")
}

// order is a POST that says all in its path. Whatever 2xx it gets means that it
// was taken.
func (m *Manager) order(ctx context.Context, verb, path string) error {
	address, err := m.address(path)
	if err != nil {
		return explain(verb, err)
	}
	if _, err = m.ask(ctx, question{method: http.MethodPost, address: address}); err != nil {
		return explain(verb, err)
	}
	return nil
}

// address is that of something below the site.
func (m *Manager) address(path string) (*url.URL, error) {
	raw := m.base.String()
	for _, part := range []struct{ below, name, setting string }{
		{"/subscriptions/", m.site.Subscription, "APP_SUBSCRIPTION_ID"},
		{"/resourceGroups/", m.site.ResourceGroup, "APP_RESOURCE_GROUP"},
		{"/providers/Microsoft.Web/sites/", m.site.Name, "WEBSITE_SITE_NAME"},
	} {
		// A slash or dots would make it the address of something else.
		if part.name == "" || part.name == "." || part.name == ".." || strings.ContainsAny(part.name, `/\`) {
			return nil, &collect.Fault{Verdict: collect.JudgesUs, Err: errors.New(part.setting + " does not name one: set it as Azure shows it on the site's overview page")}
		}
		raw += part.below + url.PathEscape(part.name)
	}
	u, err := url.Parse(raw + "/" + path + "?api-version=" + managerVersion)
	if err != nil {
		return nil, &collect.Fault{Verdict: collect.JudgesUs, Err: errors.New("the site has no valid address: check AZURE_RESOURCE_MANAGER_URL")}
	}
	return u, nil
}
