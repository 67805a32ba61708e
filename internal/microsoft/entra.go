package microsoft

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// unredirected copies a client so that it follows no redirect and keeps no
// cookies, however it was made.
func unredirected(client *http.Client) *http.Client {
	c := *client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Jar = nil
	return &c
}

// A guard carries azidentity's requests. The token endpoint is what the discovery
// document says, and that is a stranger's word: a secret leaves for the
// configured authority or not at all.
type guard struct {
	authority *url.URL
	client    *http.Client
}

func (g *guard) Do(req *http.Request) (*http.Response, error) {
	if !wire.SameOrigin(req.URL, g.authority) {
		err := &collect.Fault{Verdict: collect.JudgesUs, Err: fmt.Errorf(
			"refuse to send credentials to %s: it is not AZURE_AUTHORITY_HOST", wire.Printable(req.URL.Host))}
		note(req.Context(), err)
		return nil, err
	}
	resp, err := g.client.Do(req)
	if err != nil {
		err = wire.Redact(err)
	}
	note(req.Context(), err) // also nil: the last exchange tells
	return resp, err
}

// A sighting is what went wrong underneath azidentity, which keeps errors only
// as text and puts bodies, tokens included, into that text.
type sighting struct{ err error }

type sightingKey struct{}

func witness(ctx context.Context) (context.Context, *sighting) {
	s := &sighting{}
	return context.WithValue(ctx, sightingKey{}, s), s
}

func note(ctx context.Context, err error) {
	if s, ok := ctx.Value(sightingKey{}).(*sighting); ok {
		s.err = err
	}
}

// judge classifies a failure to get a token. Nothing of the error's own text
// survives, and nothing of the answer's but its codes.
func (t *Tokens) judge(ctx context.Context, tenant string, err error, seen *sighting) error {
	failed, _ := errors.AsType[*azidentity.AuthenticationFailedError](err)
	fault, isFault := errors.AsType[*collect.Fault](seen.err)
	switch {
	case ctx.Err() != nil:
		fault = &collect.Fault{Err: context.Cause(ctx)}
	case isFault:
	case seen.err != nil:
		fault = network(ctx, seen.err)
	case failed != nil && failed.RawResponse != nil:
		fault = t.judgeAnswer(failed.RawResponse)
	default:
		fault = &collect.Fault{Err: errors.New("the authority does not answer as Entra does: check AZURE_AUTHORITY_HOST and any proxy in between")}
	}
	return &collect.Fault{Verdict: fault.Verdict, RetryAfter: fault.RetryAfter, Code: fault.Code,
		Err: fmt.Errorf("get token for tenant %s: %w", tenant, fault.Err)}
}

var (
	aadsts     = regexp.MustCompile(`AADSTS(\d{4,9})`)
	oauthError = regexp.MustCompile(`^[a-z_]{1,40}$`)
)

// judgeAnswer reads an OAuth error (RFC 6749, 5.2) with Entra's codes in it.
func (t *Tokens) judgeAnswer(resp *http.Response) *collect.Fault {
	body, _ := runtime.Payload(resp) // what azidentity has read already; without it the status speaks
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Codes       []int  `json:"error_codes"`
	}
	_ = json.Unmarshal(body, &answer) // a body that is no JSON leaves the status to speak
	number := ""
	if m := aadsts.FindStringSubmatch(answer.Description); m != nil {
		number = m[1]
	} else if len(answer.Codes) > 0 {
		number = strconv.Itoa(answer.Codes[0])
	}
	fault := &collect.Fault{Verdict: collect.JudgesUs, Code: strconv.Itoa(resp.StatusCode)}
	if number != "" {
		fault.Code = "AADSTS" + number
	}
	if !oauthError.MatchString(answer.Error) {
		answer.Error = "no OAuth error"
	}
	advice, known := t.advice(number)
	switch {
	case temporaryStatus(resp.StatusCode), answer.Error == "temporarily_unavailable", number == "90033":
		fault.Verdict, fault.RetryAfter = collect.Temporary, wire.RetryAfter(resp.Header, time.Now())
		fault.Err = fmt.Errorf("the authority is not available (%s)", answer.Error)
	case known:
		fault.Err = errors.New(advice)
	case resp.StatusCode/100 == 3:
		fault.Err = errors.New("the authority redirects, and redirects are not followed: check AZURE_AUTHORITY_HOST")
	case answer.Error == "invalid_client":
		fault.Err = fmt.Errorf("the proof of the application is refused: check %s", t.setting)
	case resp.StatusCode == http.StatusNotFound:
		fault.Err = errors.New("the authority knows no such address: check AZURE_AUTHORITY_HOST and APP_TENANT_ID")
	default:
		fault.Err = fmt.Errorf("the application is refused (%s): look the code up in Microsoft's list of sign-in errors", answer.Error)
	}
	return fault
}

func temporaryStatus(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooEarly ||
		status == http.StatusTooManyRequests || status >= 500
}

// advice says what to do about an AADSTS code (Microsoft Learn, "Microsoft Entra
// authentication and authorization error codes").
func (t *Tokens) advice(code string) (string, bool) {
	switch code {
	case "7000215":
		return "APP_CLIENT_SECRET is wrong: use the secret's value, not its id", true
	case "7000222":
		return "APP_CLIENT_SECRET has expired: make a new client secret", true
	case "7000216", "7000218":
		return "the proof of the application is missing or not taken: check " + t.setting, true
	case "700027":
		return "the signature does not match: register the certificate of APP_CLIENT_CERTIFICATE with the app registration", true
	case "700024":
		return "this machine's clock is wrong: the proof of the application is not valid yet, or not any more", true
	case "70021", "700211", "700212", "700213":
		return "no federated credential of the app registration matches: add one for APP_FEDERATED_IDENTITY", true
	case "700016":
		return "APP_CLIENT_ID is not known in this tenant: check it, APP_TENANT_ID, and that an admin consented", true
	case "7000229", "7000112":
		return "the application has no enabled service principal in this tenant: an admin must consent or enable it", true
	case "90002", "900023":
		return "there is no such tenant in this cloud: check APP_TENANT_ID and AZURE_CLOUD", true
	case "90038", "900382", "900432":
		return "the tenant lives in another cloud: check AZURE_CLOUD", true
	case "500011", "650052", "650057", "1002012", "70011":
		return "the API is not available to the tenant: check AZURE_CLOUD and O365_MANAGEMENT_URL, and that the app has permissions on Office 365 Management APIs", true
	case "53003":
		return "a conditional access policy blocks the application", true
	}
	return "", false
}

// judgeIdentity classifies a managed identity's failure to make an assertion.
func judgeIdentity(err error) error {
	fault := &collect.Fault{Err: errors.New("ask the platform for the managed identity of APP_FEDERATED_IDENTITY: no usable answer")}
	failed, ok := errors.AsType[*azidentity.AuthenticationFailedError](err)
	if !ok || failed.RawResponse == nil || temporaryStatus(failed.RawResponse.StatusCode) {
		return fault
	}
	fault.Verdict, fault.Code = collect.JudgesUs, strconv.Itoa(failed.RawResponse.StatusCode)
	fault.Err = errors.New("the platform has no such managed identity: assign the user-assigned identity of APP_FEDERATED_IDENTITY to this host")
	return fault
}
