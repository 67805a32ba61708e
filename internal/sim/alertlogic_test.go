package sim_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"azcollector/internal/sim"

	"github.com/google/go-cmp/cmp"
)

func TestAlertLogicOp(t *testing.T) {
	b := newBench(sim.SecretForbidden)
	for path, want := range map[string]string{
		"/aims/v1/authenticate": "aims",
		"/endpoints/v1/2/residency/default/services/ingest/endpoint": "endpoints",
		"/azcollect/v1/2/azure/o365/s/g/a":                           "azcollect",
		"/ingest/v1/2/data/logmsgs":                                  "ingest",
		"/":                                                          "",
		"/ingestion":                                                 "",
		"/x/ingest":                                                  "",
	} {
		if got := b.Op(httptest.NewRequest(http.MethodGet, path, nil)); got != want {
			t.Errorf("Op(%s) = %q, want %q", path, got, want)
		}
	}
}

func TestAlertLogicAuthenticate(t *testing.T) {
	const path = "/aims/v1/authenticate"
	for name, c := range map[string]struct {
		change    func(*http.Request)
		method    string
		complaint string
		status    int
	}{
		"the key pair":     {func(*http.Request) {}, http.MethodPost, "", http.StatusOK},
		"a wrong secret":   {func(r *http.Request) { r.SetBasicAuth("key", "other") }, http.MethodPost, "", http.StatusUnauthorized},
		"a wrong key":      {func(r *http.Request) { r.SetBasicAuth("other", "secret") }, http.MethodPost, "", http.StatusUnauthorized},
		"no key":           {func(r *http.Request) { r.Header.Del("Authorization") }, http.MethodPost, "no basic auth", http.StatusUnauthorized},
		"a token too":      {func(r *http.Request) { r.Header.Set("x-aims-auth-token", "t") }, http.MethodPost, "token was sent", http.StatusOK},
		"GET, not POST":    {func(*http.Request) {}, http.MethodGet, "no such resource: GET", http.StatusNotFound},
		"ingest's address": {func(r *http.Request) { r.URL.Path = "/ingest/v1/2/data/logmsgs" }, http.MethodPost, "no such resource", http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(sim.SecretForbidden)
			r := httptest.NewRequest(c.method, path, nil)
			r.SetBasicAuth("key", "secret")
			c.change(r)
			w := serve(b.API(), r)
			b.expectComplaint(t, c.complaint)
			if w.Code != c.status {
				t.Errorf("answered %d, want %d", w.Code, c.status)
			}
		})
	}
}

func TestAlertLogicEndpoints(t *testing.T) {
	for service, want := range map[string]string{
		"ingest":    `{"ingest":"127.0.0.1:1"}`,
		"azcollect": `{"azcollect":"127.0.0.1:2"}`,
		"other":     "no such service: other",
	} {
		b := newBench(sim.SecretForbidden)
		r := httptest.NewRequest(http.MethodGet, "/endpoints/v1/2/residency/default/services/"+service+"/endpoint", nil)
		r.Header.Set("x-aims-auth-token", b.token(t))
		if got := strings.TrimSpace(serve(b.API(), r).Body.String()); got != want {
			t.Errorf("%s: %q, want %q", service, got, want)
		}
		if service == "other" {
			b.expectComplaint(t, want)
		} else {
			b.expectComplaint(t, "")
		}
	}
}

