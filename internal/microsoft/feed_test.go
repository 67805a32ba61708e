package microsoft_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"testing"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"

	"github.com/google/go-cmp/cmp"
)

func TestSubscriptions(t *testing.T) {
	cases := map[string]struct {
		body string
		want []microsoft.Subscription
		bad  bool
	}{
		"none":       {`[]`, []microsoft.Subscription{}, false},
		"no webhook": {`[{"contentType":"Audit.Exchange","webhook":null}]`, []microsoft.Subscription{{ContentType: "Audit.Exchange"}}, false},
		"webhook, expiration null": {`[{"contentType":"DLP.All","status":"enabled","webhook":{"status":"expired","address":"a","authId":"i","expiration":null}}]`,
			[]microsoft.Subscription{{ContentType: "DLP.All", Status: "enabled", Webhook: &microsoft.Webhook{Status: "expired", Address: "a", AuthID: "i"}}}, false},
		"expiration empty": {`[{"contentType":"DLP.All","webhook":{"expiration":""}}]`,
			[]microsoft.Subscription{{ContentType: "DLP.All", Webhook: &microsoft.Webhook{}}}, false},
		"an object": {`{"error":{"code":"AF50000"}}`, nil, true},
		"null":      {`null`, nil, true},
		"nothing":   {``, nil, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.URL.Path != "/api/v1.0/"+tenant+"/activity/feed/subscriptions/list" {
					t.Errorf("asked %s %s", r.Method, r.URL)
				}
				write(rw, c.body)
			})
			got, err := w.open().Subscriptions(t.Context(), tenant)
			if c.bad {
				wantFault(t, err, collect.Broken, "")
			} else if err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStart(t *testing.T) {
	hook := &microsoft.Webhook{Address: "https://we.example/hook", AuthID: authID}
	cases := map[string]struct {
		hook *microsoft.Webhook
		body string
	}{
		"with webhook":    {hook, `{"webhook":{"address":"https://we.example/hook","authId":"the-webhook's-shared-secret","expiration":""}}`},
		"without webhook": {nil, ``},
	}
	for name, c := range cases {
		for _, enabled := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					if r.Method != http.MethodPost || r.URL.Path != "/api/v1.0/"+tenant+"/activity/feed/subscriptions/start" ||
						r.URL.Query().Get("contentType") != "Audit.SharePoint" {
						t.Errorf("asked %s %s", r.Method, r.URL)
					}
					if r.Header.Get("Content-Length") != strconv.Itoa(len(c.body)) || len(r.TransferEncoding) > 0 {
						t.Errorf("Content-Length = %q, Transfer-Encoding %v", r.Header.Get("Content-Length"), r.TransferEncoding)
					}
					if len(c.body) > 0 && !jsonEqual(t, string(body), c.body) {
						t.Errorf("body %s", body)
					}
					if enabled {
						refuse(400, "AF20024", "The subscription is already enabled. No property change.")(rw, r)
						return
					}
					write(rw, `{"contentType":"Audit.SharePoint","status":"enabled","webhook":null}`)
				})
				got, err := w.open().Start(t.Context(), tenant, "Audit.SharePoint", c.hook)
				if err != nil || got.Status != "enabled" || got.ContentType != "Audit.SharePoint" {
					t.Errorf("Start = %+v, %v", got, err)
				}
			})
		}
	}
}

func jsonEqual(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Error(err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Error(err)
	}
	return cmp.Equal(x, y)
}

func TestStop(t *testing.T) {
	w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/api/v1.0/"+tenant+"/activity/feed/subscriptions/stop" || r.Header.Get("Content-Length") != "0" {
			t.Errorf("asked %s %s", r.Method, r.URL)
		}
	})
	if err := w.open().Stop(t.Context(), tenant, "Audit.SharePoint"); err != nil {
		t.Error(err)
	}
}

func TestRefusedTokenIsRenewedAndTheRequestRepeatedOnce(t *testing.T) {
	for _, c := range []struct {
		name  string
		valid string
		want  int
		ok    bool
	}{
		{"the new token works", "opaque.token.number-2", 2, true},
		{"the new token is refused too", "none", 2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
				write(rw, `{"contentType":"Audit.Exchange","status":"enabled"}`)
			})
			w.valid = c.valid
			_, err := w.open().Start(t.Context(), tenant, "Audit.Exchange", nil)
			if c.ok && err != nil {
				t.Error(err)
			} else if !c.ok {
				wantFault(t, err, collect.JudgesUs, "401")
			}
			if len(w.asked) != c.want || len(w.issued) != c.want {
				t.Fatalf("%d requests with %d tokens, want %d", len(w.asked), len(w.issued), c.want)
			}
			if a, b := w.asked[0], w.asked[1]; a.Method != b.Method || a.URL.String() != b.URL.String() {
				t.Errorf("asked %s %s, then %s %s", a.Method, a.URL, b.Method, b.URL)
			}
		})
	}
}

func TestTokenFollowsNoRedirect(t *testing.T) {
	foreign := canary(t)
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, foreign.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	w.client.CheckRedirect = nil // a client that would follow
	feed := w.open()
	_, err := feed.Subscriptions(t.Context(), tenant)
	wantFault(t, err, collect.JudgesUs, "307")
	_, err = drain(feed, t, w.content("x"), false)
	wantFault(t, err, collect.JudgesUs, "307")
}

func TestUnknownTenantIsNotAskedFor(t *testing.T) {
	w := newWorld(t, nil)
	_, err := w.open().Subscriptions(t.Context(), stranger)
	wantFault(t, err, collect.JudgesUs, "")
	if len(w.asked) > 0 || len(w.issued) > 0 {
		t.Error("somebody was asked")
	}
}
