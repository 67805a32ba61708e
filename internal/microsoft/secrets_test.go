package microsoft_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"azcollector/internal/microsoft"
)

// leaksOf returns what an error tells and should not: the secrets of this test
// world, any token, or a query string.
func leaksOf(err error) string {
	for e := err; e != nil; e = errors.Unwrap(e) {
		text := e.Error()
		for _, forbidden := range []string{secret, url.QueryEscape(secret), authID, "opaque.token", "leaked.token", publisher, "PublisherIdentifier", "startTime", "sig=", "signed", "?"} {
			if strings.Contains(text, forbidden) {
				return forbidden
			}
		}
	}
	return ""
}

// TestErrorsTellNoSecret asks everything of an API that answers with all it
// knows about the request, in every status and shape.
func TestErrorsTellNoSecret(t *testing.T) {
	bodies := map[string]func(echo string) string{
		"known code":   func(s string) string { return `{"error":{"code":"AF20021","message":"` + s + `"}}` },
		"unknown code": func(s string) string { return `{"error":{"code":"AF29999","message":"` + s + `"}}` },
		"free text":    func(s string) string { return `{"error":{"code":"` + s + `","message":"` + s + `"}}` },
		"message":      func(s string) string { return `{"Message":"` + s + `"}` },
		"no JSON":      func(s string) string { return "<html>" + s },
	}
	for name, body := range bodies {
		for _, status := range []int{200, 302, 400, 401, 403, 404, 418, 429, 500, 503} {
			w := newWorld(t, nil)
			w.feed = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				echo := r.Header.Get("Authorization") + " token=" + strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") +
					" https://" + r.Host + r.URL.String()
				if strings.HasSuffix(r.URL.Path, "/start") {
					echo += " authId " + authID
				}
				if r.Method == http.MethodPut {
					echo += " packageUri " + packageURI
				}
				rw.Header().Set("Location", "https://elsewhere.example/"+r.URL.String())
				rw.Header().Set("NextPageUri", "https://elsewhere.example/"+r.URL.String())
				rw.WriteHeader(status)
				write(rw, body(echo))
			})
			w.app = w.feed
			for call, err := range everything(t.Context(), w) {
				unread := status == 200 && slices.Contains([]string{"stop", "sync", "restart"}, call) ||
					status == 200 && call == "deploy" && name != "no JSON" // says nothing of a state
				unseen := call == "expiry" && (status == 401 || status == 403 || status == 404)
				if err == nil && !unread && !unseen {
					t.Errorf("%s, %d: %s gave no error", name, status, call)
				}
				if leak := leaksOf(err); leak != "" {
					t.Errorf("%s, %d: %s tells %q: %v", name, status, call, leak, err)
				}
			}
		}
	}
}

// everything calls every method once. Each call has a feed of its own: the brake
// of a shared one would hold up the later calls.
func everything(ctx context.Context, w *world) map[string]error {
	const audit = "Audit.General"
	errs := map[string]error{}
	_, errs["list"] = w.open().Subscriptions(ctx, tenant)
	_, errs["start"] = w.open().Start(ctx, tenant, audit, &microsoft.Webhook{Address: "https://we.example/hook", AuthID: authID})
	errs["stop"] = w.open().Stop(ctx, tenant, audit)
	for _, err := range w.open().Contents(ctx, tenant, audit, midnight, midnight.Add(1)) {
		errs["contents"] = err
	}
	for _, err := range w.open().Notifications(ctx, tenant, audit, midnight, midnight.Add(1)) {
		errs["notifications"] = err
	}
	for _, err := range w.open().Fetch(ctx, w.content("x"), false) {
		errs["fetch"] = err
	}
	_, errs["inspect"] = w.tokens().Inspect(ctx, tenant, w.api.URL)
	_, _, errs["expiry"] = w.tokens().SecretExpiry(ctx, tenant)
	for name, call := range managerCalls {
		errs[name] = call.do(ctx, w.manager())
	}
	return errs
}

// manager is one of a site in this world, where Graph's server stands for Resource
// Manager's.
func (w *world) manager() *microsoft.Manager {
	tokens := w.tokens()
	return microsoft.NewManager(microsoft.ManagerOptions{
		Cloud: microsoft.Cloud{ResourceManager: mustParse(w.graph.URL)}, HTTP: w.client,
		Site: microsoft.Site{Subscription: "subscription", ResourceGroup: "group", Name: "site"},
		Token: func(ctx context.Context, scope string) (string, error) {
			return tokens.Token(ctx, tenant, strings.TrimSuffix(scope, "/.default"))
		},
		Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	})
}
