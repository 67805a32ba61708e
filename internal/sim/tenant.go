package sim

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A tenant is what its administrators, or time, can change while the world runs.
type tenant struct {
	mu          sync.Mutex
	unaudited   bool
	expired     bool // the client secret
	roles       []string
	skew        time.Duration
	secretUntil time.Time // what Graph tells of the secret; zero: nothing
}

// SetAuditing switches the tenant's unified audit log. Without it, subscriptions
// are neither started nor listed, nor are contents.
func (w *World) SetAuditing(on bool) {
	w.tenant.set(func(t *tenant) { t.unaudited = !on })
}

// ExpireSecret makes Entra refuse the client secret. Tokens already issued stay good.
func (w *World) ExpireSecret(expired bool) {
	w.tenant.set(func(t *tenant) { t.expired = expired })
}

// SetRoles sets the app's permissions in the tokens that are issued from now on;
// [World.RevokeTokens] ends the others.
func (w *World) SetRoles(roles []string) {
	w.tenant.set(func(t *tenant) { t.roles = slices.Clone(roles) })
}

// SetSkew sets how far the management API's clock is ahead of the world's.
func (w *World) SetSkew(d time.Duration) {
	w.tenant.set(func(t *tenant) { t.skew = d })
}

// SetSecretExpiry lets Graph tell when the client secret ends; with the zero time
// it is forbidden to ask, as it is at the beginning. Entra does not look at it.
func (w *World) SetSecretExpiry(at time.Time) {
	w.tenant.set(func(t *tenant) { t.secretUntil = at })
}

func (t *tenant) set(change func(*tenant)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(t)
}

func (t *tenant) audited() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.unaudited
}

func (t *tenant) secretExpired() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.expired
}

func (t *tenant) grantedRoles() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.roles)
}

func (t *tenant) ahead() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.skew
}

func (t *tenant) secretExpiry() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.secretUntil
}

// unaudited answers what the service says of a tenant without an audit log: an
// exception's text, parted at its first colon into code and message ([OBS]
// docs#89; reference, section 4.2).
func (f *feed) unaudited(w http.ResponseWriter, method, kind string) {
	o := &f.w.o
	fail(w, http.StatusBadRequest,
		fmt.Sprintf("%s [CorrId=%s][TenantId=%s,ContentType=%s,ApplicationId=%s,PublisherId=%s][AppId", method, rand.Text(), o.Tenant, kind, o.ClientID, o.Tenant),
		fmt.Sprintf("%s] failed. Exception: Microsoft.Office.Compliance.Audit.DataServiceException: Tenant %s does not exist.\r\n   at Simulator.%s()", o.ClientID, o.Tenant, method))
}
