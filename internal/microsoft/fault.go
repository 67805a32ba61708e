package microsoft

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// maxErrorBody is how much of an error's body is searched for its code; its
// message may hold a server's stack trace.
const maxErrorBody = 64 << 10

// An apiError is what can be read out of an unsuccessful answer.
type apiError struct {
	status  int
	code    string // such as "AF20022"; empty if the API's "code" is free text or missing
	message string // the API's own words, cleaned
}

var afCode = regexp.MustCompile(`\bAF\d{3,5}\b`)

// parseError reads an error body, which may be {"error":{"code","message"}} with
// free text for a code, {"Message"}, HTML or nothing.
func parseError(status int, body []byte) apiError {
	e := apiError{status: status}
	var answer struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &answer) != nil {
		text := string(body)
		e.code, e.message = afCode.FindString(text), text
	} else if afCode.FindString(answer.Error.Code) == answer.Error.Code {
		e.code, e.message = answer.Error.Code, answer.Error.Message+answer.Message
	} else {
		e.message = answer.Error.Code + " " + answer.Error.Message + answer.Message
	}
	return e
}

// auditingOff recognises what the API answers for a tenant whose unified audit
// log is switched off. It is the one case that has no code.
func (e apiError) auditingOff() bool {
	_, after, found := strings.Cut(e.message, "DataServiceException: Tenant")
	return found && strings.Contains(after, "does not exist")
}

// throttled: the code, then the status, then the text; the API has been seen to
// throttle with a 403.
func (e apiError) throttled() bool {
	if e.code != "" {
		return e.code == "AF429"
	}
	return e.status == http.StatusTooManyRequests ||
		e.status == http.StatusForbidden && strings.Contains(e.message, "Too many requests")
}

// verdicts and advice by code (Management Activity API reference, "Errors"). The
// words are ours: the API's change, and may repeat the request's address.
var advices = map[string]struct {
	verdict collect.Verdict
	advice  string
}{
	"AF10001": {collect.JudgesUs, "the token lacks the permission: grant the application permission ActivityFeed.Read (for DLP.All also ActivityFeed.ReadDlp) with admin consent"},
	"AF20001": {collect.JudgesUs, "the API misses a parameter"},
	"AF20002": {collect.JudgesUs, "the API refuses a parameter: APP_TENANT_ID must be a GUID"},
	"AF20003": {collect.JudgesUs, "the webhook's expiration is in the past: check this machine's clock"},
	"AF20010": {collect.JudgesUs, "the token belongs to another tenant than the address: check APP_TENANT_ID"},
	"AF20011": {collect.JudgesUs, "the tenant does not exist or was deleted: check APP_TENANT_ID and AZURE_CLOUD"},
	"AF20012": {collect.JudgesUs, "the tenant is not configured properly at Microsoft"},
	"AF20013": {collect.JudgesUs, "the tenant is no GUID: check APP_TENANT_ID"},
	"AF20020": {collect.JudgesUs, "the content type is not known: check O365_CONTENT_STREAMS"},
	"AF20021": {collect.JudgesUs, "the webhook could not be validated: PUBLIC_URL must be reachable from the internet and begin with https://"},
	"AF20022": {collect.JudgesUs, "there is no subscription for the content type: it must be started"},
	"AF20023": {collect.JudgesUs, "the subscription is disabled: it must be started again"},
	"AF20024": {collect.JudgesUs, "the subscription is enabled already"},
	"AF20030": {collect.JudgesUs, "the time range is refused (at most 24 h, at most 7 days back): check this machine's clock"},
	"AF20031": {collect.Temporary, "the next page is not known any more: list the window again from its first page"},
	"AF20050": {collect.Missing, "the content does not exist"},
	"AF20051": {collect.Expired, "the content has expired"},
	"AF20052": {collect.JudgesUs, "the content's id is refused: usually the wrong tenant or the wrong AZURE_CLOUD"},
	"AF20055": {collect.JudgesUs, "the time range is refused (at most 24 h, at most 7 days back): check this machine's clock"},
	"AF429":   {collect.Temporary, "too many requests for this tenant"},
}

