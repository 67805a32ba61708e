package sim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"time"
)

// A mint makes and judges access tokens: JWTs signed with a key of this world.
type mint struct {
	key        []byte
	now        func() time.Time
	generation atomic.Int64 // raised by a revocation; older tokens are void
}

type claims struct {
	Audience   string   `json:"aud"`
	Issuer     string   `json:"iss"`
	Tenant     string   `json:"tid"`
	App        string   `json:"appid"`
	Object     string   `json:"oid,omitempty"` // storage writes it into user delegation keys
	Roles      []string `json:"roles"`
	IssuedAt   int64    `json:"iat"`
	NotBefore  int64    `json:"nbf"`
	Expires    int64    `json:"exp"`
	Generation int64    `json:"gen"`
}

// errStale is a token that was good: its holder need not know that it ended.
var errStale = errors.New("token expired or revoked")

var errForeign = errors.New("token was not issued here")

var encoding = base64.RawURLEncoding

func (m *mint) issue(c claims, life time.Duration) string {
	return m.issueAt(m.now(), c, life)
}

func (m *mint) issueAt(now time.Time, c claims, life time.Duration) string {
	c.IssuedAt, c.NotBefore, c.Expires = now.Unix(), now.Unix(), now.Add(life).Unix()
	c.Generation = m.generation.Load()
	payload, err := json.Marshal(c)
	if err != nil {
		panic(err) // claims always encode
	}
	signed := encoding.EncodeToString([]byte(`{"typ":"JWT","alg":"HS256"}`)) + "." + encoding.EncodeToString(payload)
	return signed + "." + encoding.EncodeToString(m.sign(signed))
}

func (m *mint) sign(s string) []byte {
	mac := hmac.New(sha256.New, m.key)
	mac.Write([]byte(s))
	return mac.Sum(nil)
}

// open returns the claims of a token of ours, good or stale.
func (m *mint) open(token string) (claims, error) {
	var c claims
	i := strings.LastIndexByte(token, '.')
	if i < 0 {
		return c, errForeign
	}
	signature, err := encoding.DecodeString(token[i+1:])
	if err != nil || !hmac.Equal(signature, m.sign(token[:i])) {
		return c, errForeign
	}
	return c, decodePart(strings.Split(token, ".")[1], &c)
}

// read returns the claims of a token of ours that is good now, or errStale.
func (m *mint) read(token string) (claims, error) {
	c, err := m.open(token)
	if err == nil && (c.Generation != m.generation.Load() || m.now().Unix() >= c.Expires) {
		err = errStale
	}
	return c, err
}

// RevokeTokens makes every token that Entra issued so far worth a 401.
func (w *World) RevokeTokens() { w.mint.generation.Add(1) }
