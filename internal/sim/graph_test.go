package sim_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"azcollector/internal/sim"

	"github.com/google/go-cmp/cmp"
)

// application asks Graph for the collector's own credentials, or for id's.
func (v *visitor) application(id string) *http.Request {
	v.Helper()
	if id == "" {
		id = v.w.Settings()["APP_CLIENT_ID"]
	}
	f := v.form()
	f.Set("scope", v.w.URL(sim.Graph)+"/.default")
	_, body := v.ask(form(v.tokenURL(), f))
	var got struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &got); err != nil || got.AccessToken == "" {
		v.Fatalf("sign in for Graph: %s (%v)", body, err)
	}
	r, err := http.NewRequest(http.MethodGet, v.w.URL(sim.Graph)+"/v1.0/applications(appId='"+id+"')?$select=id,passwordCredentials,keyCredentials", nil)
	if err != nil {
		v.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+got.AccessToken)
	return r
}

func TestGraphTellsWhenTheSecretEnds(t *testing.T) {
	end := time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)
	v := visit(t, sim.Options{Now: stopped, ClientSecret: "s3cret"})
	v.refused(v.application(""), 403, "Authorization_RequestDenied")
	v.w.SetSecretExpiry(end)
	_, body := v.ask(v.application(""))
	var got struct {
		ID                  string
		AppID               string
		PasswordCredentials []struct {
			Hint        string
			EndDateTime time.Time
		}
		KeyCredentials *[]any
	}
	if err := json.Unmarshal(body, &got); err != nil || got.ID == "" || got.AppID != "" || got.KeyCredentials == nil {
		t.Fatalf("got %s (%v), want the selected members", body, err)
	}
	ends := map[string]time.Time{}
	for _, p := range got.PasswordCredentials {
		ends[p.Hint] = p.EndDateTime
	}
	if diff := cmp.Diff(map[string]time.Time{"": noon.AddDate(-1, 0, 0), "s3c": end}, ends); diff != "" {
		t.Errorf("ends by hint, want (-), got (+):\n%s", diff)
	}
	v.w.SetSecretExpiry(time.Time{})
	v.refused(v.application(""), 403, "Authorization_RequestDenied")
	v.w.RequireClean(t)
}

func TestGraphRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change    func(*visitor, *http.Request)
		status    int
		answer    string
		complaint string
	}{
		"another application":      {func(_ *visitor, r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "a86f", "0000", 1) }, 404, "Request_ResourceNotFound", ""},
		"an escaped key":           {func(_ *visitor, r *http.Request) { r.URL.RawPath = strings.ReplaceAll(r.URL.Path, "'", "%27") }, 200, "hint", ""},
		"everything":               {func(_ *visitor, r *http.Request) { r.URL.RawQuery = "" }, 200, `"appId":`, ""},
		"a revoked token":          {func(v *visitor, _ *http.Request) { v.w.RevokeTokens() }, 401, "InvalidAuthenticationToken", ""},
		"no token":                 {func(_ *visitor, r *http.Request) { r.Header.Del("Authorization") }, 401, "InvalidAuthenticationToken", "graph: no bearer token"},
		"a forged token":           {func(_ *visitor, r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 401, "InvalidAuthenticationToken", "not issued here"},
		"the other audience":       {func(v *visitor, r *http.Request) { r.Header.Set("Authorization", "Bearer "+v.token) }, 401, "InvalidAuthenticationToken", "graph: a token for the management API was sent here"},
		"other words":              {func(_ *visitor, r *http.Request) { r.URL.Path = "/v1.0/users" }, 400, "BadRequest", "no such resource: GET /v1.0/users"},
		"other deeds":              {func(_ *visitor, r *http.Request) { r.Method = http.MethodPatch }, 400, "BadRequest", "no such resource: PATCH"},
		"its token for management": {func(v *visitor, r *http.Request) { r.URL = v.feed("GET", "subscriptions/list", nil, "").URL }, 401, "denied", "management: a token for Microsoft Graph was sent here"},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, sim.Options{})
			v.w.SetSecretExpiry(time.Now())
			r := v.application("")
			c.change(v, r)
			v.refused(r, c.status, c.answer)
			if c.complaint == "" {
				v.w.RequireClean(t)
			} else {
				v.complains(c.complaint)
			}
		})
	}
}

func TestGraphMisbehavesByTheDial(t *testing.T) {
	v := visit(t, sim.Options{})
	v.w.Dial.Set(sim.Rule{Op: sim.OpGraph, Kind: sim.Throttle, RetryAfter: "3"})
	v.refused(v.application(""), 429, "")
}
