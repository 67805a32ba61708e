package microsoft

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"azcollector/internal/collect"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// tokenPatience bounds one conversation with Entra (discovery and token), so that
// a stalled one does not hold up everybody who waits for the same token.
const tokenPatience = time.Minute

var errStalled = fmt.Errorf("no token within %v", tokenPatience)

// tokenMargin is what a token must have left to be handed out again: MSAL's own.
const tokenMargin = 5 * time.Minute

// Tokens hands out access tokens of one application for any tenant.
type Tokens struct {
	cloud   Cloud
	setting string // names the proof in errors
	make    maker
	app     string // our client id
	hint    string // how our secret begins; empty: it proves nothing
	client  *http.Client

	mu      sync.Mutex
	holders map[string]*holder // by tenant and audience
}

// A holder keeps the credential of one tenant and audience. Whoever has the turn
// may use the fields; waiting for it ends with the caller's context, which
// waiting for azidentity's own mutex would not.
type holder struct {
	turn       chan struct{}
	credential azcore.TokenCredential // nil: the next token comes from a new one
	last       azcore.AccessToken     // what credential gave last
}

// NewTokens checks the credentials as far as that goes without asking Entra. Its
// errors name the setting to mend. The client's transport is used, its redirect
// policy is not.
func NewTokens(cloud Cloud, c Credentials, client *http.Client) (*Tokens, error) {
	setting, err := c.setting()
	if err != nil {
		return nil, err
	}
	if cloud.Authority.Scheme != "https" {
		return nil, errors.New("AZURE_AUTHORITY_HOST must begin with https://, on loopback too: azidentity takes no other")
	}
	client = unredirected(client)
	make, err := newMaker(cloud, c, setting, client)
	if err != nil {
		return nil, err
	}
	if _, err := make("00000000-0000-0000-0000-000000000000"); err != nil { // any tenant: only what it takes to make one is checked
		return nil, fmt.Errorf("use APP_CLIENT_ID and %s: %w", setting, err)
	}
	return &Tokens{cloud: cloud, setting: setting, make: make, app: c.ClientID, hint: hintOf(c.ClientSecret),
		client: client, holders: map[string]*holder{}}, nil
}

// Token returns a token of the tenant for an API, such as
// "https://manage.office.com". Errors are faults.
func (t *Tokens) Token(ctx context.Context, tenant, audienceBase string) (string, error) {
	h, err := t.hold(ctx, tenant, audienceBase)
	if err != nil {
		return "", err
	}
	defer h.release()
	if h.fresh(time.Now()) {
		return h.last.Token, nil
	}
	if h.credential == nil {
		if h.credential, err = t.make(tenant); err != nil {
			return "", &collect.Fault{Verdict: collect.JudgesUs, Err: fmt.Errorf("use %s for tenant %s: %w", t.setting, tenant, err)}
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, tokenPatience, errStalled)
	defer cancel()
	ctx, seen := witness(ctx)
	token, err := h.credential.GetToken(ctx, policy.TokenRequestOptions{
		Scopes: []string{strings.TrimRight(audienceBase, "/") + "/.default"},
	})
	if err != nil {
		return "", t.judge(ctx, tenant, err, seen)
	}
	h.last = token
	return token.Token, nil
}

// fresh reports whether the last token will do. azidentity keeps it as well, but to ask
// for it there is 2 % of what a small content costs.
func (h *holder) fresh(now time.Time) bool {
	renew := h.last.ExpiresOn.Add(-tokenMargin)
	if on := h.last.RefreshOn; !on.IsZero() && on.Before(renew) {
		renew = on
	}
	return h.last.Token != "" && now.Before(renew)
}

// Renew makes the next token come from a new credential, because the API refused
// this one: the old credential would hand out the same token again until it
// expires. If the credential has been renewed since, it does nothing, so that
// many requests refused at once cost one new token.
func (t *Tokens) Renew(ctx context.Context, tenant, audienceBase, refused string) error {
	h, err := t.hold(ctx, tenant, audienceBase)
	if err != nil {
		return err
	}
	defer h.release()
	if h.last.Token == refused {
		h.credential, h.last = nil, azcore.AccessToken{}
	}
	return nil
}

func (t *Tokens) hold(ctx context.Context, tenant, audienceBase string) (*holder, error) {
	key := tenant + " " + strings.TrimRight(audienceBase, "/")
	t.mu.Lock()
	h := t.holders[key]
	if h == nil {
		h = &holder{turn: make(chan struct{}, 1)}
		t.holders[key] = h
	}
	t.mu.Unlock()
	select {
	case h.turn <- struct{}{}:
		return h, nil
	case <-ctx.Done():
		return nil, &collect.Fault{Err: fmt.Errorf("wait for a token: %w", context.Cause(ctx))}
	}
}

func (h *holder) release() { <-h.turn }
