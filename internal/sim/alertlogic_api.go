package sim

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"time"
)

// tokenHeader carries what AIMS issued to every other service.
const tokenHeader = "X-Aims-Auth-Token"

// onItsWay is how long a request may have travelled since its token was good: one
// that expired later than that was sent by somebody who did not look.
const onItsWay = 5 * time.Second

type aimsToken struct {
	expires time.Time
	revoked bool
}

// API serves what lives at the global address: AIMS (basic auth for a token) and
// the endpoints service (where ingest and azcollect are).
func (a *AlertLogic) API() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /aims/v1/authenticate", a.authenticate)
	mux.HandleFunc("GET /endpoints/v1/{account}/residency/{residency}/services/{service}/endpoint", a.endpoint)
	mux.HandleFunc("/", a.nowhere("api"))
	return mux
}

func (a *AlertLogic) authenticate(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(tokenHeader) != "" {
		a.complain("aims", "a token was sent where only the key pair belongs")
	}
	id, secret, ok := r.BasicAuth()
	if !ok {
		a.refuse(w, "aims", &alRefusal{status: http.StatusUnauthorized, text: "no basic auth"})
		return
	}
	if id != a.o.AccessKeyID || subtle.ConstantTimeCompare([]byte(secret), []byte(a.o.SecretKey)) != 1 {
		// A wrong key is a setting that tests try out, not a flaw of the caller.
		a.refuse(w, "aims", &alRefusal{status: http.StatusUnauthorized, text: "unknown key pair", silent: true})
		return
	}
	name, expires := a.issue()
	answerAL(w, map[string]any{"authentication": map[string]any{
		"user":             map[string]any{"id": "5BD6C2A1-0000-4000-8000-000000000001", "name": "collector"},
		"account":          map[string]any{"id": a.o.Account, "name": "simulated", "active": true},
		"token":            name,
		"token_expiration": expires.Unix(),
	}})
}

// issue makes a token that ends at a whole second, as the answer can tell no other.
func (a *AlertLogic) issue() (name string, expires time.Time) {
	name, expires = "sim-aims-token-"+rand.Text(), a.o.Now().Add(a.o.TokenLife).Truncate(time.Second)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokens[name] = aimsToken{expires: expires}
	return name, expires
}

func (a *AlertLogic) endpoint(w http.ResponseWriter, r *http.Request) {
	if refusal := a.admit(r); refusal != nil {
		a.refuse(w, "endpoints", refusal)
		return
	}
	service := r.PathValue("service")
	host := map[string]func() string{"ingest": a.o.IngestHost, "azcollect": a.o.AzcollectHost}[service]
	if host == nil {
		a.refuse(w, "endpoints", &alRefusal{status: http.StatusNotFound, text: "no such service: " + service})
		return
	}
	answerAL(w, map[string]string{service: host()})
}

// admit judges the token and the account of a call to anything but AIMS.
func (a *AlertLogic) admit(r *http.Request) *alRefusal {
	if r.Header.Get("Authorization") != "" {
		return &alRefusal{status: http.StatusUnauthorized, text: "an Authorization header was sent where only a token belongs"}
	}
	if refusal := a.admitToken(r.Header.Values(tokenHeader)); refusal != nil {
		return refusal
	}
	if r.PathValue("account") != a.o.Account {
		return &alRefusal{status: http.StatusForbidden, text: "the path names an account that is not the token's"}
	}
	return nil
}

func (a *AlertLogic) admitToken(sent []string) *alRefusal {
	if len(sent) != 1 || sent[0] == "" {
		return &alRefusal{status: http.StatusUnauthorized, text: "token missing"}
	}
	a.mu.Lock()
	token, issued := a.tokens[sent[0]]
	a.mu.Unlock()
	late := a.o.Now().Sub(token.expires)
	switch {
	case !issued:
		return &alRefusal{status: http.StatusUnauthorized, text: "foreign token: not issued here"}
	case token.revoked:
		return &alRefusal{status: http.StatusUnauthorized, text: "token revoked", silent: true}
	case late >= 0:
		return &alRefusal{status: http.StatusUnauthorized, text: "token expired: the caller was told when it would", silent: late < onItsWay}
	}
	return nil
}

func answerAL(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a caller who is gone misses nothing we could mend
}
