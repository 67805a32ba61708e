package sim_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"azcollector/internal/sim"
)

// order asks the admin service, which needs no TLS.
func (v *visitor) order(method, target, body string) (int, string) {
	v.Helper()
	got := httptest.NewRecorder()
	v.w.Admin().ServeHTTP(got, httptest.NewRequest(method, target, strings.NewReader(body)))
	return got.Code, got.Body.String()
}

func TestAdmin(t *testing.T) {
	for name, c := range map[string]struct {
		method, target, body string
		status               int
		answer               string
	}{
		"report":             {"GET", "/report", "", 200, `"complaints":`},
		"report of lags":     {"GET", "/report", "", 200, `"LagP95Seconds":0`},
		"publish":            {"POST", "/publish?records=3&type=Audit.Exchange", "", 200, `"Pushed":`},
		"publish nothing":    {"POST", "/publish?records=0", "", 400, "records must be"},
		"fault":              {"POST", "/fault", `{"op":"blob","kind":"status","status":503,"for":"10s"}`, 204, ""},
		"unknown fault":      {"POST", "/fault", `{"kind":"earthquake"}`, 400, "kind is none"},
		"fault for how far":  {"POST", "/fault", `{"kind":"hang","delay":"a mile"}`, 400, "delay must be a duration"},
		"fault misspelt":     {"POST", "/fault", `{"kynd":"hang"}`, 400, "unknown field"},
		"behave":             {"DELETE", "/fault", "", 204, ""},
		"revoke":             {"POST", "/revoke", "", 204, ""},
		"no registrations":   {"GET", "/registrations", "", 200, "[]"},
		"no check-ins":       {"GET", "/checkins", "", 200, "[]"},
		"push how":           {"POST", "/push", `{}`, 400, "off must be true or false"},
		"auditing how":       {"POST", "/auditing", `{"on":true}`, 400, "unknown field"},
		"secret how":         {"POST", "/secret", `{}`, 400, "expired must be true or false"},
		"secret until when":  {"POST", "/secret", `{"expires":"soon"}`, 400, "read the order"},
		"roles unsaid":       {"POST", "/roles", `{}`, 400, "roles must be a list"},
		"skew by what":       {"POST", "/skew", `{"by":"a bit"}`, 400, "by must be a duration"},
		"no subscription":    {"POST", "/subscription", `{"type":"Audit.Nothing"}`, 400, "type must be a content type"},
		"subscription how":   {"POST", "/subscription", `{"type":"DLP.All","status":"odd"}`, 400, "status must be"},
		"webhook how":        {"POST", "/subscription", `{"type":"DLP.All","webhookStatus":"odd"}`, 400, "webhookStatus must be"},
		"webhook where":      {"POST", "/subscription", `{"type":"DLP.All","webhook":7}`, 400, "webhook must be"},
		"subscription blank": {"POST", "/subscription", ``, 400, "read the order"},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, sim.Options{})
			if code, answer := v.order(c.method, c.target, c.body); code != c.status || !strings.Contains(answer, c.answer) {
				t.Errorf("%d %s, want %d with %q", code, answer, c.status, c.answer)
			}
		})
	}
}

