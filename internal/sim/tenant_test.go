package sim_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"azcollector/internal/sim"
)

// stopped is a clock that stands at noon.
func stopped() time.Time { return noon }

// date is what the management API's answers are dated.
func (v *visitor) date() string {
	v.Helper()
	_, header, _, err := v.try(v.feed("GET", "subscriptions/list", nil, ""))
	if err != nil {
		v.Fatal(err)
	}
	return header.Get("Date")
}

func TestWithoutAuditingTheTenantDoesNotExist(t *testing.T) {
	v := visit(t, sim.Options{Now: stopped, StartPause: 15 * time.Minute})
	v.w.EditSubscription(exchange, func(*sim.Subscription) {})
	p := v.w.Publish(exchange, [][]byte{plain("1")})
	v.w.SetAuditing(false)
	answer := "DataServiceException: Tenant " + v.w.Settings()["APP_TENANT_ID"] + " does not exist."
	for _, r := range []*http.Request{
		v.start(""),
		v.feed("GET", "subscriptions/list", nil, ""),
		v.feed("GET", "subscriptions/content", window(noon.Add(-time.Hour), noon), ""),
	} {
		v.refused(r, 400, answer)
		v.refused(v.feed("GET", "audit/"+p.Pushed, nil, ""), 200, `"1"`)
	}
	v.w.SetAuditing(true)
	v.refused(v.start(""), 400, "AF20024")
	v.w.RequireClean(t)
	if got := v.w.Unlisted(exchange, noon.Add(-time.Hour), noon); len(got) != 1 {
		t.Errorf("unlisted %v, want what was refused", got)
	}
	v.w.DisableSubscription(exchange)
	v.refused(v.start(""), 403, "AF429")
	v.complains("was started again within 15m") // the refused one was a start
}

func TestSecretExpires(t *testing.T) {
	v := visit(t, sim.Options{})
	v.w.ExpireSecret(true)
	v.refused(form(v.tokenURL(), v.form()), 401, `"error":"invalid_client"`)
	v.refused(form(v.tokenURL(), v.form()), 401, "AADSTS7000222")
	wrong := v.form()
	wrong.Set("client_secret", "x")
	v.refused(form(v.tokenURL(), wrong), 401, "AADSTS7000215")
	v.refused(v.feed("GET", "subscriptions/list", nil, ""), 200, "[]") // by the token from before
	v.w.ExpireSecret(false)
	v.refused(form(v.tokenURL(), v.form()), 200, "access_token")
}

func TestRolesAreNeeded(t *testing.T) {
	const read, dlp = "ActivityFeed.Read", "ActivityFeed.ReadDlp"
	for name, c := range map[string]struct {
		roles []string
		want  []int // list, contents, start, blob; then the last three of DLP.All
	}{
		"both":         {[]string{read, dlp}, []int{200, 200, 200, 200, 200, 200, 200}},
		"without DLP":  {[]string{read}, []int{200, 200, 200, 200, 401, 401, 401}},
		"only DLP":     {[]string{dlp}, []int{401, 401, 401, 401, 401, 401, 401}},
		"another":      {[]string{"ServiceHealth.Read"}, []int{401, 401, 401, 401, 401, 401, 401}},
		"none granted": {nil, []int{401, 401, 401, 401, 401, 401, 401}},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, sim.Options{Now: stopped})
			v.w.SetRoles(c.roles)
			v.refused(v.feed("GET", "subscriptions/list", nil, ""), 200, "") // by the token from before
			v.token = v.signIn()
			requests := []*http.Request{v.feed("GET", "subscriptions/list", nil, "")}
			for _, kind := range []string{exchange, "DLP.All"} {
				v.w.DisableSubscription(kind) // or there were nothing to start
				p := v.w.Publish(kind, [][]byte{plain(kind)})
				of := url.Values{"contentType": {strings.ToLower(kind)}}
				during := window(noon.Add(-time.Hour), noon)
				during.Set("contentType", kind)
				requests = append(requests, v.feed("POST", "subscriptions/start", of, ""),
					v.feed("GET", "subscriptions/content", during, ""), v.feed("GET", "audit/"+p.Listed[0], nil, ""))
			}
			var got []int
			for _, r := range requests {
				status, body := v.ask(r)
				got = append(got, status)
				if text := fmt.Sprintf("The permission set (%s) sent", strings.Join(c.roles, " ")); status != 200 &&
					(!strings.Contains(string(body), text) || !strings.Contains(string(body), "AF10001")) {
					t.Errorf("%s: %d %s, want AF10001 with %q", r.URL.Path, status, body, text)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("answered %v, want %v", got, c.want)
			}
			v.w.RequireClean(t)
		})
	}
}

func TestSkewAtRunTime(t *testing.T) {
	v := visit(t, sim.Options{Now: stopped, Skew: time.Minute})
	if got := v.date(); got != "Tue, 10 Mar 2026 12:01:00 GMT" {
		t.Errorf("Date %q, want a minute ahead", got)
	}
	v.w.SetSkew(-time.Hour)
	if got := v.date(); got != "Tue, 10 Mar 2026 11:00:00 GMT" {
		t.Errorf("Date %q, want an hour behind", got)
	}
}
