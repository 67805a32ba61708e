package microsoft_test

import (
	"net/http"
	"net/http/httptest"

	"azcollector/internal/microsoft"
)

// federated makes tokens from a managed identity, which the platform (App Service,
// plain HTTP on the machine itself) vouches for. MSAL keeps those tokens for the
// whole process, so every test has an identity of its own.
func (w *world) federated(identity string, platform http.Handler) *microsoft.Tokens {
	w.t.Helper()
	server := httptest.NewServer(platform)
	w.t.Cleanup(server.Close)
	w.t.Setenv("IDENTITY_ENDPOINT", server.URL+"/token")
	w.t.Setenv("IDENTITY_HEADER", "code")
	tokens, err := microsoft.NewTokens(w.cloud(), microsoft.Credentials{ClientID: "the-app", FederatedIdentity: identity}, w.client)
	if err != nil {
		w.t.Fatal(err)
	}
	return tokens
}
