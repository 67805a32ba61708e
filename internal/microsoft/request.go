package microsoft

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// A request is one question to the API. Its address has been checked.
type request struct {
	verb     string // what we are doing, for errors
	tenant   string
	method   string
	address  *url.URL
	body     []byte
	secret   string // what of body no error may repeat
	fetching bool   // for a content, which may be missing
}

// send asks, once more with a new token if the first is refused, and returns a
// successful answer, whose body the caller closes.
func (f *Feed) send(ctx context.Context, r request) (*http.Response, error) {
	if !f.tenants[r.tenant] {
		return nil, &collect.Fault{Verdict: collect.JudgesUs, Err: fmt.Errorf("%s: tenant %q is not configured", r.verb, r.tenant)}
	}
	query := r.address.Query()
	for key := range query {
		if strings.EqualFold(key, "PublisherIdentifier") {
			query.Del(key)
		}
	}
	query.Set("PublisherIdentifier", f.publisher)
	r.address.RawQuery = query.Encode()
	for first := true; ; first = false {
		resp, err := f.attempt(ctx, r, first)
		if err != nil {
			return nil, explain(r.verb, err)
		}
		if resp != nil {
			return resp, nil
		}
	}
}

// attempt sends the request. Neither answer nor error means that the token was
// refused for the first time and the next one will be new.
func (f *Feed) attempt(ctx context.Context, r request, first bool) (*http.Response, error) {
	lane := f.lane(r.tenant)
	if err := lane.enter(ctx); err != nil {
		return nil, err
	}
	token, err := f.tokens.Token(ctx, r.tenant, f.base.String())
	if err != nil {
		return nil, err
	}
	asking, cancel := context.WithCancelCause(ctx) // ends with the answer's body, which owns it
	// An empty POST says Content-Length: 0, as IIS demands: Go sends it for a reader of no bytes.
	req, err := http.NewRequestWithContext(asking, r.method, r.address.String(), bytes.NewReader(r.body))
	if err != nil {
		defer cancel(nil)
		return nil, &collect.Fault{Verdict: collect.JudgesUs, Err: errors.New("the address cannot be asked for")}
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept-Encoding", "gzip")
	if len(r.body) > 0 {
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	resp, err := f.client.Do(req)
	if err != nil {
		defer cancel(nil)
		return nil, network(ctx, err)
	}
	f.clock.observe(resp)
	unzip(resp)
	resp.Body = newBody(asking, cancel, resp.Body, f.idle, f.maxBytes)
	if resp.StatusCode/100 == 2 {
		lane.passed()
		return resp, nil
	}
	answer, fault := judgeAnswer(resp, r.fetching, token, r.secret)
	switch {
	case answer.throttled():
		lane.throttled(fault.RetryAfter)
		f.throttled()
	case resp.StatusCode == http.StatusUnauthorized && first:
		return nil, f.tokens.Renew(ctx, r.tenant, f.base.String(), token)
	}
	return nil, fault
}

// maxAnswer bounds what is small by nature and held in memory whole, some hundred times
// the pages of a list that have been seen. What a content may have is another matter.
const maxAnswer = 16 << 20

// read asks and returns the whole body, for answers that are small by nature.
func (f *Feed) read(ctx context.Context, r request) ([]byte, http.Header, error) {
	resp, err := f.send(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	defer wire.Discard(resp)
	all, err := wire.ReadAll(resp.Body, resp.ContentLength, maxAnswer)
	if err == nil && len(all) > maxAnswer {
		err = &collect.Fault{Verdict: collect.Broken, Err: fmt.Errorf("the answer has more than %d bytes", maxAnswer)}
	}
	if err != nil {
		return nil, nil, explain(r.verb, err)
	}
	return all, resp.Header, nil
}

// network is a request that got no answer. The cause of the context's end is
// said if that is why; the address, with its query, never is.
func network(ctx context.Context, err error) *collect.Fault {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	fault := &collect.Fault{Err: wire.Redact(err)}
	if wire.ProxyRefusesUs(err) {
		fault.Verdict = collect.JudgesUs
	}
	return fault
}

// explain says what we were doing, keeping the fault on the outside.
func explain(verb string, err error) error {
	fault, ok := errors.AsType[*collect.Fault](err)
	if !ok {
		return &collect.Fault{Err: fmt.Errorf("%s: %w", verb, err)}
	}
	told := *fault
	told.Err = fmt.Errorf("%s: %w", verb, fault.Err)
	return &told
}

// stamp is a time as the API documents it: no zone, which means UTC, and whole seconds.
const stamp = "2006-01-02T15:04:05"

// parseStamp reads the API's times; contentCreated has a zone, others may not.
func parseStamp(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t, err = time.Parse("2006-01-02T15:04:05.999999999", s)
	}
	return t.UTC(), err
}
