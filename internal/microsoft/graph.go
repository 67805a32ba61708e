package microsoft

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

const (
	// hintLength: Graph shows the first three characters of a secret and no more
	// (Microsoft Graph reference, "passwordCredential", hint).
	hintLength = 3

	// One secret takes some 300 bytes in the answer, and few apps have ten.
	maxGraphAnswer = 1 << 20
	graphPatience  = time.Minute
)

var errGraphSilent = fmt.Errorf("no whole answer within %v", graphPatience)

// SecretExpiry asks Microsoft Graph when APP_CLIENT_SECRET ends. The tenant is the
// one in which the application is registered. The end is not known, which is no
// error, if there is no secret or no Graph, if the application may not read itself
// there (Application.Read.All lets it), and if none or several of its secrets
// begin as ours does. Errors are faults.
func (t *Tokens) SecretExpiry(ctx context.Context, tenant string) (at time.Time, known bool, err error) {
	if t.hint == "" || t.cloud.Graph == nil {
		return time.Time{}, false, nil
	}
	answer, err := t.application(ctx, tenant)
	if err == nil && answer != nil {
		at, known, err = endOf(answer, t.hint)
	}
	if err != nil {
		return time.Time{}, false, explain("ask Microsoft Graph when APP_CLIENT_SECRET ends", err)
	}
	return at, known, nil
}

// application reads our own registration; nil if it is not for us to see.
func (t *Tokens) application(ctx context.Context, tenant string) ([]byte, error) {
	base := t.cloud.Graph.String()
	token, err := t.Token(ctx, tenant, base)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, graphPatience, errGraphSilent)
	defer cancel()
	address := base + "/v1.0/applications(appId='" + url.PathEscape(t.app) + "')?$select=passwordCredentials"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, &collect.Fault{Verdict: collect.JudgesUs, Err: errors.New("the address cannot be asked for: check APP_CLIENT_ID")}
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, network(ctx, err)
	}
	defer wire.Discard(resp)
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return nil, nil
	default:
		return nil, judgeGraph(resp)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxGraphAnswer)) // what is cut off is no JSON any more
	if err != nil {
		return nil, network(ctx, err)
	}
	return answer, nil
}

// judgeGraph classifies by the status alone: nothing that Graph could say in
// words changes what is to be done.
func judgeGraph(resp *http.Response) *collect.Fault {
	fault := &collect.Fault{Verdict: collect.JudgesUs, Code: strconv.Itoa(resp.StatusCode)}
	switch {
	case temporaryStatus(resp.StatusCode):
		fault.Verdict, fault.RetryAfter = collect.Temporary, wire.RetryAfter(resp.Header, time.Now())
		fault.Err = errors.New("it is not available")
	case resp.StatusCode/100 == 3:
		fault.Err = fmt.Errorf("it redirects to %s, and redirects are not followed: check AZURE_CLOUD", locationHost(resp))
	default:
		fault.Err = errors.New("it refuses the question: check AZURE_CLOUD and APP_CLIENT_ID")
	}
	return fault
}

// endOf finds the end of the one secret that begins with hint.
func endOf(application []byte, hint string) (at time.Time, known bool, err error) {
	var app struct {
		Passwords []struct {
			Hint string `json:"hint"`        // null for the oldest
			End  string `json:"endDateTime"` // may be null
		} `json:"passwordCredentials"`
	}
	unreadable := &collect.Fault{Verdict: collect.Broken, Err: errors.New("the answer is not the JSON that Graph documents")}
	if json.Unmarshal(application, &app) != nil || app.Passwords == nil {
		return time.Time{}, false, unreadable
	}
	end, alike := "", 0
	for _, p := range app.Passwords {
		if p.Hint == hint {
			end = p.End
			alike++
		}
	}
	if alike != 1 || end == "" {
		return time.Time{}, false, nil
	}
	if at, err = parseStamp(end); err != nil {
		return time.Time{}, false, unreadable
	}
	return at, true, nil
}

// hintOf is what Graph shows of a secret, empty if that would be all of it.
func hintOf(secret string) string {
	letters := []rune(secret)
	if len(letters) <= hintLength {
		return ""
	}
	return string(letters[:hintLength])
}
