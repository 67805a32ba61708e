package sim

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// entra serves the part of Entra ID that an app-only client needs: the tenant's
// discovery document and the token endpoint. Instance discovery is not there:
// a client for a private authority must not need it.
func (w *World) entra() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", w.discover)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", w.token)
	mux.HandleFunc("POST /{tenant}/oauth2/token", w.token)
	return mux
}

func entraOp(r *http.Request) string {
	if strings.HasSuffix(r.URL.Path, "/token") {
		return OpToken
	}
	return OpDiscovery
}

func (w *World) discover(rw http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.PathValue("tenant"), w.o.Tenant) {
		refuseToken(rw, w.o.Now(), http.StatusBadRequest, "invalid_tenant", 90002, "Tenant '"+r.PathValue("tenant")+"' not found.")
		return
	}
	base := w.URL(Entra) + "/" + w.o.Tenant
	writeJSON(rw, http.StatusOK, map[string]any{
		"issuer":                   base + "/v2.0",
		"authorization_endpoint":   base + "/oauth2/v2.0/authorize",
		"token_endpoint":           base + "/oauth2/v2.0/token",
		"jwks_uri":                 base + "/discovery/v2.0/keys",
		"response_types_supported": []string{"code", "id_token"},
		"subject_types_supported":  []string{"pairwise"},
		"token_endpoint_auth_methods_supported": []string{
			"client_secret_post", "private_key_jwt", "client_secret_basic",
		},
	})
}

// token grants a token for the management API, Graph or Resource Manager. Version 1 of the endpoint names
// a resource and answers its numbers as strings, version 2 a scope and numbers.
func (w *World) token(rw http.ResponseWriter, r *http.Request) {
	now := w.o.Now()
	refuse := func(status int, kind string, code int, text string) {
		refuseToken(rw, now, status, kind, code, text)
	}
	r.Body = http.MaxBytesReader(rw, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		refuse(http.StatusBadRequest, "invalid_request", 9000410, "Malformed JSON or form.")
		return
	}
	form := r.PostForm
	version1 := !strings.Contains(r.URL.Path, "/v2.0/")
	wanted := form.Get("scope")
	if version1 {
		wanted = form.Get("resource") + "/.default"
	}
	wanted = strings.Join(scopesOf(wanted), " ")
	switch {
	case !strings.EqualFold(r.PathValue("tenant"), w.o.Tenant):
		refuse(http.StatusBadRequest, "invalid_request", 90002, "Tenant '"+r.PathValue("tenant")+"' not found.")
	case form.Get("grant_type") != "client_credentials":
		refuse(http.StatusBadRequest, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
	case !strings.EqualFold(form.Get("client_id"), w.o.ClientID):
		refuse(http.StatusBadRequest, "unauthorized_client", 700016, "Application with identifier '"+form.Get("client_id")+"' was not found in the directory.")
	case form.Get("client_assertion") != "":
		if err := w.checkAssertion(form); err != nil {
			refuse(http.StatusUnauthorized, "invalid_client", 700027, "Client assertion failed validation: "+err.Error()+".")
			return
		}
		w.grant(rw, refuse, wanted, version1)
	case form.Get("client_secret") == "":
		refuse(http.StatusUnauthorized, "invalid_client", 7000218, "The request body must contain 'client_assertion' or 'client_secret'.")
	case subtle.ConstantTimeCompare([]byte(form.Get("client_secret")), []byte(w.o.ClientSecret)) != 1:
		refuse(http.StatusUnauthorized, "invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.")
	case w.tenant.secretExpired():
		refuse(http.StatusUnauthorized, "invalid_client", 7000222, "The provided client secret keys for app '"+w.o.ClientID+"' are expired. Create new keys for your app, or consider using certificate credentials.")
	default:
		w.grant(rw, refuse, wanted, version1)
	}
}

// scopesOf drops what MSAL adds for users.
func scopesOf(scope string) []string {
	var kept []string
	for _, s := range strings.Fields(scope) {
		if s != "openid" && s != "offline_access" && s != "profile" {
			kept = append(kept, s)
		}
	}
	return kept
}

func (w *World) grant(rw http.ResponseWriter, refuse func(int, string, int, string), scope string, version1 bool) {
	audience, roles := w.URL(Management), w.tenant.grantedRoles()
	if scope == w.URL(Graph)+"/.default" {
		audience, roles = w.URL(Graph), []string{} // whether it may read applications, Graph itself knows
	}
	if scope == w.URL(ResourceManager)+"/.default" {
		audience, roles = w.URL(ResourceManager), []string{} // likewise
	}
	if scope != audience+"/.default" {
		refuse(http.StatusBadRequest, "invalid_resource", 500011, "The resource principal named "+strings.TrimSuffix(scope, "/.default")+" was not found in the tenant.")
		return
	}
	life := w.o.TokenLife
	token := w.mint.issue(claims{
		Audience: audience, Issuer: w.URL(Entra) + "/" + w.o.Tenant + "/", Tenant: w.o.Tenant,
		App: w.o.ClientID, Roles: roles,
	}, life)
	seconds := int(life / time.Second)
	rw.Header().Set("Cache-Control", "no-store, no-cache")
	if version1 {
		until := strconv.FormatInt(w.o.Now().Add(life).Unix(), 10)
		writeJSON(rw, http.StatusOK, map[string]string{
			"token_type": "Bearer", "expires_in": strconv.Itoa(seconds), "expires_on": until,
			"resource": audience, "access_token": token,
		})
		return
	}
	writeJSON(rw, http.StatusOK, map[string]any{
		"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token,
	})
}

// refuseToken answers in the shape of Entra's token errors.
func refuseToken(rw http.ResponseWriter, now time.Time, status int, kind string, code int, text string) {
	stamp, trace, correlation := now.UTC().Format("2006-01-02 15:04:05Z"), rand.Text(), rand.Text()
	writeJSON(rw, status, map[string]any{
		"error": kind,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s",
			code, text, trace, correlation, stamp),
		"error_codes":    []int{code},
		"timestamp":      stamp,
		"trace_id":       trace,
		"correlation_id": correlation,
	})
}