func TestAlertLogicTokens(t *testing.T) {
	for name, c := range map[string]struct {
		use       func(b *alBench, token string) string
		complaint string
		status    int
	}{
		"fresh":                {func(_ *alBench, token string) string { return token }, "", http.StatusAccepted},
		"in its last moment":   {func(b *alBench, token string) string { b.now = b.now.Add(59499 * time.Millisecond); return token }, "", http.StatusAccepted},
		"as it ends":           {func(b *alBench, token string) string { b.now = b.now.Add(59500 * time.Millisecond); return token }, "", http.StatusUnauthorized},
		"expired on its way":   {func(b *alBench, token string) string { b.now = b.now.Add(64 * time.Second); return token }, "", http.StatusUnauthorized},
		"expired":              {func(b *alBench, token string) string { b.now = b.now.Add(65 * time.Second); return token }, "token expired", http.StatusUnauthorized},
		"missing":              {func(*alBench, string) string { return "" }, "token missing", http.StatusUnauthorized},
		"foreign":              {func(*alBench, string) string { return "other" }, "foreign token", http.StatusUnauthorized},
		"revoked, no blame":    {func(b *alBench, token string) string { b.RevokeTokens(); return token }, "", http.StatusUnauthorized},
		"new after revocation": {func(b *alBench, _ string) string { b.RevokeTokens(); return b.token(t) }, "", http.StatusAccepted},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(sim.SecretForbidden)
			w := serve(b.Ingest(), goodParcel().request(c.use(b, b.token(t))))
			b.expectComplaint(t, c.complaint)
			if w.Code != c.status || b.Posts()[0].Status != c.status {
				t.Errorf("answered %d, noted %d, want %d", w.Code, b.Posts()[0].Status, c.status)
			}
		})
	}
}

const (
	collectPath = "/azcollect/v1/2/azure/o365/sub/group/app"
	checkInPath = "/azcollect/v1/2/azure/o365/checkin/sub/group/app"
	goodReg     = `{"version":"1.0.0","app_tenant_id":"t","client_id":"c","config":{"type":"o365","office_tenant_id":"t","content_streams":["Audit.General"]}}`
	goodCheckIn = `{"version":"1.0.0","app_tenant_id":"t","host_id":"HOST","source_id":"SOURCE","status":"ok","details":[],` +
		`"statistics":[{"pull":{"invocations":3,"errors":0}}],"collection_stats":{"log":{"bytes":10,"events":1}}}`
)

func (b *alBench) collect(t *testing.T, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("x-aims-auth-token", b.token(t))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	return serve(b.Azcollect(), r)
}

