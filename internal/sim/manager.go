package sim

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// The operations of Azure Resource Manager and of the site's identity that a [Rule]
// can name.
const (
	OpOneDeploy     = "onedeploy"
	OpOperation     = "operation" // a look at how a deployment goes
	OpSettingsRead  = "settings-read"
	OpSettingsWrite = "settings-write"
	OpSync          = "sync-triggers"
	OpRestart       = "restart"
	OpIdentity      = "identity"
)

// A Manager is Azure Resource Manager with one Functions site in it. It knows the
// site's app settings and the package it was last told to run; it runs nothing. The
// shapes are those of Microsoft's REST reference; how the real onedeploy answers is
// not documented beyond a 200, so it answers in every way of [DeployStyle].
type Manager struct {
	w *World

	mu         sync.Mutex
	calls      []string
	forbidden  bool
	shrinks    int // how many settings writes may drop names
	settings   map[string]string
	old        map[string]string // what lagging reads show
	lag, stale int               // how many reads lag behind each write; how many still do
	behind     func(map[string]string)
	deployment Deployment
	packages   []string
	operation  *operation
}

func newManager(w *World) *Manager {
	return &Manager{w: w, settings: map[string]string{}}
}

// Calls are the operations asked for so far, in order, faults included.
func (m *Manager) Calls() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.calls)
}

// Forbid takes the identity's role on the site away, or gives it back.
func (m *Manager) Forbid(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forbidden = on
}

// below takes a path below a site apart. Names have no case in Azure.
var below = regexp.MustCompile(`(?i)^/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/Microsoft\.Web/sites/([^/]+)/(.+)$`)

func (m *Manager) below(r *http.Request) (rest string, ours bool) {
	parts := below.FindStringSubmatch(r.URL.Path)
	if parts == nil {
		return "", false
	}
	o := m.w.o
	return strings.ToLower(parts[4]), strings.EqualFold(parts[1], o.Subscription) &&
		strings.EqualFold(parts[2], o.ResourceGroup) && strings.EqualFold(parts[3], o.SiteName)
}

// op names a request's operation, "" if there is no such.
func (m *Manager) op(r *http.Request) string {
	rest, _ := m.below(r)
	switch r.Method + " " + rest {
	case "PUT extensions/onedeploy":
		return OpOneDeploy
	case "GET extensions/onedeploy":
		return OpOperation
	case "POST config/appsettings/list":
		return OpSettingsRead
	case "PUT config/appsettings":
		return OpSettingsWrite
	case "POST syncfunctiontriggers":
		return OpSync
	case "POST restart":
		return OpRestart
	case "GET ":
		if operationPath.MatchString(r.URL.Path) {
			return OpOperation
		}
	}
	return ""
}

// handler counts every request and puts the dial before the service.
func (m *Manager) handler() http.Handler {
	service := m.w.Dial.Wrap(m.op, http.HandlerFunc(m.serve))
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		m.calls = append(m.calls, m.op(r))
		m.mu.Unlock()
		service.ServeHTTP(rw, r)
	})
}

func (m *Manager) serve(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 4<<20))
	if err != nil {
		refuseManager(rw, http.StatusBadRequest, "InvalidRequestContent", "The request content could not be read.")
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.admit(rw, r) {
		return
	}
	switch op := m.op(r); op {
	case "":
		m.w.judge.complain("resource manager: no such operation: " + r.Method + " " + r.URL.Path)
		refuseManager(rw, http.StatusNotFound, "NotFound", "No HTTP resource was found that matches the request.")
	case OpOneDeploy:
		m.deploy(rw, body)
	case OpOperation:
		m.progress(rw, r)
	case OpSettingsRead:
		m.read(rw, body)
	case OpSettingsWrite:
		m.write(rw, body)
	default:
		if len(body) > 0 {
			m.w.judge.complain("resource manager: " + op + " with a body")
		}
		rw.WriteHeader(map[string]int{OpSync: http.StatusNoContent, OpRestart: http.StatusOK}[op])
	}
}

// ManagerSettings is what a collector's environment has beyond [World.Settings] on a
// site that may update itself. The real identity endpoint speaks plain HTTP.
func (w *World) ManagerSettings() map[string]string {
	return map[string]string{
		"AZURE_RESOURCE_MANAGER_URL": w.URL(ResourceManager),
		"APP_SUBSCRIPTION_ID":        w.o.Subscription,
		"APP_RESOURCE_GROUP":         w.o.ResourceGroup,
		"WEBSITE_SITE_NAME":          w.o.SiteName,
		"IDENTITY_ENDPOINT":          w.URL(Identity) + identityPath,
		"IDENTITY_HEADER":            w.identityHeader,
	}
}