// TestAdminOrdersAreFollowed looks at what the world does then.
func TestAdminOrdersAreFollowed(t *testing.T) {
	list := func(v *visitor) *http.Request { return v.feed("GET", "subscriptions/list", nil, "") }
	for name, c := range map[string]struct {
		orders [][2]string // path and body
		ask    func(v *visitor) *http.Request
		status int
		answer string
	}{
		"auditing off": {[][2]string{{"/auditing", `{"off":true}`}}, list, 400, "does not exist"},
		"auditing on":  {[][2]string{{"/auditing", `{"off":true}`}, {"/auditing", `{"off":false}`}}, list, 200, ""},
		"secret expired": {[][2]string{{"/secret", `{"expired":true}`}}, func(v *visitor) *http.Request {
			return form(v.tokenURL(), v.form())
		}, 401, "AADSTS7000222"},
		"secret until": {[][2]string{{"/secret", `{"expires":"2027-01-31T00:00:00Z"}`}}, func(v *visitor) *http.Request {
			return v.application("")
		}, 200, `"endDateTime":"2027-01-31T00:00:00Z"`},
		"no roles": {[][2]string{{"/roles", `{"roles":[]}`}}, func(v *visitor) *http.Request {
			v.token = v.signIn()
			return list(v)
		}, 401, "AF10001"},
		"disabled":         {[][2]string{{"/subscription", `{"type":"Audit.Exchange","status":"disabled"}`}}, list, 200, `"status":"disabled"`},
		"webhook vanished": {[][2]string{{"/subscription", `{"type":"Audit.Exchange","webhook":null}`}}, list, 200, `"status":"enabled","webhook":null`},
		"webhook stolen":   {[][2]string{{"/subscription", `{"type":"Audit.Exchange","webhook":"https://thief.example/"}`}}, list, 200, `"address":"https://thief.example/"`},
		"webhook expired": {[][2]string{{"/subscription", `{"type":"Audit.Exchange","webhook":"https://thief.example/","webhookStatus":"expired"}`}},
			list, 200, `"webhook":{"status":"expired","address":"https://thief.example/"`},
		"forgotten": {[][2]string{{"/subscription", `{"type":"Audit.Exchange"}`}, {"DELETE /subscription", ""}}, list, 200, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, sim.Options{})
			for _, order := range c.orders {
				method, path, found := strings.Cut(order[0], " ")
				if !found {
					method, path = "POST", order[0]
				}
				if code, answer := v.order(method, path, order[1]); code != http.StatusNoContent {
					t.Fatalf("%s %s is answered %d %s", order[0], order[1], code, answer)
				}
			}
			v.refused(c.ask(v), c.status, c.answer)
			v.w.RequireClean(t)
		})
	}
}

func TestAdminSkewAndPush(t *testing.T) {
	v := visit(t, sim.Options{Now: stopped})
	l := listen(t, v)
	v.refused(v.start(hook(l.URL)), 200, "")
	v.order("POST", "/skew", `{"by":"-7m"}`)
	if got := v.date(); got != "Tue, 10 Mar 2026 11:53:00 GMT" {
		t.Errorf("Date %q, want seven minutes behind", got)
	}
	v.order("POST", "/push", `{"off":true}`)
	v.w.Publish(exchange, [][]byte{plain("unheard")})
	v.order("POST", "/push", `{"off":false}`)
	heard := v.w.Publish(exchange, [][]byte{plain("heard")})
	if err := v.w.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := l.told(t); len(got) != 1 || got[0] != heard.Pushed {
		t.Errorf("told of %q, want only %s", got, heard.Pushed)
	}
}

func TestAdminShowsWhatCollectorsSaid(t *testing.T) {
	v := visit(t, sim.Options{Account: "2", AccessKeyID: "key", SecretKey: "secret", ALTokenLife: time.Minute, Now: stopped})
	b := &alBench{AlertLogic: v.w.AlertLogic, now: noon}
	source, host := b.register(t)
	checkIn := strings.NewReplacer("HOST", host, "SOURCE", source).Replace(goodCheckIn)
	b.collect(t, http.MethodPost, checkInPath, checkIn)
	for target, want := range map[string]string{"/registrations": goodReg + source, "/checkins": checkIn} {
		var got []struct {
			App, SourceID string
			Body          json.RawMessage
		}
		_, answer := v.order("GET", target, "")
		if err := json.Unmarshal([]byte(answer), &got); err != nil || len(got) != 1 || got[0].App != "app" || string(got[0].Body)+got[0].SourceID != want {
			t.Errorf("%s: %s (%v), want one of the app with %s", target, answer, err, want)
		}
	}
	v.w.RequireClean(t)
}