func (b *alBench) register(t *testing.T) (source, host string) {
	t.Helper()
	w := b.collect(t, http.MethodPost, collectPath, goodReg)
	var answer struct {
		Source struct {
			ID   string
			Host struct{ ID string }
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
		t.Fatalf("register: %d %q: %v", w.Code, w.Body, err)
	}
	return answer.Source.ID, answer.Source.Host.ID
}

func TestAlertLogicCollectorLife(t *testing.T) {
	b := newBench(sim.SecretForbidden)
	source, host := b.register(t)
	if again, hostAgain := b.register(t); source == "" || host == "" || source == host || again != source || hostAgain != host {
		t.Errorf("registered as %s/%s, then as %s/%s", source, host, again, hostAgain)
	}
	checkIn := strings.NewReplacer("HOST", host, "SOURCE", source).Replace(goodCheckIn)
	if w := b.collect(t, http.MethodPost, checkInPath, checkIn); w.Code != http.StatusNoContent {
		t.Errorf("check-in: %d %q", w.Code, w.Body)
	}
	for i, want := range []int{http.StatusNoContent, http.StatusNotFound} {
		if w := b.collect(t, http.MethodDelete, collectPath, ""); w.Code != want {
			t.Errorf("removal %d: answered %d, want %d", i, w.Code, want)
		}
	}
	if anew, _ := b.register(t); anew == source {
		t.Error("a collector registered after its removal has its old source id")
	}
	b.expectComplaint(t, "")

	app := sim.Collector{Subscription: "sub", ResourceGroup: "group", App: "app"}
	if diff := cmp.Diff([]sim.CheckIn{{Collector: app, Body: []byte(checkIn), Time: b.now}}, b.CheckIns()); diff != "" {
		t.Errorf("check-ins (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(sim.Registration{Collector: app, SourceID: source, HostID: host, Body: []byte(goodReg), Time: b.now}, b.Registrations()[1]); diff != "" {
		t.Errorf("second registration (-want +got):\n%s", diff)
	}
	if n := len(b.Registrations()); n != 3 || !slices.Equal(b.Deregistrations(), []sim.Collector{app}) {
		t.Errorf("%d registrations, removed %v", n, b.Deregistrations())
	}
}

func TestAlertLogicExtraAnswer(t *testing.T) {
	var extra map[string]any
	if err := json.Unmarshal([]byte(`{"source":{"id":"other","host":{"more":1},"config":{"collection_method":"api"}},"collector":{"status":"ok"}}`), &extra); err != nil {
		t.Fatal(err)
	}
	v := visit(t, sim.Options{Account: "2", AccessKeyID: "key", SecretKey: "secret", ALTokenLife: time.Minute, Now: stopped, ExtraAnswer: extra})
	b := &alBench{AlertLogic: v.w.AlertLogic, now: noon}
	source, host := b.register(t)
	checkIn := strings.NewReplacer("HOST", host, "SOURCE", source).Replace(goodCheckIn)
	for name, c := range map[string]struct{ path, body, want string }{
		"registration": {collectPath, goodReg, `{"collector":{"status":"ok"},"source":{"config":{"collection_method":"api"},"host":{"id":"` + host + `","more":1,"type":"azure_fun"},"id":"` + source + `"}}`},
		"check-in":     {checkInPath, checkIn, `{"collector":{"status":"ok"},"source":{"config":{"collection_method":"api"},"host":{"more":1},"id":"other"}}`},
	} {
		if w := b.collect(t, http.MethodPost, c.path, c.body); w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != c.want {
			t.Errorf("%s: %d %s, want %s", name, w.Code, w.Body, c.want)
		}
	}
	if source == "other" {
		t.Error("the extra answer replaced an id")
	}
	v.w.RequireClean(t)
}

func TestAlertLogicRegistrationBody(t *testing.T) {
	for name, c := range map[string]struct {
		old, new  string
		mode      sim.RegistrationMode
		complaint string
	}{
		"right":               {"", "", sim.SecretForbidden, ""},
		"streams as a string": {`["Audit.General"]`, `"[\"Audit.General\"]"`, sim.SecretForbidden, ""},
		"told a secret":       {`"config"`, `"client_secret":"s","config"`, sim.SecretForbidden, "registration tells client_secret"},
		"told it in config":   {`"type"`, `"client_secret":"s","type"`, sim.SecretForbidden, "registration tells client_secret"},
		"told as expected":    {`"config"`, `"client_secret":"s","config"`, sim.SecretExpected, ""},
		"not told":            {"", "", sim.SecretExpected, "registration lacks client_secret"},
		"no version":          {`"version":"1.0.0",`, "", sim.SecretForbidden, "registration.version is missing"},
		"empty tenant":        {`"app_tenant_id":"t"`, `"app_tenant_id":""`, sim.SecretForbidden, "registration.app_tenant_id is empty"},
		"another type":        {`"o365"`, `"ehub"`, sim.SecretForbidden, "registration.config.type is not o365"},
		"no streams":          {`["Audit.General"]`, `[]`, sim.SecretForbidden, "registration.config.content_streams is empty"},
		"streams by comma":    {`["Audit.General"]`, `"Audit.General"`, sim.SecretForbidden, "registration.config.content_streams is no list"},
		"unknown member":      {`"client_id"`, `"more":1,"client_id"`, sim.SecretForbidden, "registration.more is unknown"},
		"two values":          {goodReg, goodReg + "{}", sim.SecretForbidden, "registration is no JSON"},
		"a list":              {goodReg, "[]", sim.SecretForbidden, "registration is no object"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(c.mode)
			w := b.collect(t, http.MethodPost, collectPath, strings.Replace(goodReg, c.old, c.new, 1))
			b.expectComplaint(t, c.complaint)
			told := strings.Contains(c.complaint, "client_secret")
			if refused := w.Code == http.StatusBadRequest; refused != (c.complaint != "" && !told) || refused == (len(b.Registrations()) == 1) {
				t.Errorf("answered %d, %d registrations", w.Code, len(b.Registrations()))
			}
		})
	}
}

func TestAlertLogicCheckInBody(t *testing.T) {
	failing := strings.Replace(goodCheckIn, `"ok"`, `"error","error_code":"AF20023"`, 1)
	for name, c := range map[string]struct{ body, old, new, complaint string }{
		"right":                   {goodCheckIn, "", "", ""},
		"right, with an error":    {failing, `[]`, `["disabled"]`, ""},
		"an error without code":   {failing, `"AF20023"`, `""`, "check-in.error_code is empty although"},
		"an error, code left out": {failing, `"error_code":"AF20023",`, "", "check-in.error_code is missing although"},
		"another status":          {goodCheckIn, `"ok"`, `"fine"`, "check-in.status is not ok or error"},
		"another host":            {goodCheckIn, `HOST`, `x`, "check-in.host_id is not"},
		"another source":          {goodCheckIn, `SOURCE`, `x`, "check-in.source_id is not"},
		"no details":              {goodCheckIn, `"details":[],`, "", "check-in.details is missing"},
		"details of numbers":      {goodCheckIn, `[]`, `[1]`, "check-in.details[0] is no string"},
		"statistics as object":    {goodCheckIn, `[{"pull":{"invocations":3,"errors":0}}]`, `{}`, "check-in.statistics is no list"},
		"two functions in one":    {goodCheckIn, `{"pull":`, `{"a":{},"pull":`, "check-in.statistics[0] is no object with one member"},
		"no errors counted":       {goodCheckIn, `,"errors":0`, "", "check-in.statistics[0].pull.errors is missing"},
		"a negative count":        {goodCheckIn, `:3`, `:-3`, "check-in.statistics[0].pull.invocations is no count"},
		"events as string":        {goodCheckIn, `"events":1`, `"events":"1"`, "check-in.collection_stats.log.events is no count"},
		"no collection_stats":     {goodCheckIn, `,"collection_stats":{"log":{"bytes":10,"events":1}}`, "", "check-in.collection_stats is missing"},
		"unknown member":          {goodCheckIn, `"status"`, `"more":1,"status"`, "check-in.more is unknown"},
		"over 64 KiB":             {goodCheckIn, `[]`, `["` + strings.Repeat("x", 64<<10) + `"]`, "body over 64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(sim.SecretForbidden)
			source, host := b.register(t)
			body := strings.Replace(c.body, c.old, c.new, 1)
			w := b.collect(t, http.MethodPost, checkInPath, strings.NewReplacer("HOST", host, "SOURCE", source).Replace(body))
			b.expectComplaint(t, c.complaint)
			if accepted := w.Code == http.StatusNoContent; accepted != (c.complaint == "") || accepted != (len(b.CheckIns()) == 1) {
				t.Errorf("answered %d, %d check-ins", w.Code, len(b.CheckIns()))
			}
		})
	}
}

func TestAlertLogicAzcollectRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change    func(*http.Request)
		complaint string
		status    int
	}{
		"basic auth":      {func(r *http.Request) { r.SetBasicAuth("key", "secret") }, "Authorization", http.StatusUnauthorized},
		"no token":        {func(r *http.Request) { r.Header.Del("x-aims-auth-token") }, "token missing", http.StatusUnauthorized},
		"another account": {func(r *http.Request) { r.URL.Path = strings.Replace(collectPath, "/2/", "/3/", 1) }, "account", http.StatusForbidden},
		"another path":    {func(r *http.Request) { r.URL.Path = "/azcollect/v1/2/azure/ehub/s/g/a" }, "no such resource", http.StatusNotFound},
		"not JSON":        {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, "Content-Type", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(sim.SecretForbidden)
			r := httptest.NewRequest(http.MethodPost, collectPath, strings.NewReader(goodReg))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("x-aims-auth-token", b.token(t))
			c.change(r)
			w := serve(b.Azcollect(), r)
			b.expectComplaint(t, c.complaint)
			if w.Code != c.status || len(b.Registrations()) != 0 {
				t.Errorf("answered %d, want %d; registrations: %d", w.Code, c.status, len(b.Registrations()))
			}
		})
	}
}
