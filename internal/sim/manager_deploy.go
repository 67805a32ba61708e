package sim

import (
	cryptorand "crypto/rand"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
)

// A DeployStyle is how an asynchronous operation is told ("Track asynchronous Azure
// operations"), or a deployment by App Service's own service.
type DeployStyle string

// The styles.
const (
	AtOnce     DeployStyle = "at-once"     // 200, done
	ByStatus   DeployStyle = "by-status"   // 202 with Azure-AsyncOperation and Location
	ByLocation DeployStyle = "by-location" // 202 with Location
	ByResource DeployStyle = "by-resource" // 201 with a provisioningState, to be read again
	ByNumber   DeployStyle = "by-number"   // 202 with a bare id; the resource tells a number
)

// DeployStyles lists them.
func DeployStyles() []DeployStyle {
	return []DeployStyle{AtOnce, ByStatus, ByLocation, ByResource, ByNumber}
}

// A Deployment says how deployments go. Its zero value: at once in a calm world, in
// a style drawn from the seed in others, to a good end.
type Deployment struct {
	Style      DeployStyle
	Looks      int    // that show it going on
	End        string // "Succeeded", "Failed" or "Canceled"; "": Succeeded
	RetryAfter string // of the answers that show it going on
	// Elsewhere: the address to look at is the canary's.
	Elsewhere bool
	// Unwatchable: who may deploy may not look at the operation.
	Unwatchable bool
}

type operation struct {
	Deployment
	id, packageURI string
}

// SetDeployment says how the deployments from now on go.
func (m *Manager) SetDeployment(d Deployment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deployment = d
}

// Packages are the addresses that the site was made to run, in order.
func (m *Manager) Packages() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.packages)
}

// operationPath is not below the site: a role on the site alone may not reach there.
var operationPath = regexp.MustCompile(`(?i)^/subscriptions/[^/]+/providers/Microsoft\.Web/locations/simulated/(operations|operationResults)/[A-Z0-9]+$`)

func (m *Manager) deploy(rw http.ResponseWriter, body []byte) {
	var asked struct {
		Properties struct {
			PackageURI  string `json:"packageUri"`
			RemoteBuild *bool  `json:"remoteBuild"`
		} `json:"properties"`
	}
	err := decodeStrictly(body, &asked)
	p := asked.Properties
	switch {
	case err != nil, !fit(p.PackageURI):
		m.w.judge.complain("resource manager: a deployment whose body is not {properties: {packageUri: https address, remoteBuild}}")
	case p.RemoteBuild == nil || *p.RemoteBuild:
		m.w.judge.complain("resource manager: a deployment that does not say remoteBuild false: there is nothing to build")
	case m.operation != nil && m.operation.Looks > 0:
		if m.operation.Looks--; m.operation.Looks == 0 { // it goes on although nobody looks at it
			m.conclude()
		}
		refuseManager(rw, http.StatusConflict, "Conflict", "Another deployment is in progress.")
		return
	default:
		m.begin(rw, p.PackageURI)
		return
	}
	refuseManager(rw, http.StatusBadRequest, "BadRequest", "The package '"+p.PackageURI+"' cannot be deployed.")
}

func (m *Manager) begin(rw http.ResponseWriter, packageURI string) {
	o := &operation{Deployment: m.deployment, id: cryptorand.Text(), packageURI: packageURI}
	m.operation = o
	if o.Style == "" {
		o.Style = AtOnce
		if !m.w.o.Calm {
			o.Style = DeployStyles()[rand.New(rand.NewPCG(m.w.o.Seed, uint64(len(m.calls)))).IntN(len(DeployStyles()))]
		}
	}
	if o.End == "" {
		o.End = "Succeeded"
	}
	if o.Style == AtOnce {
		o.Looks = 0
	}
	if o.Looks == 0 {
		m.conclude()
	}
	base := m.w.URL(ResourceManager)
	if o.Elsewhere {
		base = m.w.URL(Canary)
	}
	// Real addresses hold a signature, which is a secret.
	base += "/subscriptions/" + m.w.o.Subscription + "/providers/Microsoft.Web/locations/simulated/"
	query := "/" + o.id + "?api-version=2025-03-01&t=638700000000000000&s=" + cryptorand.Text()
	h := rw.Header()
	switch o.Style {
	case AtOnce:
		m.resource(rw, http.StatusOK, o.End)
	case ByStatus:
		h.Set("Azure-AsyncOperation", base+"operations"+query)
		fallthrough
	case ByLocation:
		h.Set("Location", base+"operationResults"+query)
		m.goOn(rw)
		rw.WriteHeader(http.StatusAccepted)
	case ByResource:
		m.goOn(rw)
		m.resource(rw, http.StatusCreated, "InProgress")
	default:
		m.goOn(rw)
		writeJSON(rw, http.StatusAccepted, o.id)
	}
}

// conclude is the end of the operation.
func (m *Manager) conclude() {
	if m.operation.End == "Succeeded" {
		m.packages = append(m.packages, m.operation.packageURI)
	}
}

// goOn says when to look again.
func (m *Manager) goOn(rw http.ResponseWriter) {
	if m.operation.RetryAfter != "" {
		rw.Header().Set("Retry-After", m.operation.RetryAfter)
	}
}

// progress tells how the latest deployment goes.
func (m *Manager) progress(rw http.ResponseWriter, r *http.Request) {
	o := m.operation
	switch {
	case o == nil:
		refuseManager(rw, http.StatusNotFound, "NotFound", "There is no such operation.")
		return
	case o.Unwatchable:
		refuseManager(rw, http.StatusForbidden, "AuthorizationFailed", "The client may not read '"+r.URL.String()+"'.")
		return
	}
	state, number := o.End, map[string]int{"Succeeded": 4, "Failed": 3, "Canceled": -1}[o.End]
	going := o.Looks > 0
	if going {
		state, number = "InProgress", 2
		m.goOn(rw)
		if o.Looks--; o.Looks == 0 {
			m.conclude()
		}
	}
	switch {
	case o.Style == ByNumber:
		writeJSON(rw, http.StatusOK, map[string]any{"properties": map[string]any{"id": o.id, "status": number, "provisioningState": nil, "complete": !going}})
	case o.Style == ByResource, o.Style == AtOnce:
		m.resource(rw, http.StatusOK, state)
	case o.Style == ByStatus:
		m.tell(rw, map[string]any{"id": r.URL.Path, "status": state})
	case going:
		rw.WriteHeader(http.StatusAccepted)
	default:
		m.tell(rw, map[string]any{"properties": map[string]any{"provisioningState": state}})
	}
}

func (m *Manager) resource(rw http.ResponseWriter, status int, state string) {
	writeJSON(rw, status, map[string]any{
		"id": m.sitePath() + "/extensions/onedeploy", "name": "onedeploy", "type": "Microsoft.Web/sites/extensions",
		"properties": map[string]any{"provisioningState": state},
	})
}

// tell adds why an operation failed, and repeats the package's address in it.
func (m *Manager) tell(rw http.ResponseWriter, answer map[string]any) {
	if m.operation.End == "Failed" {
		answer["error"] = map[string]string{"code": "PackageDownloadFailed", "message": "Could not download " + m.operation.packageURI}
	}
	writeJSON(rw, http.StatusOK, answer)
}
