package microsoft

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"azcollector/internal/collect"
)

// A Subscription is a tenant's standing order for one content type.
type Subscription struct {
	ContentType string   `json:"contentType"`
	Status      string   `json:"status"`  // "enabled", "disabled"; the API may leave it out
	Webhook     *Webhook `json:"webhook"` // nil: none, or not validated yet
}

// A Webhook is where the API announces new contents.
type Webhook struct {
	Status     string `json:"status"` // "enabled", "disabled" (too many failures) or "expired"
	Address    string `json:"address"`
	AuthID     string `json:"authId"`     // comes back with every notification; a secret
	Expiration string `json:"expiration"` // empty: never
}

// Subscriptions lists what is started for a tenant.
func (f *Feed) Subscriptions(ctx context.Context, tenant string) ([]Subscription, error) {
	r := f.subscription("list subscriptions", tenant, http.MethodGet, "list", "")
	answer, _, err := f.read(ctx, r)
	if err != nil {
		return nil, err
	}
	return decodeList[Subscription](r.verb, answer)
}

// Start starts or changes a subscription. With hook nil it is one without
// webhook, and would take away a webhook that is there. The webhook is called
// for validation before the answer comes. If there is nothing to change
// (AF20024) it succeeds. If the answer is lost, starting again is harmless, but
// the API may demand 15 minutes in between.
func (f *Feed) Start(ctx context.Context, tenant, contentType string, hook *Webhook) (Subscription, error) {
	r := f.subscription("start subscription", tenant, http.MethodPost, "start", contentType)
	if hook != nil {
		type order struct {
			Address    string `json:"address"`
			AuthID     string `json:"authId"`
			Expiration string `json:"expiration"`
		}
		body, err := json.Marshal(map[string]order{"webhook": {hook.Address, hook.AuthID, hook.Expiration}})
		if err != nil {
			return Subscription{}, explain(r.verb, err)
		}
		r.body, r.secret = body, hook.AuthID
	}
	answer, _, err := f.read(ctx, r)
	if fault, ok := errors.AsType[*collect.Fault](err); ok && fault.Code == "AF20024" {
		return Subscription{ContentType: contentType, Status: "enabled", Webhook: hook}, nil
	}
	if err != nil {
		return Subscription{}, err
	}
	var started Subscription
	if err := json.Unmarshal(answer, &started); err != nil || started.ContentType == "" {
		return Subscription{}, unreadable(r.verb)
	}
	return started, nil
}

// Stop ends a subscription. What becomes available until it is started again is
// lost for good.
func (f *Feed) Stop(ctx context.Context, tenant, contentType string) error {
	_, _, err := f.read(ctx, f.subscription("stop subscription", tenant, http.MethodPost, "stop", contentType))
	return err
}

func (f *Feed) subscription(verb, tenant, method, operation, contentType string) request {
	query := url.Values{}
	if contentType != "" {
		verb += " of " + contentType
		query.Set("contentType", contentType)
	}
	tenant = strings.ToLower(tenant)
	return request{verb: verb, tenant: tenant, method: method, address: f.address(tenant, operation, query)}
}

func (f *Feed) address(tenant, operation string, query url.Values) *url.URL {
	u := *f.base
	u.Path += "/api/v1.0/" + tenant + "/activity/feed/subscriptions/" + operation
	u.RawQuery = query.Encode()
	return &u
}

// decodeList reads an array. null is none: an empty list must have been meant.
func decodeList[T any](verb string, answer []byte) ([]T, error) {
	var list []T
	if err := json.Unmarshal(answer, &list); err != nil || list == nil {
		return nil, unreadable(verb)
	}
	return list, nil
}

// unreadable is a 2xx that does not hold what it should. The parser's own words
// stay out: they may quote the body.
func unreadable(verb string) error {
	return &collect.Fault{Verdict: collect.Broken, Err: errors.New(verb + ": the answer is not the JSON that the API documents")}
}
