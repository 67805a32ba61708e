package sim

import (
	"crypto/subtle"
	"net/http"
	"strconv"
	"strings"
)

// identityPath is where App Service has its token endpoint.
const identityPath = "/msi/token"

// identity serves tokens of the site's managed identity for Resource Manager, and
// for nothing else ("How to use managed identities for App Service and Azure
// Functions", REST endpoint reference).
func (w *World) identity(rw http.ResponseWriter, r *http.Request) {
	refuse := func(status int, text string) {
		writeJSON(rw, status, map[string]any{"statusCode": status, "message": text})
	}
	q := r.URL.Query()
	resource := strings.TrimSuffix(q.Get("resource"), "/")
	switch {
	case r.Method != http.MethodGet || r.URL.Path != identityPath || q.Get("api-version") != "2019-08-01":
		w.judge.complain("identity: asked " + r.Method + " " + r.URL.Path + " with api-version " + q.Get("api-version"))
		refuse(http.StatusBadRequest, "Bad request.")
	case subtle.ConstantTimeCompare([]byte(r.Header.Get("X-IDENTITY-HEADER")), []byte(w.identityHeader)) != 1:
		w.judge.complain("identity: X-IDENTITY-HEADER is not the one in IDENTITY_HEADER")
		refuse(http.StatusUnauthorized, "Unauthorized.")
	case !strings.EqualFold(q.Get("client_id"), w.o.IdentityID): // as when there is no system-assigned one
		refuse(http.StatusBadRequest, "No managed identity was found for the specified client_id.")
	case resource != w.URL(ResourceManager):
		refuse(http.StatusBadRequest, "The resource principal "+resource+" was not found in the tenant.")
	default:
		token := w.mint.issue(claims{
			Audience: resource, Issuer: w.URL(Entra) + "/" + w.o.Tenant + "/", Tenant: w.o.Tenant, App: w.o.IdentityID,
		}, w.o.TokenLife)
		writeJSON(rw, http.StatusOK, map[string]string{
			"access_token": token, "expires_on": strconv.FormatInt(w.o.Now().Add(w.o.TokenLife).Unix(), 10),
			"resource": q.Get("resource"), "token_type": "Bearer", "client_id": w.o.IdentityID,
		})
	}
}
