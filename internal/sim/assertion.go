package sim

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
)

// assertionType is the only one that client_assertion may have (RFC 7523, 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// checkAssertion judges a certificate credential: who it speaks of, for whom and
// until when, and, if the world was given a key, its signature.
func (w *World) checkAssertion(form url.Values) error {
	parts := strings.Split(form.Get("client_assertion"), ".")
	if form.Get("client_assertion_type") != assertionType || len(parts) != 3 {
		return errors.New("it is no JWT of type jwt-bearer")
	}
	var header struct{ Alg string }
	var body struct {
		Iss, Sub, Aud, Jti string
		Nbf, Exp           int64
	}
	if err := errors.Join(decodePart(parts[0], &header), decodePart(parts[1], &body)); err != nil {
		return err
	}
	base, now := w.URL(Entra)+"/"+w.o.Tenant, w.o.Now().Unix()
	switch {
	case body.Iss != w.o.ClientID || body.Sub != w.o.ClientID:
		return errors.New("iss and sub must be the client id")
	case !slices.Contains([]string{base + "/oauth2/v2.0/token", base + "/oauth2/token", base + "/v2.0"}, body.Aud):
		return errors.New("aud is not this tenant's token endpoint")
	case body.Exp <= now || body.Nbf > now+300: // Entra allows five minutes of skew
		return errors.New("it is not within its valid time range")
	case body.Jti == "":
		return errors.New("it has no jti")
	case w.o.ClientKey == nil:
		return nil
	}
	return verify(w.o.ClientKey, header.Alg, parts)
}

func verify(key *rsa.PublicKey, alg string, parts []string) error {
	signature, err := encoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	switch alg {
	case "RS256":
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature)
	case "PS256":
		return rsa.VerifyPSS(key, crypto.SHA256, sum[:], signature, nil)
	}
	return errors.New("alg is neither RS256 nor PS256")
}

func decodePart(part string, v any) error {
	b, err := encoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}
