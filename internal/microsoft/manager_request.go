package microsoft

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// maxManagerAnswer bounds an answer, in bytes. It is ours, and far above what any
// site has in app settings.
const maxManagerAnswer = 4 << 20

// A question is one request to Resource Manager. Its address has been checked.
type question struct {
	method    string
	address   *url.URL
	body      []byte
	operation bool // asks how an operation goes
}

// A reply is a successful answer, read whole.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// ask asks, once more with a new token if the first is refused.
func (m *Manager) ask(ctx context.Context, q question) (reply, error) {
	scope := m.base.String() + "/.default"
	token, err := m.token(ctx, scope)
	if err != nil {
		return reply{}, explain("get a token for Azure Resource Manager", err)
	}
	r, err := m.attempt(ctx, q, token)
	if fault, ok := errors.AsType[*collect.Fault](err); !ok || fault.Code != "401" {
		return r, err
	}
	if token, err = m.renew(ctx, scope, token); err != nil {
		return reply{}, explain("get a new token for Azure Resource Manager", err)
	}
	return m.attempt(ctx, q, token)
}

func (m *Manager) attempt(ctx context.Context, q question, token string) (reply, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, ManagerPatience, errManagerSilent)
	defer cancel()
	// An empty POST says Content-Length: 0: Go sends it for a reader of no bytes.
	req, err := http.NewRequestWithContext(ctx, q.method, q.address.String(), bytes.NewReader(q.body))
	if err != nil {
		return reply{}, &collect.Fault{Verdict: collect.JudgesUs, Err: errors.New("the address cannot be asked for: check AZURE_RESOURCE_MANAGER_URL")}
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if len(q.body) > 0 {
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	resp, err := m.client.Do(req)
	if err != nil {
		return reply{}, network(ctx, err)
	}
	defer wire.Discard(resp)
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxManagerAnswer)) // what is cut off is no JSON any more
	switch {
	case resp.StatusCode/100 != 2:
		return reply{}, judgeManager(resp, body, q.operation)
	case err != nil:
		return reply{}, network(ctx, err)
	}
	return reply{resp.StatusCode, resp.Header, body}, nil
}

// judgeManager classifies by the status. Of the words only the code is told: the
// message may repeat an app setting or the package's address.
func judgeManager(resp *http.Response, body []byte, operation bool) *collect.Fault {
	fault := &collect.Fault{Verdict: collect.JudgesUs, Code: strconv.Itoa(resp.StatusCode)}
	said := ""
	if code := managerCode(body); code != "" {
		said = " (" + code + ")"
	}
	switch status := resp.StatusCode; {
	case temporaryStatus(status):
		fault.Verdict, fault.Err = collect.Temporary, errors.New("Azure Resource Manager is not available"+said)
	case status == http.StatusConflict:
		fault.Verdict, fault.Err = collect.Temporary, errors.New("another operation on the site is going on, or it is locked"+said)
	case status == http.StatusPreconditionFailed:
		fault.Verdict, fault.Err = collect.Temporary, errors.New("somebody else changed it at the same time"+said)
	case status/100 == 3:
		fault.Err = fmt.Errorf("it redirects to %s, and redirects are not followed: check AZURE_RESOURCE_MANAGER_URL", locationHost(resp))
	case status == http.StatusUnauthorized:
		fault.Err = errors.New("a new token was refused too: check AZURE_CLOUD and AZURE_RESOURCE_MANAGER_URL" + said)
	case status == http.StatusForbidden && operation:
		fault.Err = errors.New("the deployment began, but how it goes may not be asked: it may need a role on the resource group; see in the site itself what it runs" + said)
	case status == http.StatusNotFound && operation:
		fault.Err = errors.New("the deployment began, but nothing is known of it any more: see in the site itself what it runs" + said)
	case status == http.StatusForbidden: // also for a site that does not exist: "or the scope is invalid"
		fault.Err = errors.New("the identity lacks the role Website Contributor on the site: deploy the template with its parameter selfUpdate set to true; or there is no such site: check APP_SUBSCRIPTION_ID, APP_RESOURCE_GROUP and WEBSITE_SITE_NAME" + said)
	case status == http.StatusNotFound:
		fault.Err = errors.New("there is no such site: check APP_SUBSCRIPTION_ID, APP_RESOURCE_GROUP and WEBSITE_SITE_NAME" + said)
	default:
		fault.Err = errors.New("Azure Resource Manager refuses the request" + said)
	}
	if fault.Verdict == collect.Temporary {
		fault.RetryAfter = wire.RetryAfter(resp.Header, time.Now())
	}
	return fault
}

// word is what codes and states look like; anything longer or odder is not told.
var word = regexp.MustCompile(`^[A-Za-z]{1,64}$`)

// managerCode reads the code out of {"error":{"code","message"}}, in which App
// Service also writes {"Code","Message"}; empty if there is none.
func managerCode(body []byte) string {
	var answer struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
		Code string `json:"code"` // encoding/json reads it in any case
	}
	_ = json.Unmarshal(body, &answer) // what is no JSON leaves the status to speak
	for _, code := range []string{answer.Error.Code, answer.Code} {
		if word.MatchString(code) {
			return code
		}
	}
	return ""
}
