package microsoft_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
)

func TestAnswersAreClassified(t *testing.T) {
	af := func(code string) string { return `{"error":{"code":"` + code + `","message":"words that change"}}` }
	auditingOff := `{"error":{"code":"StartSubscription [CorrId=1][TenantId=2,ContentType=Audit.Exchange","message":"3] failed. Exception: Microsoft.Office.Compliance.Audit.DataServiceException: Tenant 2 does not exist.\r\n   at X"}}`
	const temporary, us = collect.Temporary, collect.JudgesUs
	cases := map[string]struct {
		status  int
		body    string
		verdict collect.Verdict // of a content's answer
		code    string
		list    collect.Verdict // of a list's answer
	}{
		"throttled with 403":       {403, af("AF429"), temporary, "AF429", temporary},
		"throttled with 429":       {429, af("AF429"), temporary, "AF429", temporary},
		"throttled without a body": {429, ``, temporary, "AF429", temporary},
		"throttled in words":       {403, `{"error":{"code":"","message":"Too many requests. Method=GetBlob"}}`, temporary, "AF429", temporary},
		"forbidden":                {403, `{"Message":"no"}`, us, "403", us},
		"gateway's 401":            {401, `{"Message":"Authorization has been denied for this request."}`, us, "401", us},
		"permission missing":       {401, af("AF10001"), us, "AF10001", us},
		"wrong tenant":             {400, af("AF20010"), us, "AF20010", us},
		"no subscription":          {400, af("AF20022"), us, "AF20022", us},
		"disabled":                 {400, af("AF20023"), us, "AF20023", us},
		"old page":                 {400, af("AF20031"), temporary, "AF20031", temporary},
		"missing":                  {404, af("AF20050"), collect.Missing, "AF20050", collect.Missing},
		"missing, without a code":  {404, `<html>`, collect.Missing, "404", us},
		"missing, with 400":        {400, af("AF20050"), collect.Missing, "AF20050", collect.Missing},
		"expired":                  {400, af("AF20051"), collect.Expired, "AF20051", collect.Expired},
		"wrong id":                 {400, af("AF20052"), us, "AF20052", us},
		"wrong window":             {400, af("AF20055"), us, "AF20055", us},
		"unknown code":             {400, af("AF29999"), us, "AF29999", us},
		"internal":                 {500, af("AF50000"), temporary, "AF50000", temporary},
		"internal with 400":        {400, af("AF50006"), temporary, "AF50006", temporary},
		"front door":               {503, `<html>down</html>`, temporary, "503", temporary},
		"timeout":                  {408, ``, temporary, "408", temporary},
		"auditing off":             {400, auditingOff, us, "auditing-off", us},
		"code in broken JSON":      {400, `{"error":{"code":"AF20051","message":"cut`, collect.Expired, "AF20051", collect.Expired},
		"error is no object":       {400, `{"error":"AF20051"}`, collect.Expired, "AF20051", collect.Expired},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Retry-After", "2.5")
				rw.WriteHeader(c.status)
				write(rw, c.body)
			})
			_, err := drain(w.open(), t, w.content("x"), false)
			wantFault(t, err, c.verdict, c.code)
			if name == "auditing off" && !strings.Contains(err.Error(), "unified audit logging is off") {
				t.Errorf("error %q gives no advice", err)
			}
			if got := collect.RetryAfterOf(err); (got == 2500*time.Millisecond) != (c.verdict == temporary) {
				t.Errorf("Retry-After = %v", got)
			}
			_, err = w.open().Subscriptions(t.Context(), tenant)
			wantFault(t, err, c.list, c.code)
		})
	}
}

func TestUnreachableAPIIsTemporary(t *testing.T) {
	w := newWorld(t, nil)
	feed := w.open()
	w.api.Close()
	_, err := feed.Subscriptions(t.Context(), tenant)
	wantFault(t, err, collect.Temporary, "")
	if leak := leaksOf(err); leak != "" {
		t.Errorf("error %q tells %q", err, leak)
	}
}

// What the subscriptions' keeper must tell apart, it can tell by the code alone,
// whatever it asked for.
func TestCodesOfASubscription(t *testing.T) {
	af := func(status int, code string) http.HandlerFunc { return refuse(status, code, "words that change") }
	entra := func(status int, code string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			writeJSON(rw, status, map[string]string{"error": "invalid_client", "error_description": code + ": words."})
		}
	}
	cases := map[string]struct {
		api, entra http.HandlerFunc
		code       string
		verdict    collect.Verdict
	}{
		"permission missing":    {af(401, "AF10001"), nil, "AF10001", collect.JudgesUs},
		"auditing off":          {refuse(400, "StartSubscription [CorrId=1][AppId", "2] failed. Exception: X.DataServiceException: Tenant 3 does not exist.\r\n at Y"), nil, "auditing-off", collect.JudgesUs},
		"webhook not validated": {af(400, "AF20021"), nil, "AF20021", collect.JudgesUs},
		"no subscription":       {af(400, "AF20022"), nil, "AF20022", collect.JudgesUs},
		"disabled":              {af(400, "AF20023"), nil, "AF20023", collect.JudgesUs},
		"throttled":             {af(403, "AF429"), nil, "AF429", collect.Temporary},
		"throttled by status":   {af(429, ""), nil, "AF429", collect.Temporary},
		"other tenant":          {af(400, "AF20010"), nil, "AF20010", collect.JudgesUs},
		"no such tenant":        {af(400, "AF20011"), nil, "AF20011", collect.JudgesUs},
		"no tenant's id":        {af(400, "AF20013"), nil, "AF20013", collect.JudgesUs},
		"something new":         {af(400, ""), nil, "400", collect.JudgesUs},
		"wrong secret":          {nil, entra(401, "AADSTS7000215"), "AADSTS7000215", collect.JudgesUs},
		"expired secret":        {nil, entra(401, "AADSTS7000222"), "AADSTS7000222", collect.JudgesUs},
		"no such application":   {nil, entra(400, "AADSTS700016"), "AADSTS700016", collect.JudgesUs},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.api)
			w.app = c.api
			if c.entra != nil {
				w.token = c.entra
			}
			errs := everything(t.Context(), w)
			for _, call := range []string{"list", "start", "contents"} {
				fault, ok := errors.AsType[*collect.Fault](errs[call])
				if !ok || fault.Code != c.code || fault.Verdict != c.verdict {
					t.Errorf("%s: %v", call, errs[call])
				}
			}
		})
	}
}
