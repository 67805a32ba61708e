package microsoft_test

import (
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
		"throttled without a body": {429, ``, temporary, "429", temporary},
		"throttled in words":       {403, `{"error":{"code":"","message":"Too many requests. Method=GetBlob"}}`, temporary, "403", temporary},
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
		"auditing off":             {400, auditingOff, us, "400", us},
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
