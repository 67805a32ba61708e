package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
	"azcollector/webhook"
)

const (
	ours   = "11111111-2222-3333-4444-555555555555"
	theirs = "99999999-2222-3333-4444-555555555555"
	secret = "the-secret"
)

// check knows addresses like https://api.example/<tenant>/<content>.
func check(uri, id string) (string, error) {
	rest, ok := strings.CutPrefix(uri, "https://api.example/")
	tenant, content, _ := strings.Cut(rest, "/")
	if !ok || content != id || tenant != ours && tenant != theirs {
		return "", errors.New("refuse contentUri")
	}
	return tenant, nil
}

// A world is what stands behind the handler.
type world struct {
	announced []collect.Content
	fails     error // of the ledger, after it took the first content
	submitted int
	stuck     bool // the contents are not tried within anybody's patience
	known     bool // the ledger has all of it already
	notice    webhook.Notice
}

func (w *world) handler() *webhook.Handler {
	return &webhook.Handler{
		AuthIDs: func() map[string][]string {
			return map[string][]string{ours: {secret, "the-one-before", ""}, theirs: {"their-secret"}}
		},
		Types: []string{"Audit.Exchange", "Audit.General"},
		Check: check,
		Announce: func(_ context.Context, contents []collect.Content) ([]*collect.Claim, error) {
			w.announced = contents
			if w.known {
				return nil, nil
			}
			claims := make([]*collect.Claim, len(contents))
			if w.fails != nil {
				return claims[:1], w.fails
			}
			return claims, nil
		},
		Submit: func(_ context.Context, claims []*collect.Claim) <-chan struct{} {
			w.submitted += len(claims)
			tried := make(chan struct{})
			if !w.stuck {
				close(tried)
			}
			return tried
		},
		Budget: 4 * time.Second,
		Report: func(_ context.Context, n webhook.Notice) { w.notice = n },
	}
}

