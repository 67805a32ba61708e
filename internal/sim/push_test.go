package sim_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"azcollector/internal/sim"

	"github.com/google/go-cmp/cmp"
)

// A listener is a webhook that keeps what it was told.
type listener struct {
	*httptest.Server
	mu       sync.Mutex
	answer   int
	requests []http.Header
	bodies   []string
}

func listen(t *testing.T, v *visitor) *listener {
	t.Helper()
	l := &listener{answer: http.StatusOK}
	l.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.requests, l.bodies = append(l.requests, r.Header), append(l.bodies, string(body))
		w.WriteHeader(l.answer)
	}))
	cert, key, err := v.w.IssueCertificate("webhook")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	l.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	l.StartTLS()
	t.Cleanup(l.Close)
	return l
}

func (l *listener) answers(status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer = status
}

func (v *visitor) start(body string) *http.Request {
	return v.feed("POST", "subscriptions/start?contentType="+exchange, nil, body)
}

func hook(address string) string {
	return `{"webhook":{"address":"` + address + `","authId":"secret","expiration":""}}`
}

// told are the ids in the notifications so far, handshakes left out.
func (l *listener) told(t *testing.T) (ids []string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, body := range l.bodies {
		if l.requests[i].Get("Webhook-ValidationCode") != "" {
			continue
		}
		if l.requests[i].Get("Content-Type") != "application/json; utf-8" || l.requests[i].Get("Webhook-AuthID") != "secret" {
			t.Errorf("headers %v", l.requests[i])
		}
		var rows []row
		if err := json.Unmarshal([]byte(body), &rows); err != nil {
			t.Errorf("body %s: %v", body, err)
		}
		for _, r := range rows {
			ids = append(ids, r.ContentID)
		}
	}
	return ids
}

func TestStartAsksTheWebhookFirst(t *testing.T) {
	v := visit(t, sim.Options{})
	l := listen(t, v)
	v.refused(v.start(hook("http://127.0.0.1/")), 400, "AF20021")
	l.answers(http.StatusAccepted)
	v.refused(v.start(hook(l.URL)), 400, "AF20021")
	v.refused(v.feed("GET", "subscriptions/list", nil, ""), 200, "[]")
	l.answers(http.StatusOK)
	v.refused(v.start(hook(l.URL)), 200, `"status":"enabled"`)
	var code struct{ ValidationCode string }
	if err := json.Unmarshal([]byte(l.bodies[1]), &code); err != nil || code.ValidationCode == "" ||
		code.ValidationCode != l.requests[1].Get("Webhook-ValidationCode") || l.requests[1].Get("Webhook-AuthID") != "secret" {
		t.Errorf("handshake %s with %v (%v)", l.bodies[1], l.requests[1], err)
	}
	v.refused(v.start(hook(l.URL)), 400, "AF20024")
	v.refused(v.feed("GET", "subscriptions/list", nil, ""), 200, l.URL)
	v.w.RequireClean(t)
}

func TestStartRules(t *testing.T) {
	const past = `{"webhook":{"address":"https://127.0.0.1/","expiration":"2001-01-01T00:00:00Z"}}`
	enabled := func(s *sim.Subscription) {
		s.Webhook = &sim.Webhook{Status: "enabled", Address: "https://127.0.0.1:1/"}
	}
	for name, c := range map[string]struct {
		edit      func(*sim.Subscription)
		body      string
		status    int
		answer    string
		complaint string
	}{
		"the first one":              {nil, "", 200, `"webhook":null`, ""},
		"nothing to change":          {func(*sim.Subscription) {}, "", 400, "AF20024", ""},
		"disabled before":            {func(s *sim.Subscription) { s.Status = "disabled" }, "", 200, `"enabled"`, ""},
		"body-less beside a webhook": {enabled, "", 200, `"webhook":null`, "without a webhook where one exists"},
		"no JSON":                    {nil, "{", 400, "AF20002", ""},
		"expired already":            {nil, past, 400, "AF20003", ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, sim.Options{})
			if c.edit != nil {
				v.w.EditSubscription(exchange, c.edit)
			}
			v.refused(v.start(c.body), c.status, c.answer)
			if c.complaint == "" {
				v.w.RequireClean(t)
			} else {
				v.complains(c.complaint)
			}
		})
	}
}

func TestStartAgainTooSoonIsAComplaint(t *testing.T) {
	v := visit(t, sim.Options{StartPause: 15 * time.Minute})
	v.refused(v.start(""), 200, "")
	v.refused(v.start(""), 400, "AF20024") // nothing changes: not throttled
	v.w.RequireClean(t)
	v.w.EditSubscription(exchange, func(s *sim.Subscription) { s.Status = "disabled" })
	v.refused(v.start(""), 403, "AF429")
	v.complains("was started again within 15m")
}

