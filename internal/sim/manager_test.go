package sim_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"azcollector/internal/sim"

	"github.com/google/go-cmp/cmp"
)

const onePackage = "https://packages.example/azcollector.zip?sig=s"

// managed makes a request to Resource Manager as it should be.
func (v *visitor) managed(method, path, body string) *http.Request {
	v.Helper()
	s := v.w.ManagerSettings()
	address := path
	if !strings.HasPrefix(path, "https://") {
		address = s["AZURE_RESOURCE_MANAGER_URL"] + "/subscriptions/" + s["APP_SUBSCRIPTION_ID"] + "/resourceGroups/" + s["APP_RESOURCE_GROUP"] +
			"/providers/Microsoft.Web/sites/" + s["WEBSITE_SITE_NAME"] + "/" + path + "?api-version=2025-03-01"
	}
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		v.Fatal(err)
	}
	var got struct {
		AccessToken string `json:"access_token"`
	}
	_, answer := v.ask(v.identity(nil))
	if err := json.Unmarshal(answer, &got); err != nil || got.AccessToken == "" {
		v.Fatalf("the identity answers %s (%v)", answer, err)
	}
	r.Header.Set("Authorization", "Bearer "+got.AccessToken)
	return r
}

// identity asks for a token of the site's identity.
func (v *visitor) identity(change func(url.Values)) *http.Request {
	v.Helper()
	s := v.w.ManagerSettings()
	q := url.Values{"resource": {s["AZURE_RESOURCE_MANAGER_URL"]}, "api-version": {"2019-08-01"}, "client_id": {"c4b9e7d2-6a10-4f3b-8e5d-90a1b2c3d4e5"}}
	if change != nil {
		change(q)
	}
	r, err := http.NewRequest(http.MethodGet, s["IDENTITY_ENDPOINT"]+"?"+q.Encode(), nil)
	if err != nil {
		v.Fatal(err)
	}
	r.Header.Set("X-IDENTITY-HEADER", s["IDENTITY_HEADER"])
	return r
}

func deployment(packageURI string) string {
	return `{"properties":{"packageUri":"` + packageURI + `","remoteBuild":false}}`
}

func TestManagerJudges(t *testing.T) {
	write := func(body string) func(*visitor) *http.Request {
		return func(v *visitor) *http.Request { return v.managed("PUT", "config/appsettings", body) }
	}
	deploy := func(body string) func(*visitor) *http.Request {
		return func(v *visitor) *http.Request { return v.managed("PUT", "extensions/onedeploy", body) }
	}
	for name, c := range map[string]struct {
		ask       func(*visitor) *http.Request
		status    int
		answer    string
		complaint string // "": none
	}{
		"read": {func(v *visitor) *http.Request { return v.managed("POST", "config/appsettings/list", "") }, 200, `"A":"1"`, ""},
		"in any case": {func(v *visitor) *http.Request {
			r := v.managed("POST", "config/appsettings/list", "")
			r.URL.Path = strings.ToUpper(r.URL.Path)
			return r
		}, 200, `"A":"1"`, ""},
		"write all":     {write(`{"properties":{"A":"2","B":"3"}}`), 200, `"B":"3"`, ""},
		"drop one":      {write(`{"properties":{"B":"3"}}`), 200, `"B":"3"`, "drops A"},
		"no dictionary": {write(`{"A":"2"}`), 400, "BadRequest", "app settings written are not"},
		"a number":      {write(`{"properties":{"A":2}}`), 400, "BadRequest", "app settings written are not"},
		"two alike":     {write(`{"properties":{"A":"1","a":"2"}}`), 409, "already exists", ""},
		"sync":          {func(v *visitor) *http.Request { return v.managed("POST", "syncfunctiontriggers", "") }, 204, "", ""},
		"restart":       {func(v *visitor) *http.Request { return v.managed("POST", "restart", "") }, 200, "", ""},
		"restart with":  {func(v *visitor) *http.Request { return v.managed("POST", "restart", "{}") }, 200, "", "restart with a body"},
		"deploy":        {deploy(deployment(onePackage)), 200, "Succeeded", ""},
		"deploy http":   {deploy(deployment("http://packages.example/p.zip")), 400, "BadRequest", "https address"},
		"deploy more":   {deploy(`{"properties":{"packageUri":"https://p.example/p","remoteBuild":false,"type":"zip"}}`), 400, "BadRequest", "https address"},
		"build":         {deploy(`{"properties":{"packageUri":"https://p.example/p"}}`), 400, "BadRequest", "remoteBuild"},
		"other words":   {func(v *visitor) *http.Request { return v.managed("DELETE", "config/appsettings", "") }, 404, "NotFound", "no such operation"},
		"no version": {func(v *visitor) *http.Request {
			r := v.managed("POST", "restart", "")
			r.URL.RawQuery = ""
			return r
		}, 400, "MissingApiVersion", "without an api-version"},
		"no token": {func(v *visitor) *http.Request {
			r := v.managed("POST", "restart", "")
			r.Header.Del("Authorization")
			return r
		}, 401, "InvalidAuthenticationToken", "no bearer token"},
		"another audience": {func(v *visitor) *http.Request {
			r := v.managed("POST", "restart", "")
			r.Header.Set("Authorization", "Bearer "+v.token)
			return r
		}, 401, "InvalidAuthenticationToken", "manager: a token for the management API was sent here"},
		"a stale token": {func(v *visitor) *http.Request {
			r := v.managed("POST", "restart", "")
			v.w.RevokeTokens()
			return r
		}, 401, "InvalidAuthenticationToken", ""},
		"no role": {func(v *visitor) *http.Request {
			v.w.Manager.Forbid(true)
			return v.managed("POST", "restart", "")
		}, 403, "AuthorizationFailed", ""},
		"another site": {func(v *visitor) *http.Request {
			r := v.managed("POST", "restart", "")
			r.URL.Path = strings.Replace(r.URL.Path, "simulated-", "other-", 1)
			return r
		}, 404, "ResourceNotFound", ""},
		"its token elsewhere": {func(v *visitor) *http.Request {
			r := v.feed("GET", "subscriptions/list", nil, "")
			r.Header.Set("Authorization", v.managed("POST", "restart", "").Header.Get("Authorization"))
			return r
		}, 401, "denied", "a token for Azure Resource Manager was sent here"},
		"identity, other header": {func(v *visitor) *http.Request {
			r := v.identity(nil)
			r.Header.Set("X-IDENTITY-HEADER", "x")
			return r
		}, 401, "Unauthorized", "X-IDENTITY-HEADER is not"},
		"identity, other client": {func(v *visitor) *http.Request { return v.identity(func(q url.Values) { q.Del("client_id") }) }, 400, "client_id", ""},
		"identity, other resource": {func(v *visitor) *http.Request {
			return v.identity(func(q url.Values) { q.Set("resource", "https://x") })
		}, 400, "not found", ""},
		"identity, other version": {func(v *visitor) *http.Request { return v.identity(func(q url.Values) { q.Del("api-version") }) }, 400, "Bad request", "api-version"},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, sim.Options{})
			v.w.Manager.SetSettings(map[string]string{"A": "1"})
			v.refused(c.ask(v), c.status, c.answer)
			if c.complaint == "" {
				v.w.RequireClean(t)
			} else {
				v.complains(c.complaint)
			}
		})
	}
}