// entry is a notification's element; pairs of name and JSON value replace its own.
func entry(id string, change ...string) string {
	members := map[string]string{
		"tenantId": `"` + ours + `"`, "clientId": `"anything"`, "contentType": `"Audit.Exchange"`, "contentId": fmt.Sprintf("%q", id),
		"contentUri": fmt.Sprintf("%q", "https://api.example/"+ours+"/"+id), "notificationStatus": "null",
		"contentCreated": `"2026-11-01T12:00:00.000Z"`, "contentExpiration": `"2020-01-01T12:00:00.000Z"`,
	}
	for i := 0; i < len(change); i += 2 {
		members[change[i]] = change[i+1]
	}
	var parts []string
	for name, value := range members {
		if value != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", name, value))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func request(method, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "/api/o365/webhook", strings.NewReader(body))
	r.Header.Set("Webhook-AuthID", secret)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func TestWebhookAnswers(t *testing.T) {
	const code = "Webhook-ValidationCode"
	post, good := http.MethodPost, "["+entry("1")+"]"
	for _, test := range []struct {
		name      string
		request   *http.Request
		status    int
		announced int
		valid     bool // it was the handshake
	}{
		{"GET", request(http.MethodGet, ""), 200, 0, false},
		{"GET without secret", request(http.MethodGet, "", "Webhook-AuthID", ""), 200, 0, false},
		{"POST", request(post, good), 200, 1, false},
		{"PUT", request(http.MethodPut, good), 200, 1, false},
		{"HEAD", request(http.MethodHead, ""), 400, 0, false},
		{"DELETE", request(http.MethodDelete, good), 400, 0, false},
		{"PATCH", request(http.MethodPatch, good), 400, 0, false},
		{"OPTIONS", request(http.MethodOptions, ""), 400, 0, false},
		{"the secret before", request(post, good, "Webhook-AuthID", "the-one-before"), 200, 1, false},
		{"no secret", request(post, good, "Webhook-AuthID", ""), 401, 0, false},
		{"wrong secret", request(post, good, "Webhook-AuthID", "the-secreT"), 401, 0, false},
		{"longer secret", request(post, good, "Webhook-AuthID", secret+"x"), 401, 0, false},
		{"handshake without secret", request(post, "", "Webhook-AuthID", "", code, "c"), 401, 0, false},
		{"handshake by header", request(post, "", code, "c"), 200, 0, true},
		{"handshake by body", request(post, ` {"validationCode":"c"}`), 200, 0, true},
		{"handshake by both", request(post, `{"validationCode":"c"}`, code, "c"), 200, 0, true},
		{"handshake that differs", request(post, `{"validationCode":"c"}`, code, "d"), 400, 0, true},
		{"handshake by header, no JSON", request(post, `{"validationCode":`, code, "c"), 200, 0, true},
		{"empty body", request(post, ""), 200, 0, false},
		{"no JSON", request(post, "hello"), 200, 0, false},
		{"null", request(post, "null"), 200, 0, false},
		{"an object", request(post, entry("1")), 200, 0, false},
		{"an empty array", request(post, "[]"), 200, 0, false},
		{"1 MiB", request(post, good+strings.Repeat(" ", 1<<20-len(good))), 200, 1, false},
		{"over 1 MiB", request(post, good+strings.Repeat(" ", 1<<20-len(good)+1)), 413, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, recorder := &world{}, httptest.NewRecorder()
			w.handler().ServeHTTP(recorder, test.request)
			if recorder.Code != test.status || len(w.announced) != test.announced || w.submitted != test.announced || w.notice.Validation != test.valid {
				t.Errorf("status %d, %d announced, %d submitted, notice %+v", recorder.Code, len(w.announced), w.submitted, w.notice)
			}
			if (w.notice.Err != nil) != (test.status != 200) || w.notice.Status != test.status || recorder.Body.Len() != 0 {
				t.Errorf("notice %+v, body %q", w.notice, recorder.Body)
			}
		})
	}
}

func TestWebhookEntries(t *testing.T) {
	for _, test := range []struct {
		name                             string
		entries                          []string
		announced, refused, unconfigured int
	}{
		{"several", []string{entry("1"), entry("2"), entry("3", "contentType", `"Audit.General"`)}, 3, 0, 0},
		{"one twice", []string{entry("1"), entry("1")}, 1, 0, 0},
		{"bad ones among good ones", []string{`1`, entry("1"), `null`, `{}`, `"x"`, `[]`}, 1, 5, 0},
		{"type not configured", []string{entry("1", "contentType", `"DLP.All"`)}, 0, 0, 1},
		{"no type", []string{entry("1", "contentType", "")}, 0, 1, 0},
		{"no id", []string{entry("1", "contentId", "")}, 0, 1, 0},
		{"id is not the URI's", []string{entry("1", "contentId", `"2"`)}, 0, 1, 0},
		{"id too long", []string{entry(strings.Repeat("x", 2049))}, 0, 1, 0},
		{"URI too long", []string{entry("1", "contentUri", `"https://api.example/`+strings.Repeat("x", 5000)+`"`)}, 0, 1, 0},
		{"no URI", []string{entry("1", "contentUri", "")}, 0, 1, 0},
		{"foreign URI", []string{entry("1", "contentUri", `"https://evil.example/`+ours+`/1"`)}, 0, 1, 0},
		{"no tenant", []string{entry("1", "tenantId", "")}, 1, 0, 0},
		{"tenant in other case", []string{entry("1", "tenantId", `"`+strings.ToUpper(ours)+`"`)}, 1, 0, 0},
		{"tenant differs from the URI's", []string{entry("1", "tenantId", `"`+theirs+`"`)}, 0, 1, 0},
		{"another tenant's with our secret", []string{entry("1", "tenantId", `"`+theirs+`"`, "contentUri", `"https://api.example/`+theirs+`/1"`)}, 0, 1, 0},
		{"tenant is no text", []string{entry("1", "tenantId", `7`)}, 0, 1, 0},
		{"any client", []string{entry("1", "clientId", `{}`)}, 1, 0, 0},
		{"no dates", []string{entry("1", "contentCreated", "", "contentExpiration", "")}, 1, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, recorder := &world{}, httptest.NewRecorder()
			w.handler().ServeHTTP(recorder, request(http.MethodPost, "["+strings.Join(test.entries, ",")+"]"))
			n := w.notice
			if recorder.Code != 200 || len(w.announced) != test.announced || n.Refused != test.refused || len(n.Reasons) != min(test.refused, 5) || n.Unconfigured != test.unconfigured {
				t.Errorf("status %d, %d announced, notice %+v", recorder.Code, len(w.announced), n)
			}
			for _, c := range w.announced {
				if c.Tenant != ours || c.ID == "" || c.URI != "https://api.example/"+ours+"/"+c.ID || c.Listed {
					t.Errorf("announced %+v", c)
				}
			}
		})
	}
}

