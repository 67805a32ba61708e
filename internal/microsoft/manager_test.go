package microsoft_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
	"azcollector/internal/sim"

	"github.com/google/go-cmp/cmp"
)

func TestManagerWorks(t *testing.T) {
	for name, call := range managerCalls {
		s := newSite(t)
		if err := call.do(t.Context(), s.Manager); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if calls := s.sim.Manager.Calls(); calls[0] != call.first {
			t.Errorf("%s asked %v", name, calls)
		}
		s.sim.RequireClean(t)
	}
}

// TestManagerClassifies meets every method with one answer at its first request.
func TestManagerClassifies(t *testing.T) {
	const temporary, us = collect.Temporary, collect.JudgesUs
	cases := map[string]struct {
		rule    sim.Rule
		forbid  bool
		verdict collect.Verdict
		code    string
		says    string
		after   time.Duration
		again   int // requests beyond the first
	}{
		"throttled":         {rule: sim.Rule{Kind: sim.Throttle, RetryAfter: "17"}, verdict: temporary, code: "429", says: "not available", after: 17 * time.Second},
		"down":              {rule: sim.Rule{Kind: sim.Status, Status: 503, RetryAfter: "2.5"}, verdict: temporary, code: "503", says: "not available", after: 2500 * time.Millisecond},
		"gateway's page":    {rule: sim.Rule{Kind: sim.HTMLBody}, verdict: temporary, code: "502", says: "not available"},
		"cut before":        {rule: sim.Rule{Kind: sim.ResetBefore}, verdict: temporary},
		"cut behind":        {rule: sim.Rule{Kind: sim.ResetAfter}, verdict: temporary},
		"acknowledged not":  {rule: sim.Rule{Kind: sim.LostAck}, verdict: temporary, code: "503"},
		"redirected":        {rule: sim.Rule{Kind: sim.Redirect}, verdict: us, code: "307", says: "AZURE_RESOURCE_MANAGER_URL"},
		"refused twice":     {rule: sim.Rule{Kind: sim.Status, Status: 401}, verdict: us, code: "401", says: "a new token was refused too", again: 1},
		"no role":           {forbid: true, verdict: us, code: "403", says: "Website Contributor"},
		"no role, in words": {forbid: true, verdict: us, code: "403", says: "selfUpdate"},
		"no such site":      {rule: sim.Rule{Kind: sim.Status, Status: 404}, verdict: us, code: "404", says: "APP_SUBSCRIPTION_ID, APP_RESOURCE_GROUP and WEBSITE_SITE_NAME"},
		"bad request":       {rule: sim.Rule{Kind: sim.Status, Status: 400}, verdict: us, code: "400", says: "refuses the request"},
	}
	for name, c := range cases {
		for method, call := range managerCalls {
			t.Run(name+"/"+method, func(t *testing.T) {
				s := newSite(t)
				s.sim.Manager.Forbid(c.forbid)
				if c.rule.Kind != "" {
					c.rule.Op = call.first
					s.sim.Dial.Set(c.rule)
				}
				err := call.do(t.Context(), s.Manager)
				wantFault(t, err, c.verdict, c.code)
				if leak := s.tells(err); leak != "" || !strings.Contains(err.Error(), c.says) {
					t.Errorf("error %q tells %q, or does not say %q", err, leak, c.says)
				}
				if got := collect.RetryAfterOf(err); got != c.after {
					t.Errorf("Retry-After %v, want %v", got, c.after)
				}
				if diff := cmp.Diff(slices.Repeat([]string{call.first}, 1+c.again), s.sim.Manager.Calls()); diff != "" {
					t.Errorf("asked, want (-), got (+):\n%s", diff)
				}
				s.sim.RequireClean(t)
			})
		}
	}
}

func TestManagerConflictIsTemporary(t *testing.T) {
	for _, method := range []string{"deploy", "sync", "restart"} {
		s := newSite(t)
		s.sim.Dial.Set(sim.Rule{Kind: sim.Status, Status: 409, RetryAfter: "5", Op: managerCalls[method].first})
		err := managerCalls[method].do(t.Context(), s.Manager)
		wantFault(t, err, collect.Temporary, "409")
		if collect.RetryAfterOf(err) != 5*time.Second || !strings.Contains(err.Error(), "another operation") || len(s.sim.Manager.Calls()) != 1 {
			t.Errorf("%s: %v after %v", method, err, s.sim.Manager.Calls())
		}
	}
}

