package sim_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"azcollector/internal/sim"
)

func TestCertificateAssertion(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(claims map[string]any)
		pss    bool
		forged bool
		status int
	}{
		"RS256":             {status: 200},
		"PS256":             {pss: true, status: 200},
		"another signature": {forged: true, status: 401},
		"another issuer":    {change: func(m map[string]any) { m["iss"] = "x" }, status: 401},
		"another audience":  {change: func(m map[string]any) { m["aud"] = "https://elsewhere.example" }, status: 401},
		"expired":           {change: func(m map[string]any) { m["exp"] = 1 }, status: 401},
		"no jti":            {change: func(m map[string]any) { delete(m, "jti") }, status: 401},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, sim.Options{ClientKey: &key.PublicKey})
			id, now := v.w.Settings()["APP_CLIENT_ID"], time.Now().Unix()
			m := map[string]any{"iss": id, "sub": id, "aud": v.tokenURL(), "jti": "1", "nbf": now, "exp": now + 600}
			if c.change != nil {
				c.change(m)
			}
			f := v.form()
			f.Del("client_secret")
			f.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
			f.Set("client_assertion", signed(t, key, m, c.pss, c.forged))
			if got, body := v.ask(form(v.tokenURL(), f)); got != c.status {
				t.Errorf("%d %s, want %d", got, body, c.status)
			}
		})
	}
}

func signed(t *testing.T, key *rsa.PrivateKey, claims map[string]any, pss, wrong bool) string {
	t.Helper()
	header, encode := `{"alg":"RS256"}`, base64.RawURLEncoding.EncodeToString
	if pss {
		header = `{"alg":"PS256"}`
	}
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	text := encode([]byte(header)) + "." + encode(body)
	sum := sha256.Sum256([]byte(text))
	if wrong {
		sum[0]++
	}
	sign := func() ([]byte, error) { return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:]) }
	if pss {
		sign = func() ([]byte, error) { return rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], nil) }
	}
	signature, err := sign()
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encode(signature)
}