// A notification's dates are hints: none makes a content expire, and none puts
// its row where no list would look.
func TestDatesOfANotification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it is 2000-01-01T00:00:00Z here
		now := time.Now().UTC()
		for stated, want := range map[string]time.Time{
			`"1999-12-31T20:00:00.000Z"`:  now.Add(-4 * time.Hour),
			`"1999-12-31T22:00:00+02:00"`: now.Add(-4 * time.Hour),
			`"1999-12-20T00:00:00Z"`:      now,
			`"2000-01-03T00:00:00Z"`:      now,
			`"soon"`:                      now,
			`""`:                          now,
		} {
			w := &world{}
			w.handler().ServeHTTP(httptest.NewRecorder(), request(http.MethodPost, "["+entry("1", "contentCreated", stated)+"]"))
			if c := w.announced[0]; !c.Created.Equal(want) || !c.Expires.Equal(now.AddDate(0, 0, 7)) {
				t.Errorf("%s: created %s, expires %s", stated, c.Created, c.Expires)
			}
		}
	})
}

// unread fails the test when somebody reads it.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body is read before the secret is checked")
	return 0, io.EOF
}

func TestTheSecretIsCheckedBeforeTheBodyIsRead(t *testing.T) {
	for _, header := range []string{"", "wrong", secret + " "} {
		r := httptest.NewRequest(http.MethodPost, "/", unread{t})
		r.Header["Webhook-Authid"] = []string{header}
		w, recorder := &world{}, httptest.NewRecorder()
		w.handler().ServeHTTP(recorder, r)
		if recorder.Code != 401 || w.notice.Err == nil {
			t.Errorf("%q: %d", header, recorder.Code)
		}
	}
}

func TestABodyThatBreaksOff(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("["+entry("1")), broken{}))
	r.Header.Set("Webhook-AuthID", secret)
	w, recorder := &world{}, httptest.NewRecorder()
	if w.handler().ServeHTTP(recorder, r); recorder.Code != 400 || w.announced != nil {
		t.Errorf("%d, announced %v", recorder.Code, w.announced)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestWebhookWhenTheLedgerFails(t *testing.T) {
	w, recorder := &world{fails: errors.New("the store is down")}, httptest.NewRecorder()
	w.handler().ServeHTTP(recorder, request(http.MethodPost, "["+entry("1")+","+entry("2")+"]"))
	if recorder.Code != 500 || w.submitted != 1 || !errors.Is(w.notice.Err, w.fails) {
		t.Errorf("%d, %d submitted, %+v", recorder.Code, w.submitted, w.notice)
	}
}

func TestKnownContentIsNotCollectedAgain(t *testing.T) {
	w, recorder := &world{known: true}, httptest.NewRecorder()
	w.handler().ServeHTTP(recorder, request(http.MethodPost, "["+entry("1")+"]"))
	if recorder.Code != 200 || w.submitted != 0 || w.notice.Announced != 1 || w.notice.New != 0 {
		t.Errorf("%d, %d submitted, %+v", recorder.Code, w.submitted, w.notice)
	}
}

func TestWebhookAnswersWithinItsBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, recorder := &world{stuck: true}, httptest.NewRecorder()
		w.handler().ServeHTTP(recorder, request(http.MethodPost, "["+entry("1")+"]"))
		if recorder.Code != 200 || !w.notice.Left || w.notice.Took != 4*time.Second { // of the bubble's clock
			t.Errorf("%d, %+v", recorder.Code, w.notice)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		w.handler().ServeHTTP(recorder, request(http.MethodPost, "["+entry("1")+"]").WithContext(ctx))
		if !w.notice.Left || w.notice.Took != 0 {
			t.Errorf("after the caller left: %+v", w.notice)
		}
	})
}

