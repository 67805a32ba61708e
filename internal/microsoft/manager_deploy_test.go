package microsoft_test

import (
	"context"
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

// TestManagerFollowsADeployment in every style to every end.
func TestManagerFollowsADeployment(t *testing.T) {
	ends := map[string]struct {
		verdict collect.Verdict
		says    string
	}{
		"Succeeded": {},
		"Failed":    {collect.JudgesUs, "could not deploy it"},
		"Canceled":  {collect.Temporary, "was canceled"},
	}
	for _, style := range sim.DeployStyles() {
		for end, c := range ends {
			t.Run(string(style)+"/"+end, func(t *testing.T) {
				s := newSite(t)
				s.sim.Manager.SetDeployment(sim.Deployment{Style: style, Looks: 2, End: end, RetryAfter: "7"})
				err := s.OneDeploy(t.Context(), packageURI)
				var packages []string
				if end == "Succeeded" {
					packages = []string{packageURI}
					if err != nil {
						t.Error(err)
					}
				} else if wantFault(t, err, c.verdict, end); !strings.Contains(err.Error(), c.says) || s.tells(err) != "" {
					t.Errorf("error %q does not say %q, or tells %q", err, c.says, s.tells(err))
				}
				if diff := cmp.Diff(packages, s.sim.Manager.Packages()); diff != "" {
					t.Errorf("packages, want (-), got (+):\n%s", diff)
				}
				asked, waits := []string{sim.OpOneDeploy}, []time.Duration(nil)
				if style != sim.AtOnce {
					asked = append(asked, slices.Repeat([]string{sim.OpOperation}, 3)...)
					waits = slices.Repeat([]time.Duration{7 * time.Second}, 3)
				}
				if diff := cmp.Diff(asked, s.sim.Manager.Calls()); diff != "" {
					t.Errorf("asked, want (-), got (+):\n%s", diff)
				}
				if diff := cmp.Diff(waits, s.waits); diff != "" {
					t.Errorf("rests, want (-), got (+):\n%s", diff)
				}
				s.sim.RequireClean(t)
			})
		}
	}
}

func TestManagerLooksAgainWhenALookFails(t *testing.T) {
	const pause = 30 * time.Second
	for name, c := range map[string]struct {
		rule    sim.Rule
		waits   []time.Duration
		verdict collect.Verdict
		code    string // "-": no error
	}{
		"four times down":    {sim.Rule{Kind: sim.Status, Status: 503, Count: 4}, []time.Duration{pause, pause, pause, pause, pause, pause}, 0, "-"},
		"throttled for long": {sim.Rule{Kind: sim.Throttle, RetryAfter: "90", Count: 1}, []time.Duration{pause, 90 * time.Second, pause}, 0, "-"},
		"throttled a moment": {sim.Rule{Kind: sim.Throttle, RetryAfter: "1", Count: 1}, []time.Duration{pause, pause, pause}, 0, "-"},
		"cut short":          {sim.Rule{Kind: sim.TruncateLength, Count: 1}, []time.Duration{pause, pause}, 0, "-"},
		"down for ever":      {sim.Rule{Kind: sim.Status, Status: 503}, []time.Duration{pause, pause, pause, pause, pause}, collect.Temporary, ""},
		"gone":               {sim.Rule{Kind: sim.Status, Status: 404}, []time.Duration{pause}, collect.JudgesUs, ""},
		"no JSON":            {sim.Rule{Kind: sim.HTMLBody, Status: 200}, []time.Duration{pause}, collect.Broken, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.sim.Manager.SetDeployment(sim.Deployment{Style: sim.ByStatus, Looks: 1})
			c.rule.Op = sim.OpOperation
			s.sim.Dial.Set(c.rule)
			err := s.OneDeploy(t.Context(), packageURI)
			if c.code == "-" && err != nil {
				t.Error(err)
			} else if c.code != "-" {
				wantFault(t, err, c.verdict, c.code)
			}
			if diff := cmp.Diff(c.waits, s.waits); diff != "" {
				t.Errorf("rests, want (-), got (+):\n%s", diff)
			}
			s.sim.RequireClean(t)
		})
	}
}