func TestStopForgetsTheSubscription(t *testing.T) {
	v := visit(t, sim.Options{})
	v.refused(v.start(""), 200, "")
	v.refused(v.feed("POST", "subscriptions/stop?contentType="+exchange, nil, ""), 200, "")
	v.refused(v.feed("POST", "subscriptions/stop?contentType="+exchange, nil, ""), 400, "AF20022")
	v.refused(v.feed("GET", "subscriptions/list", nil, ""), 200, "[]")
	if got := v.w.Calls(); got.Stops != 2 || got.Starts != 1 {
		t.Errorf("calls %+v", got)
	}
}

func TestNotificationsArrive(t *testing.T) {
	const n = 12
	for name, c := range map[string]struct {
		push sim.PushOptions
		want map[int]int // how many contents were told of how often
	}{
		"each once":      {sim.PushOptions{}, map[int]int{1: n}},
		"some twice":     {sim.PushOptions{DoubleEvery: 4, Reorder: true}, map[int]int{1: n - 3, 2: 3}},
		"some never":     {sim.PushOptions{DropEvery: 4}, map[int]int{1: n - 3}},
		"all never":      {sim.PushOptions{Off: true}, map[int]int{}},
		"one at a time":  {sim.PushOptions{Concurrency: 1, Batch: 1}, map[int]int{1: n}},
		"large and slow": {sim.PushOptions{Concurrency: 1, Batch: 100}, map[int]int{1: n}},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, sim.Options{Push: c.push})
			l := listen(t, v)
			v.refused(v.start(hook(l.URL)), 200, "")
			times := map[string]int{}
			for i := range n {
				v.w.Publish(exchange, [][]byte{plain(fmt.Sprint(i))})
			}
			if err := v.w.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, id := range l.told(t) {
				times[id]++
			}
			got := map[int]int{}
			for _, n := range times {
				got[n]++
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}

func TestNotificationIsRetriedUntilTheWebhookIsDisabled(t *testing.T) {
	v := visit(t, sim.Options{Push: sim.PushOptions{Failures: 3, FirstDelay: time.Microsecond, MostDelay: time.Microsecond}})
	l := listen(t, v)
	v.refused(v.start(hook(l.URL)), 200, "")
	l.answers(http.StatusNoContent) // anything but 200 is a failure
	p := v.w.Publish(exchange, [][]byte{plain("1")})
	if err := v.w.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := l.told(t); !cmp.Equal(got, []string{p.Pushed, p.Pushed, p.Pushed}) {
		t.Errorf("told of %q, want three attempts for %s", got, p.Pushed)
	}
	if s := v.w.Subscriptions(); s[0].Webhook.Status != "disabled" || s[0].Status != "enabled" {
		t.Errorf("subscription %+v, want a disabled webhook", s[0])
	}
	rows, _ := v.pages("subscriptions/notifications", window(time.Now().Add(-time.Hour), time.Now().Add(time.Hour)))
	if len(rows) != 3 || rows[0].Status != "Failed" {
		t.Errorf("rows %+v, want three failed notifications", rows)
	}
	l.answers(http.StatusOK)
	v.refused(v.start(hook(l.URL)), 200, `"status":"enabled"`)
	p = v.w.Publish(exchange, [][]byte{plain("2")})
	if err := v.w.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := l.told(t); len(got) != 4 || got[3] != p.Pushed {
		t.Errorf("told of %q, want the repaired webhook to hear of %s", got, p.Pushed)
	}
}

func TestPushToNeedsNoSubscription(t *testing.T) {
	var l *listener
	probe := visit(t, sim.Options{})
	l = listen(t, probe)
	root := pemOf(t, probe.w.CAFile())
	v := visit(t, sim.Options{AuthID: "secret", TrustPEM: root, Push: sim.PushOptions{To: l.URL}})
	p := v.w.Publish(exchange, [][]byte{plain("1")})
	if err := v.w.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := l.told(t); !cmp.Equal(got, []string{p.Pushed}) {
		t.Errorf("told of %q, want %s", got, p.Pushed)
	}
	v.refused(v.feed("GET", "audit/"+p.Pushed, nil, ""), 200, `"1"`)
}

// TestNotificationTellsWhatWasPublished in a world that sends nothing itself.
func TestNotificationTellsWhatWasPublished(t *testing.T) {
	v := visit(t, sim.Options{Push: sim.PushOptions{Off: true}})
	p := v.w.Publish("Audit.Exchange", [][]byte{[]byte(`{"Id":"1"}`)})
	var told []struct{ ContentID, ContentURI string }
	if err := json.Unmarshal(v.w.Notification(p.Pushed, "unknown"), &told); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || told[0].ContentID != p.Pushed || !strings.HasSuffix(told[0].ContentURI, "/"+p.Pushed) {
		t.Errorf("told %v of %s", told, p.Pushed)
	}
}