func TestManagerRenewsARefusedToken(t *testing.T) {
	s := newSite(t)
	stale, err := s.o.Token(t.Context(), s.o.Cloud.ResourceManager.String()+"/.default")
	if err != nil {
		t.Fatal(err)
	}
	s.sim.RevokeTokens()
	fresh := s.o.Token
	renewed := ""
	s.o.Token = func(context.Context, string) (string, error) { return stale, nil } // as a cache does
	s.o.Renew = func(ctx context.Context, scope, refused string) (string, error) {
		renewed = refused
		return fresh(ctx, scope)
	}
	if err := microsoft.NewManager(s.o).Restart(t.Context()); err != nil || renewed != stale {
		t.Errorf("%v; renewed for %q", err, renewed)
	}
	s.o.Renew = nil
	wantFault(t, microsoft.NewManager(s.o).Restart(t.Context()), collect.JudgesUs, "401")
	s.sim.RequireClean(t)
}

func TestManagerWithoutAToken(t *testing.T) {
	judged := &collect.Fault{Verdict: collect.JudgesUs, Code: "400", Err: errors.New("no such identity")}
	for name, c := range map[string]struct {
		err     error
		verdict collect.Verdict
	}{
		"judged":     {judged, collect.JudgesUs},
		"not judged": {errors.New("no answer"), collect.Temporary},
	} {
		for method, call := range managerCalls {
			s := newSite(t, func(o *microsoft.ManagerOptions) {
				o.Token = func(context.Context, string) (string, error) { return "", c.err }
			})
			err := call.do(t.Context(), s.Manager)
			if wantFault(t, err, c.verdict, ""); len(s.sim.Manager.Calls()) != 0 || !strings.Contains(err.Error(), "token") {
				t.Errorf("%s, %s: %v", name, method, err)
			}
		}
	}
}

func TestManagerNamesTheSettingOfItsSite(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*microsoft.Site)
		setting string
	}{
		"no subscription":    {func(s *microsoft.Site) { s.Subscription = "" }, "APP_SUBSCRIPTION_ID"},
		"no group":           {func(s *microsoft.Site) { s.ResourceGroup = "" }, "APP_RESOURCE_GROUP"},
		"no name":            {func(s *microsoft.Site) { s.Name = "" }, "WEBSITE_SITE_NAME"},
		"a path":             {func(s *microsoft.Site) { s.Name = "a/../b" }, "WEBSITE_SITE_NAME"},
		"another path":       {func(s *microsoft.Site) { s.ResourceGroup = ".." }, "APP_RESOURCE_GROUP"},
		"yet another path":   {func(s *microsoft.Site) { s.ResourceGroup = "." }, "APP_RESOURCE_GROUP"},
		"a path for Windows": {func(s *microsoft.Site) { s.Name = `a\b` }, "WEBSITE_SITE_NAME"},
	} {
		for method, call := range managerCalls {
			s := newSite(t, func(o *microsoft.ManagerOptions) { c.change(&o.Site) })
			err := call.do(t.Context(), s.Manager)
			if wantFault(t, err, collect.JudgesUs, ""); !strings.Contains(err.Error(), c.setting) || len(s.sim.Manager.Calls()) > 0 {
				t.Errorf("%s, %s: %v", name, method, err)
			}
		}
	}
}

func TestManagerReadsSettings(t *testing.T) {
	s := newSite(t)
	s.sim.Manager.SetSettings(map[string]string{"A": "<&>é", "B": "@Microsoft.KeyVault(SecretUri=https://v.example/s)", "C": ""})
	got, err := s.Settings(t.Context())
	if diff := cmp.Diff(s.sim.Manager.Settings(), got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

// Half an answer must never be written back.
func TestManagerWritesNothingItDidNotReadWhole(t *testing.T) {
	for name, body := range map[string]string{
		"no JSON":       `<html>`,
		"no properties": `{"id":"x"}`,
		"null":          `{"properties":null}`,
		"a list":        `{"properties":[]}`,
		"a number":      `{"properties":{"A":1}}`,
		"nothing":       ``,
		"too much":      `{"properties":{"A":"` + strings.Repeat("x", 5<<20) + `"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost {
					t.Errorf("%s %s", r.Method, r.URL.Path)
				}
				write(rw, body)
			}))
			defer server.Close()
			s.o.Cloud.ResourceManager = mustParse(server.URL)
			s.o.Token = func(context.Context, string) (string, error) { return "opaque.token", nil }
			err := microsoft.NewManager(s.o).SetSettings(t.Context(), map[string]string{"A": "2"})
			if wantFault(t, err, collect.Broken, ""); s.tells(err) != "" {
				t.Errorf("error %q tells %q", err, s.tells(err))
			}
		})
	}
}
