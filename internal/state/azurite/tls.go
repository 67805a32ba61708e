package azurite

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

// A Secure is an emulator that speaks TLS and takes the tokens of identities beside
// the well-known key.
type Secure struct {
	// Blob, Queue and Table are the addresses of the services, the account in their
	// path: what AzureWebJobsStorage__blobServiceUri and its like hold.
	Blob, Queue, Table string
}

// StartTLS runs a secure emulator of its own for tb, with a certificate for 127.0.0.1
// and its key (PEM files). It looks at a token's claims and not at its signature
// ("Use the Azurite emulator", OAuth, basic): whoever has a token may do everything.
func StartTLS(tb testing.TB, certFile, keyFile string) Secure {
	tb.Helper()
	at, stop, err := run("--oauth", "basic", "--cert", certFile, "--key", keyFile)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(stop)
	return Secure{"https://" + at[0] + "/" + account, "https://" + at[1] + "/" + account, "https://" + at[2] + "/" + account}
}

// CreateContainer makes a blob container and returns its address. client trusts the
// certificate.
func (s Secure) CreateContainer(tb testing.TB, client *http.Client, name string) (address string) {
	tb.Helper()
	address = s.Blob + "/" + name
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodPut, address+"?restype=container", nil)
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+Token(time.Hour))
	r.Header.Set("x-ms-version", "2018-11-09") // the first that knows user delegation keys
	resp, err := client.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusCreated {
		tb.Fatalf("make container %s: answered %s (%v)", name, resp.Status, err)
	}
	return address
}

// Token makes a token that a secure emulator takes, good for so long from now. It was
// signed by nobody.
func Token(life time.Duration) string {
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"aud": "https://storage.azure.com",
		"iss": "https://sts.windows.net/7f9c1f0e-52a8-4d7e-9a55-2d7a3f6f1b20/",
		"tid": "7f9c1f0e-52a8-4d7e-9a55-2d7a3f6f1b20",
		"oid": "0a4e3f55-9d1c-4c4b-b1a6-6c0c7c1f9d31", // this and tid go into a user delegation key
		"iat": now.Unix() - 60, "nbf": now.Unix() - 60, "exp": now.Add(life).Unix(),
	})
	if err != nil {
		panic(err) // a map of texts and numbers always encodes
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"typ":"JWT","alg":"none"}`)) + "." + encode(claims) + "."
}
