package microsoft

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// An Insight is what one of our tokens says about us. It is for showing to
// people: nobody verified the token's signature, and nothing may be decided by it.
type Insight struct {
	Tenant   string    // the tenant that the token is for
	Audience string    // the API that the token is for
	App      string    // our client id
	Roles    []string  // the granted application permissions; none: no admin consented
	Expires  time.Time // when the token ends
}

// Inspect gets a token as [Tokens.Token] does and reads what is in it. To clients
// a token is opaque, so one that cannot be read may still work. Errors are faults,
// and quote nothing of the token.
func (t *Tokens) Inspect(ctx context.Context, tenant, audienceBase string) (Insight, error) {
	token, err := t.Token(ctx, tenant, audienceBase)
	if err != nil {
		return Insight{}, err
	}
	insight, err := readToken(token)
	if err != nil {
		return Insight{}, &collect.Fault{Verdict: collect.Broken, Err: fmt.Errorf("look into the token for tenant %s: %w", tenant, err)}
	}
	return insight, nil
}

// readToken reads the payload of a JWT (RFC 7519; the claims are those of
// Microsoft Learn, "Access token claims reference"). Parsers' own errors stay
// out: they may quote the token.
func readToken(token string) (Insight, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Insight{}, errors.New("it is no JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "=")) // RFC 7515 writes no padding
	if err != nil {
		return Insight{}, errors.New("its payload is not base64url")
	}
	var claims struct {
		Tenant   string   `json:"tid"`
		Audience string   `json:"aud"`
		AppID    string   `json:"appid"` // in tokens of version 1
		Azp      string   `json:"azp"`   // its name in version 2
		Roles    []string `json:"roles"`
		Expires  int64    `json:"exp"` // seconds since 1970
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Tenant == "" || claims.Audience == "" || claims.Expires <= 0 {
		return Insight{}, errors.New("its payload does not hold the claims tid, aud and exp as Entra writes them")
	}
	insight := Insight{
		Tenant:   wire.Printable(claims.Tenant),
		Audience: wire.Printable(claims.Audience),
		App:      wire.Printable(cmp.Or(claims.AppID, claims.Azp)),
		Expires:  time.Unix(claims.Expires, 0).UTC(),
	}
	for _, role := range claims.Roles {
		insight.Roles = append(insight.Roles, wire.Printable(role))
	}
	return insight, nil
}