// Failed looks count one behind the other: a good one between them begins anew.
func TestManagerIsPatientWithALongDeployment(t *testing.T) {
	s := newSite(t)
	s.sim.Manager.SetDeployment(sim.Deployment{Style: sim.ByStatus, Looks: 2})
	s.sim.Dial.Set(sim.Rule{Op: sim.OpOperation, Kind: sim.Status, Count: 4})
	s.sim.Dial.Set(sim.Rule{Op: sim.OpOperation, Kind: sim.Throttle, Count: 4, Skip: 1})
	if err := s.OneDeploy(t.Context(), packageURI); err != nil || len(s.waits) != 11 {
		t.Errorf("%v after %d rests", err, len(s.waits))
	}
}

func TestManagerMayNotLook(t *testing.T) {
	s := newSite(t)
	s.sim.Manager.SetDeployment(sim.Deployment{Style: sim.ByStatus, Looks: 1, Unwatchable: true})
	err := s.OneDeploy(t.Context(), packageURI)
	if wantFault(t, err, collect.JudgesUs, ""); !strings.Contains(err.Error(), "the deployment began") || s.tells(err) != "" {
		t.Error(err)
	}
}

func TestManagersTokenStaysOnItsHost(t *testing.T) {
	for _, style := range []sim.DeployStyle{sim.ByStatus, sim.ByLocation} {
		s := newSite(t)
		s.sim.Manager.SetDeployment(sim.Deployment{Style: style, Looks: 1, Elsewhere: true})
		err := s.OneDeploy(t.Context(), packageURI)
		if wantFault(t, err, collect.JudgesUs, ""); !strings.Contains(err.Error(), "AZURE_RESOURCE_MANAGER_URL") || s.tells(err) != "" {
			t.Error(err)
		}
		s.sim.RequireClean(t) // the canary would complain
	}
}

func TestManagerStopsFollowingWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := newSite(t, func(o *microsoft.ManagerOptions) {
		o.Wait = func(ctx context.Context, d time.Duration) error {
			cancel()
			return collect.Wait(ctx, d)
		}
	})
	s.sim.Manager.SetDeployment(sim.Deployment{Style: sim.ByResource, Looks: 1})
	wantFault(t, s.OneDeploy(ctx, packageURI), collect.Temporary, "")
	if calls := s.sim.Manager.Calls(); len(calls) != 1 {
		t.Errorf("asked %v", calls)
	}
}

// After a cut connection the same deployment is asked for again: the platform is
// told the same address twice, which does no harm.
func TestManagerDeploysAgainAfterALostAnswer(t *testing.T) {
	s := newSite(t)
	s.sim.Dial.Set(sim.Rule{Kind: sim.ResetAfter, Op: sim.OpOneDeploy, Count: 1})
	wantFault(t, s.OneDeploy(t.Context(), packageURI), collect.Temporary, "")
	if err := s.OneDeploy(t.Context(), packageURI); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{packageURI, packageURI}, s.sim.Manager.Packages()); diff != "" {
		t.Error(diff)
	}
	s.sim.RequireClean(t)
}

