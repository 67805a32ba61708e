package sim

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Subscription is what /subscriptions/list tells of one content type.
type Subscription struct {
	ContentType string   `json:"contentType"`
	Status      string   `json:"status"` // enabled, disabled
	Webhook     *Webhook `json:"webhook"`

	failures int // notifications refused in a row
}

// A Webhook is where notifications of a subscription go.
type Webhook struct {
	Status     string  `json:"status"` // enabled, disabled, expired
	Address    string  `json:"address"`
	AuthID     string  `json:"authId"`
	Expiration *string `json:"expiration"`
}

// Subscriptions are the subscriptions there are, in order of their first start.
func (w *World) Subscriptions() []Subscription {
	w.feed.mu.Lock()
	defer w.feed.mu.Unlock()
	return w.feed.snapshot()
}

// snapshot copies; the lock is the caller's.
func (f *feed) snapshot() []Subscription {
	list := []Subscription{}
	for _, kind := range f.order {
		if s := f.subscriptions[kind]; s != nil {
			c := *s
			if s.Webhook != nil {
				hook := *s.Webhook
				c.Webhook = &hook
			}
			list = append(list, c)
		}
	}
	return list
}

// subscription finds or makes; the lock is the caller's.
func (f *feed) subscription(kind string) *Subscription {
	s := f.subscriptions[kind]
	if s == nil {
		s = &Subscription{ContentType: kind, Status: "enabled"}
		f.subscriptions[kind] = s
		f.order = append(f.order, kind)
	}
	return s
}

func (f *feed) list(w http.ResponseWriter, _ *http.Request, _ url.Values) {
	if !f.w.tenant.audited() {
		f.unaudited(w, "ListSubscriptions", "")
		return
	}
	f.mu.Lock()
	list := f.snapshot()
	f.mu.Unlock()
	writeJSON(w, http.StatusOK, list)
}

func (f *feed) stop(w http.ResponseWriter, _ *http.Request, q url.Values) {
	kind, ok := f.known(w, q)
	if !ok {
		return
	}
	f.mu.Lock()
	f.calls.Stops++
	s := f.subscriptions[kind]
	delete(f.subscriptions, kind)
	f.order = deleteString(f.order, kind)
	f.mu.Unlock()
	if s == nil {
		fail(w, http.StatusBadRequest, "AF20022", "No subscription found for the specified content type.")
		return
	}
	w.WriteHeader(http.StatusOK)
}

func deleteString(list []string, s string) []string {
	kept := list[:0]
	for _, v := range list {
		if v != s {
			kept = append(kept, v)
		}
	}
	return kept
}

// start makes or changes a subscription. A webhook is asked for its consent
// first; if it does not give it, everything stays as it was.
func (f *feed) start(w http.ResponseWriter, r *http.Request, q url.Values) {
	kind, ok := f.known(w, q)
	if !ok {
		return
	}
	hook, ok := f.requestedWebhook(w, r)
	if !ok || !f.mayStart(w, kind, hook) {
		return
	}
	if hook != nil {
		if reason := f.consent(r.Context(), hook); reason != "" {
			fail(w, http.StatusBadRequest, "AF20021", "The webhook endpoint "+hook.Address+" could not be validated. "+reason)
			return
		}
	}
	f.mu.Lock()
	s := f.subscription(kind)
	s.Status, s.Webhook, s.failures = "enabled", hook, 0
	answer := *s
	f.mu.Unlock()
	writeJSON(w, http.StatusOK, answer)
}

// mayStart judges a start against what there is, and answers if it may not go on.
// Every start counts for the pause, whatever becomes of it, but one that changes
// nothing: those are seen to be answered AF20024 as often as they are sent.
func (f *feed) mayStart(w http.ResponseWriter, kind string, hook *Webhook) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls.Starts++
	audited := f.w.tenant.audited()
	if s := f.subscriptions[kind]; s != nil {
		if hook == nil && s.Webhook != nil {
			f.complain("start: %s was started without a webhook where one exists, which removes it", kind)
		}
		if audited && s.Status == "enabled" && sameWebhook(s.Webhook, hook) {
			fail(w, http.StatusBadRequest, "AF20024", "The subscription is already enabled. No property change.")
			return false
		}
	}
	now, pause := f.w.o.Now(), f.w.o.StartPause
	if last, again := f.started[kind]; again && now.Sub(last) < pause {
		f.complain("start: %s was started again within %v", kind, pause)
		fail(w, http.StatusForbidden, "AF429", "Too many requests. Method=StartSubscription")
		return false
	}
	f.started[kind] = now
	if !audited {
		f.unaudited(w, "StartSubscription", kind)
	}
	return audited
}

func sameWebhook(is, wanted *Webhook) bool {
	if is == nil || wanted == nil {
		return is == wanted
	}
	return is.Status == "enabled" && is.Address == wanted.Address && is.AuthID == wanted.AuthID &&
		text(is.Expiration) == text(wanted.Expiration)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// requestedWebhook reads the body of a start; nil if it asks for none.
func (f *feed) requestedWebhook(w http.ResponseWriter, r *http.Request) (*Webhook, bool) {
	var body struct {
		Webhook *Webhook `json:"webhook"`
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err == nil && len(raw) > 0 {
		err = json.Unmarshal(raw, &body)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "AF20002", "Invalid parameter type: webhook. Expected type: object")
		return nil, false
	}
	hook := body.Webhook
	if hook == nil {
		return nil, true
	}
	if e := text(hook.Expiration); e != "" {
		until, err := time.Parse(time.RFC3339, e)
		if err != nil || until.Before(f.now()) {
			fail(w, http.StatusBadRequest, "AF20003", "Expiration "+e+" provided is set to past date and time.")
			return nil, false
		}
	}
	hook.Status = "enabled"
	return hook, true
}

// consent performs the validation handshake and says why it did not succeed.
func (f *feed) consent(ctx context.Context, hook *Webhook) string {
	if !strings.HasPrefix(strings.ToLower(hook.Address), "https://") {
		return "The address must begin with HTTPS."
	}
	if !f.w.pusher.validate(ctx, hook) {
		return "The endpoint did not return HTTP 200."
	}
	return ""
}