// Whatever a notification holds, what is announced has passed the check, is of a
// configured type, and fits into a row; nothing that ought to be announced is left out; and
// the answer is 200.
func FuzzNotification(f *testing.F) {
	for _, seed := range []string{
		"[" + entry("1") + "," + entry("2", "tenantId", "7") + "]",
		"[" + entry("1") + "," + entry("1") + "," + entry("1", "contentType", `"Audit.General"`) + "]",
		"[" + entry("1", "contentId", `"1","contentId":"2"`) + "," + entry("2", "ContentId", `"3"`) + "]",
		"[" + entry("1", "contentCreated", `"9999-12-31T23:59:59Z"`) + "," + entry("2", "contentCreated", "null") + "]",
		"[" + entry("1", "tenantId", `"`+theirs+`"`) + "," + entry("2", "contentType", `"DLP.All"`) + "]",
		"\ufeff[" + entry("1") + "]", "[" + entry("1") + "][" + entry("2") + "]", "[" + entry("1") + ",]", entry("1") + "\n" + entry("2"),
		"[" + entry(strings.Repeat("x", 2049)) + "," + entry(strings.Repeat("y", 2048)) + "]",
		`{"validationCode":"c"}`, `{"validationCode":"c","validationCode":"d"}`, `{"validationCode":{}}`, `[{"validationCode":"c"}]`,
		`[{"contentType":"Audit.Exchange","contentId":"1","contentUri":"https://api.example/` + theirs + `/1"}]`,
		`[[],{},null,1,"x",1e999999,{"contentType":"\ud800"}]`, strings.Repeat("[", 20_000), "[" + strings.Repeat(`{"a":`, 9_000) + "1" + strings.Repeat("}", 9_000) + "]",
		"[\"\x00\xff\"]", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w, recorder := &world{}, httptest.NewRecorder()
		w.handler().ServeHTTP(recorder, request(http.MethodPost, body))
		if recorder.Code != 200 && (recorder.Code != 413 || len(body) <= 1<<20) {
			t.Errorf("status %d", recorder.Code)
		}
		if w.notice.Validation && len(w.announced) > 0 {
			t.Errorf("a handshake announces %+v", w.announced)
		}
		announced := map[[2]string]bool{}
		keys := map[collect.Key]bool{}
		for _, c := range w.announced {
			tenant, err := check(c.URI, c.ID)
			if err != nil || tenant != ours || c.Tenant != ours || c.Type != "Audit.Exchange" && c.Type != "Audit.General" ||
				len(c.ID) > 2048 || len(c.URI) > 4096 || keys[c.Key()] || c.Created.Before(time.Now().AddDate(0, 0, -9)) || c.Listed {
				t.Errorf("announced %+v", c)
			}
			keys[c.Key()] = true
			announced[[2]string{c.Type, c.ID}] = true
		}
		for _, must := range expected(body) {
			if recorder.Code == 200 && !announced[must] {
				t.Errorf("%q is left out of %+v", must, w.announced)
			}
		}
	})
}

// expected are the types and ids of entries that no reader can take for anything else: their
// members stand there once, in the documented spelling, and are text or null.
func expected(body string) (must [][2]string) {
	var entries []map[string]any
	if json.Unmarshal([]byte(body), &entries) != nil {
		return nil
	}
	for _, e := range entries {
		spelled := map[string]int{}
		plain := true
		for name, value := range e {
			spelled[strings.ToLower(name)]++
			_, isText := value.(string)
			plain = plain && (isText || value == nil) && spelled[strings.ToLower(name)] == 1 && strings.IndexFunc(name, func(r rune) bool { return r > '~' }) < 0
		}
		text := func(name string) string { s, _ := e[name].(string); return s }
		kind, id, tenant := text("contentType"), text("contentId"), text("tenantId")
		of, err := check(text("contentUri"), id)
		known := kind == "Audit.Exchange" || kind == "Audit.General"
		// Without a member of that spelling another one may stand in for it.
		_, stated := e["tenantId"]
		if plain && known && err == nil && of == ours && id != "" && len(id) <= 2048 && len(text("contentUri")) <= 4096 &&
			(!stated && spelled["tenantid"] == 0 || strings.EqualFold(tenant, ours)) {
			must = append(must, [2]string{kind, id})
		}
	}
	return must
}