func TestManagerRefusesAPackageThatCannotBe(t *testing.T) {
	for _, address := range []string{"", "http://packages.example/p.zip?" + signature, "https:///p.zip", "https://user:signed@packages.example/p", "packages.example/p", "https://%zz?sig=signed"} {
		s := newSite(t)
		err := s.OneDeploy(t.Context(), address)
		if wantFault(t, err, collect.JudgesUs, ""); len(s.sim.Manager.Calls()) > 0 || s.tells(err) != "" {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestManagerReadsHowItGoes takes answers that the simulator does not give. The
// second answer is the one to the look, if there is one.
func TestManagerReadsHowItGoes(t *testing.T) {
	type answer struct {
		status int
		header string // its value is an address on the host; "": none
		body   string
	}
	const state = `{"properties":{"provisioningState":"%"}}`
	in := func(s string) string { return strings.Replace(state, "%", s, 1) }
	for name, c := range map[string]struct {
		first, second answer
		looks         int
		code          string // "-": success; "": an error without
	}{
		"an empty 200":              {answer{200, "", ``}, answer{}, 0, "-"},
		"an empty 204":              {answer{204, "", ``}, answer{}, 0, "-"},
		"a 200 that says nothing":   {answer{200, "", `{"properties":{"provisioningState":null,"status_text":""}}`}, answer{}, 0, "-"},
		"a 201 that says nothing":   {answer{201, "", `{}`}, answer{}, 0, "-"},
		"a 200 with a number":       {answer{200, "", `{"status":3}`}, answer{}, 0, "Failed"},
		"ended, in lower case":      {answer{201, "", in("succeeded")}, answer{}, 0, "-"},
		"done, and yet a Location":  {answer{200, "Location", in("Succeeded")}, answer{}, 0, "-"},
		"a state nobody knows":      {answer{200, "", in("Rebuilding")}, answer{200, "", in("Canceled")}, 1, "Canceled"},
		"a number nobody knows":     {answer{200, "", `{"status":77}`}, answer{200, "", `{"status":5}`}, 1, "Failed"},
		"a 201 to look at":          {answer{201, "Location", `{}`}, answer{204, "", ``}, 1, "-"},
		"a 202 alone":               {answer{202, "", ``}, answer{200, "", `{"status":-1}`}, 1, "Canceled"},
		"a page for an answer":      {answer{200, "", `<html>`}, answer{}, 0, ""},
		"a status that is missing":  {answer{202, "Azure-AsyncOperation", ``}, answer{200, "", `{"id":"x"}`}, 1, ""},
		"a status that is no word":  {answer{202, "Azure-AsyncOperation", ``}, answer{200, "", `{"status":""}`}, 1, ""},
		"nothing left to say":       {answer{202, "Azure-AsyncOperation", ``}, answer{204, "", ``}, 1, "-"},
		"a page where to look":      {answer{202, "Location", ``}, answer{200, "", `<html>`}, 1, ""},
		"a partial success":         {answer{202, "", ``}, answer{200, "", `{"properties":{"status":6}}`}, 1, "-"},
		"Location says it is over":  {answer{202, "Location", ``}, answer{200, "", ``}, 1, "-"},
		"Location says it went bad": {answer{202, "Location", ``}, answer{200, "", in("Failed")}, 1, "Failed"},
	} {
		t.Run(name, func(t *testing.T) {
			looks := 0
			server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				a := c.first
				if r.Method == http.MethodGet {
					looks++
					a = c.second
				}
				if a.header != "" {
					rw.Header().Set(a.header, "http://"+r.Host+"/subscriptions/s/operations/1?api-version=1")
				}
				rw.WriteHeader(a.status)
				write(rw, a.body)
			}))
			defer server.Close()
			err := managerAt(server).OneDeploy(t.Context(), packageURI)
			if c.code == "-" && err != nil {
				t.Error(err)
			} else if c.code != "-" {
				verdict := map[string]collect.Verdict{"Failed": collect.JudgesUs, "Canceled": collect.Temporary, "": collect.Broken}[c.code]
				wantFault(t, err, verdict, c.code)
			}
			if looks != c.looks {
				t.Errorf("looked %d times, want %d", looks, c.looks)
			}
		})
	}
}

// What is done needs no looking at, wherever that would be.
func TestManagerIgnoresAddressesOfWhatIsDone(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Location", "https://elsewhere.example/x")
		write(rw, `{"properties":{"provisioningState":"Succeeded"}}`)
	}))
	defer server.Close()
	if err := managerAt(server).OneDeploy(t.Context(), packageURI); err != nil {
		t.Error(err)
	}
}

// An address to look at is a stranger's word.
func TestManagerRefusesAnAddressToLookAt(t *testing.T) {
	for name, tail := range map[string]string{
		"another host":   "https://elsewhere.example/x?sig=signed",
		"another port":   "http://127.0.0.1:1/x",
		"another scheme": "https://HOST/x",
		"user info":      "http://HOST@elsewhere.example/x",
		"user info, too": "http://user:signed@HOST/x",
		"no host":        "/subscriptions/x",
		"no scheme":      "//HOST/x",
		"opaque":         "http:HOST/x",
		"a backslash":    `http://HOST\@elsewhere.example/`,
		"dots":           "http://HOST/a/../b",
		"encoded slash":  "http://HOST/a%2fb",
		"a fragment":     "http://HOST/a#b",
		"no URL":         "http://HOST/%zz?sig=signed",
	} {
		t.Run(name, func(t *testing.T) {
			looked := false
			server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					looked = true
					return
				}
				rw.Header().Set("Azure-AsyncOperation", strings.ReplaceAll(tail, "HOST", r.Host))
				rw.WriteHeader(http.StatusAccepted)
			}))
			defer server.Close()
			err := managerAt(server).OneDeploy(t.Context(), packageURI)
			if wantFault(t, err, collect.JudgesUs, ""); looked || leaksOf(err) != "" || strings.Contains(err.Error(), "signed") {
				t.Errorf("looked: %v; %v", looked, err)
			}
		})
	}
}
