package sim_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"azcollector/internal/sim"
	"azcollector/internal/state"
	"azcollector/internal/state/azurite"
)

// storageToken is what the site's identity gets for storage.
func (v *visitor) storageToken(resource string) string {
	v.Helper()
	status, answer := v.ask(v.identity(func(q url.Values) { q.Set("resource", resource) }))
	var got struct {
		AccessToken string `json:"access_token"`
		Resource    string
	}
	if err := json.Unmarshal(answer, &got); err != nil || status != http.StatusOK || got.AccessToken == "" || got.Resource != resource {
		v.Fatalf("the identity answers %d %s (%v)", status, answer, err)
	}
	return got.AccessToken
}

// TestIdentityForStorage is how the program keeps its packages as a managed identity:
// with a real emulator, whose certificate is the world's. The program run by itself
// needs no more than the environment set here, and SSL_CERT_FILE.
func TestIdentityForStorage(t *testing.T) {
	// The world's clock stands still; the emulator's does not.
	v := visit(t, sim.Options{Now: func() time.Time { return time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC) }})
	certFile, keyFile, err := v.w.IssueCertificate("azurite")
	if err != nil {
		t.Fatal(err)
	}
	emulator := azurite.StartTLS(t, certFile, keyFile)
	container, err := url.Parse(emulator.CreateContainer(t, v.client, "package"))
	if err != nil {
		t.Fatal(err)
	}

	s := v.w.ManagerSettings()
	t.Setenv("IDENTITY_ENDPOINT", s["IDENTITY_ENDPOINT"])
	t.Setenv("IDENTITY_HEADER", s["IDENTITY_HEADER"])
	credential, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
		ClientOptions: azcore.ClientOptions{Transport: v.client},
		ID:            azidentity.ClientID("c4b9e7d2-6a10-4f3b-8e5d-90a1b2c3d4e5"),
	})
	if err != nil {
		t.Fatal(err)
	}
	packages, err := state.OpenPackages(state.PackagesOptions{Container: container, Credential: credential, HTTP: v.client})
	if err != nil {
		t.Fatal(err)
	}
	pkg := []byte("a package")
	sum := sha256.Sum256(pkg)
	sha := hex.EncodeToString(sum[:])
	if err := packages.Put(t.Context(), sha, pkg); err != nil {
		t.Fatal(err)
	}
	address, err := packages.Lend(t.Context(), sha, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := v.client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(got, pkg) {
		t.Errorf("lent: %s %.200q (%v)", resp.Status, got, err)
	}
	v.w.RequireClean(t)
}

func TestIdentityStorageTokens(t *testing.T) {
	for name, c := range map[string]struct {
		resource  string
		ask       func(*visitor) *http.Request
		complaint string
	}{
		"at Resource Manager": {"https://storage.azure.com",
			func(v *visitor) *http.Request { return v.managed("POST", "restart", "") }, "manager: a token for"},
		"at Resource Manager, asked for with a slash": {"https://storage.azure.com/",
			func(v *visitor) *http.Request { return v.managed("POST", "restart", "") }, "manager: a token for"},
		"at the feed": {"https://storage.azure.com",
			func(v *visitor) *http.Request { return v.feed("GET", "subscriptions/list", nil, "") }, "management: a token for"},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, sim.Options{})
			r := c.ask(v)
			token := v.storageToken(c.resource)
			v.w.RequireClean(t)
			r.Header.Set("Authorization", "Bearer "+token)
			v.refused(r, 401, "")
			v.complains(c.complaint)
		})
	}
}
