package microsoft_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"azcollector/internal/microsoft"

	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

func certify(t *testing.T, key crypto.Signer) *x509.Certificate {
	t.Helper()
	return certifyFor(t, key, time.Hour)
}

func certifyFor(t *testing.T, key crypto.Signer, life time.Duration) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"}, NotAfter: time.Now().Add(life)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func pemOf(t *testing.T, cert *x509.Certificate, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})...)
}

func TestCertificates(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := certify(t, key)
	pfx := func(e *pkcs12.Encoder) []byte {
		der, err := e.Encode(key, cert, nil, "opens it")
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	// An older PFX ends in the salt of its MAC.
	spaced := pfx(pkcs12.LegacyRC2.WithRand(bytes.NewReader(bytes.Repeat([]byte(" "), 1<<10))))
	if !bytes.HasSuffix(spaced, []byte(" ")) {
		t.Fatal("the PFX ends in no space")
	}
	base64Of := func(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b) + "\n") }
	plain := pemOf(t, cert, key)
	cases := map[string]struct {
		content  []byte
		password string
		says     string // empty: it works
	}{
		"PEM":                    {plain, "", ""},
		"PEM with a password":    {plain, "not needed", ""},
		"PEM in base64":          {base64Of(plain), "", ""},
		"PFX of OpenSSL 3":       {pfx(pkcs12.Modern2023), "opens it", ""},
		"older PFX":              {pfx(pkcs12.LegacyRC2), "opens it", ""},
		"PFX ending in a space":  {spaced, "opens it", ""},
		"PFX in base64":          {base64Of(pfx(pkcs12.Modern2023)), "opens it", ""},
		"PFX and wrong password": {pfx(pkcs12.Modern2023), "wrong", "APP_CLIENT_CERTIFICATE_PASSWORD"},
		"encrypted PEM":          {bytes.ReplaceAll(plain, []byte("PRIVATE"), []byte("ENCRYPTED PRIVATE")), "", "decrypt it"},
		"certificate only":       {plain[bytes.Index(plain, []byte("-----BEGIN CERT")):], "", "private key"},
		"key only":               {plain[:bytes.Index(plain, []byte("-----BEGIN CERT"))], "", "certificate"},
		"another's key":          {pemOf(t, cert, other), "", "belongs to none"},
		"small key":              {pemOf(t, certify(t, small), small), "", "2048"},
		"no RSA key":             {pemOf(t, certify(t, curve), curve), "", "not RSA"},
		"junk":                   {[]byte("/etc/app.pem"), "", "PEM"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			tokens, err := microsoft.NewTokens(w.cloud(), microsoft.Credentials{ClientID: "the-app", Certificate: c.content, CertificatePassword: c.password}, w.client)
			ends, known := microsoft.Credentials{Certificate: c.content, CertificatePassword: c.password}.Expires()
			if known != (c.says == "") || known && !ends.Equal(cert.NotAfter) {
				t.Errorf("expires %v, %v", ends, known)
			}
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), "APP_CLIENT_CERTIFICATE") || !strings.Contains(err.Error(), c.says) {
					t.Errorf("error %v does not say %q", err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tokens.Token(t.Context(), tenant, audience); err != nil {
				t.Fatal(err)
			}
			if !signedBy(t, w.forms[0], key) {
				t.Error("the assertion is not signed with the certificate's key")
			}
		})
	}
}

func TestExpiryIsTheLeafs(t *testing.T) {
	keys := make([]*rsa.PrivateKey, 2)
	for i := range keys {
		var err error
		if keys[i], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			t.Fatal(err)
		}
	}
	block := func(c *x509.Certificate) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	issuer, old, leaf := certifyFor(t, keys[1], 9*time.Hour), certifyFor(t, keys[0], time.Minute), certifyFor(t, keys[0], 3*time.Hour)
	content := bytes.Join([][]byte{block(issuer), block(old), pemOf(t, leaf, keys[0]), block(issuer)}, nil)
	if at, known := (microsoft.Credentials{Certificate: content}).Expires(); !known || !at.Equal(leaf.NotAfter) {
		t.Errorf("expires %v, %v, want %v", at, known, leaf.NotAfter)
	}
}

func TestOtherProofsDoNotSayWhenTheyEnd(t *testing.T) {
	for _, c := range []microsoft.Credentials{{}, {ClientSecret: secret}, {FederatedIdentity: "identity"}} {
		if at, known := c.Expires(); known || !at.IsZero() {
			t.Errorf("%v, %v", at, known)
		}
	}
}

// signedBy checks the assertion's signature (PS256, as MSAL signs).
func signedBy(t *testing.T, form url.Values, key *rsa.PrivateKey) bool {
	t.Helper()
	parts := strings.Split(form.Get("client_assertion"), ".")
	if len(parts) != 3 {
		t.Fatalf("assertion of %d parts", len(parts))
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	hash := crypto.SHA256.New()
	hash.Write([]byte(parts[0] + "." + parts[1]))
	return rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, hash.Sum(nil), signature, nil) == nil
}
