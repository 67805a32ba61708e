package sim

import (
	"crypto/subtle"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// identityPath is where App Service has its token endpoint.
const identityPath = "/msi/token"

// storageResource is what tokens for storage are for, in every cloud ("Authorize access
// to blobs using Microsoft Entra ID").
const storageResource = "https://storage.azure.com"

// ReaderIdentity is the resource id of the site's other identity, as which the platform
// reads packages. It gets tokens for storage only.
const ReaderIdentity = "/subscriptions/5c1b7e0a-2d94-4c4e-8a35-6f0f9d1e2b30/resourceGroups/simulated/providers/Microsoft.ManagedIdentity/userAssignedIdentities/simulated-deploy"

// identity serves tokens of the site's managed identity for Resource Manager and for
// storage, and for nothing else ("How to use managed identities for App Service and
// Azure Functions", REST endpoint reference).
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
		return
	case subtle.ConstantTimeCompare([]byte(r.Header.Get("X-IDENTITY-HEADER")), []byte(w.identityHeader)) != 1:
		w.judge.complain("identity: X-IDENTITY-HEADER is not the one in IDENTITY_HEADER")
		refuse(http.StatusUnauthorized, "Unauthorized.")
		return
	case !strings.EqualFold(q.Get("client_id"), w.o.IdentityID) && (!strings.EqualFold(q.Get("mi_res_id"), ReaderIdentity) || resource != storageResource): // as when there is no system-assigned one
		refuse(http.StatusBadRequest, "No managed identity was found for the specified client_id.")
		return
	}
	var token string
	now := w.o.Now()
	switch resource {
	case w.URL(ResourceManager):
		token = w.mint.issue(claims{
			Audience: resource, Issuer: w.URL(Entra) + "/" + w.o.Tenant + "/", Tenant: w.o.Tenant, App: w.o.IdentityID,
		}, w.o.TokenLife)
	case storageResource:
		now = time.Now()
		token = w.storageToken(now)
	default:
		refuse(http.StatusBadRequest, "The resource principal "+resource+" was not found in the tenant.")
		return
	}
	writeJSON(rw, http.StatusOK, map[string]string{
		"access_token": token, "expires_on": strconv.FormatInt(now.Add(w.o.TokenLife).Unix(), 10),
		"resource": q.Get("resource"), "token_type": "Bearer", "client_id": w.o.IdentityID,
	})
}

// storageToken is one for a storage emulator, which is no part of this world: it stands
// on the real clock, wants to read the issuer of the public cloud, and writes the
// identity's tenant and object id into user delegation keys. It is signed like the
// others, so that the guard knows it where it does not belong.
func (w *World) storageToken(now time.Time) string {
	return w.mint.issueAt(now, claims{
		Audience: storageResource, Issuer: "https://sts.windows.net/" + w.o.Tenant + "/", Tenant: w.o.Tenant, App: w.o.IdentityID,
		Object: "5e0d6c1b-8f2a-4e3d-9b7c-1a2f3e4d5c6b",
	}, w.o.TokenLife)
}