// fault classifies: by code, then by status, then by text. fetching says that
// the request was for a content, which may be missing. Its code is the API's own,
// or AF429 for whatever throttles, auditing-off (a word of ours), or the status.
func (e apiError) fault(fetching bool) *collect.Fault {
	f := &collect.Fault{Verdict: collect.JudgesUs, Code: e.code}
	if f.Code == "" {
		f.Code = strconv.Itoa(e.status)
	}
	known, ok := advices[e.code]
	switch {
	case ok:
		f.Verdict, f.Err = known.verdict, errors.New(known.advice)
		if e.code == "AF20001" || e.code == "AF20002" || e.code == "AF20021" { // these say in words which one, or why
			f.Err = e.words(known.advice)
		}
	case e.throttled():
		f.Verdict, f.Code, f.Err = collect.Temporary, "AF429", errors.New(advices["AF429"].advice)
	case strings.HasPrefix(e.code, "AF5"):
		f.Verdict, f.Err = collect.Temporary, errors.New("the API has an internal error")
	case e.auditingOff():
		f.Code, f.Err = "auditing-off", errors.New("unified audit logging is off, or was turned on less than 60 minutes ago: turn it on in the Microsoft Purview portal")
	case temporaryStatus(e.status):
		f.Verdict, f.Err = collect.Temporary, e.words("the API is not available")
	case e.status == http.StatusNotFound && fetching:
		f.Verdict, f.Err = collect.Missing, errors.New(advices["AF20050"].advice)
	case e.status == http.StatusNotFound:
		f.Err = errors.New("the API knows no such address: check O365_MANAGEMENT_URL and AZURE_CLOUD")
	case e.status == http.StatusUnauthorized:
		f.Err = errors.New("a new token was refused too: check AZURE_CLOUD, O365_MANAGEMENT_URL and the app's permissions on Office 365 Management APIs")
	default:
		f.Err = e.words("the API refuses the request")
	}
	return f
}

// words adds what the API says where we know no better.
func (e apiError) words(what string) error {
	message := wire.Printable(e.message)
	if message == "" {
		return errors.New(what)
	}
	return fmt.Errorf("%s: %s", what, message)
}

// queries and bearers are what an answer may repeat of a request and no error may.
var (
	queries = regexp.MustCompile(`[?&][^\s"'<>]*`)
	bearers = regexp.MustCompile(`(?i)\bbearer[ :=]+[^\s"'<>]+`)
)

// judgeAnswer reads an unsuccessful answer and closes it.
func judgeAnswer(resp *http.Response, fetching bool, secrets ...string) (apiError, *collect.Fault) {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // what arrived before an error is all there is to say
	wire.Discard(resp)
	if resp.StatusCode/100 == 3 {
		return apiError{}, &collect.Fault{Verdict: collect.JudgesUs, Code: strconv.Itoa(resp.StatusCode), Err: fmt.Errorf(
			"the API redirects to %s, and redirects are not followed: check O365_MANAGEMENT_URL", locationHost(resp))}
	}
	e := parseError(resp.StatusCode, body)
	e.message = wire.Scrub(e.message, secrets...)
	e.message = bearers.ReplaceAllString(queries.ReplaceAllString(e.message, "***"), "***")
	f := e.fault(fetching)
	if f.Verdict == collect.Temporary {
		f.RetryAfter = wire.RetryAfter(resp.Header, time.Now())
	}
	return e, f
}

func locationHost(resp *http.Response) string {
	to, err := url.Parse(resp.Header.Get("Location"))
	switch {
	case err != nil:
		return "no valid address"
	case to.Host == "":
		return "another path of the same host"
	}
	return wire.Printable(to.Host)
}
