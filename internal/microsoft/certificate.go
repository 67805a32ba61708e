package microsoft

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

// minKeyBits is the smallest RSA key that the Management APIs take ("Get started
// with Office 365 Management APIs", X.509 certificate).
const minKeyBits = 2048

// parseCertificate reads APP_CLIENT_CERTIFICATE: PEM or PFX, either also as
// base64 so that a PFX fits into an environment variable. azidentity reads the
// PEM; of PFX it reads only old ones, and what OpenSSL 3 writes (AES, SHA-256)
// needs go-pkcs12, which reads both.
func parseCertificate(content []byte, password string) ([]*x509.Certificate, *rsa.PrivateKey, error) {
	certs, key, err := parseAny(content, password)
	if err != nil {
		return nil, nil, fmt.Errorf("read APP_CLIENT_CERTIFICATE: %w", err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, nil, errors.New("read APP_CLIENT_CERTIFICATE: the key is not RSA, and Entra takes no other")
	}
	if bits := private.N.BitLen(); bits < minKeyBits {
		return nil, nil, fmt.Errorf("read APP_CLIENT_CERTIFICATE: the RSA key has %d bits; it needs %d", bits, minKeyBits)
	}
	if leafOf(certs, private) == nil {
		return nil, nil, errors.New("read APP_CLIENT_CERTIFICATE: the private key belongs to none of the certificates")
	}
	return certs, private, nil
}

// leafOf finds the certificate that the key signs for: the last one, as MSAL
// does, should several have the same key.
func leafOf(certs []*x509.Certificate, key *rsa.PrivateKey) *x509.Certificate {
	for _, cert := range slices.Backward(certs) {
		if key.PublicKey.Equal(cert.PublicKey) {
			return cert
		}
	}
	return nil
}

// Expires is when the certificate ends. Other proofs do not say it themselves;
// of a secret, [Tokens.SecretExpiry] may know it. A certificate that cannot be
// read has no end either: [NewTokens] says what is wrong with it.
func (c Credentials) Expires() (at time.Time, known bool) {
	if len(c.Certificate) == 0 {
		return time.Time{}, false
	}
	certs, key, err := parseCertificate(c.Certificate, c.CertificatePassword)
	if err != nil {
		return time.Time{}, false
	}
	return leafOf(certs, key).NotAfter, true
}

func parseAny(content []byte, password string) ([]*x509.Certificate, crypto.PrivateKey, error) {
	// Only base64 loses spaces around it: a PFX may well end in a byte that is one.
	if plain, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(content))); err == nil {
		content = plain
	}
	if bytes.Contains(content, []byte("-----BEGIN")) {
		if bytes.Contains(content, []byte("BEGIN ENCRYPTED")) || bytes.Contains(content, []byte("4,ENCRYPTED")) { // PKCS #8, RFC 1421
			return nil, nil, errors.New("the PEM's key is encrypted; use a PFX with APP_CLIENT_CERTIFICATE_PASSWORD, or decrypt it")
		}
		return azidentity.ParseCertificates(content, nil)
	}
	key, leaf, chain, err := pkcs12.DecodeChain(content, password)
	if err == nil {
		return append([]*x509.Certificate{leaf}, chain...), key, nil
	}
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return nil, nil, errors.New("APP_CLIENT_CERTIFICATE_PASSWORD does not open the PFX")
	}
	return nil, nil, fmt.Errorf("it must be PEM (certificate and key) or PFX: %w", err)
}