func TestManagerTakesATokenOfEntra(t *testing.T) {
	v := visit(t, sim.Options{})
	f := v.form()
	f.Set("scope", v.w.URL(sim.ResourceManager)+"/.default")
	_, body := v.ask(form(v.tokenURL(), f))
	var got struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	r := v.managed("POST", "restart", "")
	r.Header.Set("Authorization", "Bearer "+got.AccessToken)
	v.refused(r, 200, "")
	v.w.RequireClean(t)
}

func TestManagerReadsLagBehindWrites(t *testing.T) {
	v := visit(t, sim.Options{})
	m := v.w.Manager
	m.SetSettings(map[string]string{"A": "old"})
	m.LagReads(2)
	m.AllowDrop()
	v.refused(v.managed("PUT", "config/appsettings", `{"properties":{"B":"new"}}`), 200, `"B":"new"`)
	for _, want := range []string{`"A":"old"`, `"A":"old"`, `"B":"new"`} {
		v.refused(v.managed("POST", "config/appsettings/list", ""), 200, want)
	}
	if diff := cmp.Diff(map[string]string{"B": "new"}, m.Settings()); diff != "" {
		t.Error(diff)
	}
	want := []string{sim.OpSettingsWrite, sim.OpSettingsRead, sim.OpSettingsRead, sim.OpSettingsRead}
	if diff := cmp.Diff(want, m.Calls()); diff != "" {
		t.Errorf("calls, want (-), got (+):\n%s", diff)
	}
	v.w.RequireClean(t)
}

// TestManagerTellsOfADeploymentInEveryStyle follows one as a client would, without
// reading what it is told.
func TestManagerTellsOfADeploymentInEveryStyle(t *testing.T) {
	for style, c := range map[sim.DeployStyle]struct {
		began         int
		header        string // that names where to look
		during, after string
	}{
		sim.ByStatus:   {202, "Azure-AsyncOperation", `"status":"InProgress"`, `"status":"Succeeded"`},
		sim.ByLocation: {202, "Location", ``, `"provisioningState":"Succeeded"`},
		sim.ByResource: {201, "", `"provisioningState":"InProgress"`, `"provisioningState":"Succeeded"`},
		sim.ByNumber:   {202, "", `"status":2`, `"status":4`},
	} {
		t.Run(string(style), func(t *testing.T) {
			v := visit(t, sim.Options{})
			v.w.Manager.SetDeployment(sim.Deployment{Style: style, Looks: 2, RetryAfter: "7"})
			status, header, _, err := v.try(v.managed("PUT", "extensions/onedeploy", deployment(onePackage)))
			if err != nil || status != c.began || header.Get("Retry-After") != "7" {
				t.Fatalf("%d, %v (%v)", status, header, err)
			}
			v.refused(v.managed("PUT", "extensions/onedeploy", deployment(onePackage)), 409, "in progress") // time passes
			address := header.Get(c.header)
			if c.header == "" {
				address = "extensions/onedeploy"
			}
			v.refused(v.managed("GET", address, ""), map[bool]int{true: 202, false: 200}[style == sim.ByLocation], c.during)
			v.refused(v.managed("GET", address, ""), 200, c.after)
			if diff := cmp.Diff([]string{onePackage}, v.w.Manager.Packages()); diff != "" {
				t.Error(diff)
			}
			v.w.RequireClean(t)
		})
	}
}

func TestManagerIsUnderTheDial(t *testing.T) {
	v := visit(t, sim.Options{})
	r := v.managed("POST", "restart", "")
	v.w.Dial.Set(sim.Rule{Op: sim.OpRestart, Kind: sim.Throttle, RetryAfter: "3"})
	v.refused(r, 429, "")
	v.w.Dial.Set(sim.Rule{Op: sim.OpIdentity, Kind: sim.Status, Status: 500})
	v.refused(v.identity(nil), 500, "")
}
