package alertlogic

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// callTimeout bounds one request with its answer, a renewal of the token and a
// repetition included: an answer that trickles must not hold a lease for ever.
const callTimeout = 2 * time.Minute

// bodyPatience is for the rest of an answer that nobody wants to know.
const bodyPatience = time.Second

// Options of a [Client].
type Options struct {
	// AccessKeyID and SecretKey are the AIMS access key.
	AccessKeyID, SecretKey string
	// API is the base address of AIMS and the endpoints service (APP_AL_API_ENDPOINT).
	API *url.URL
	// Residency chooses the data centre at the endpoints service; empty: default.
	Residency string
	// Ingest and Azcollect are the services' base addresses; nil: looked up.
	Ingest, Azcollect *url.URL
	// HTTP is a client of [wire.Client], which follows no redirect; nil: its default.
	HTTP *http.Client
}

// A Client makes authorised requests. It may be used by many goroutines.
type Client struct {
	options   Options
	session   cell[session]
	ingest    location
	azcollect location
}

// NewClient returns a client; it asks nobody anything yet.
func NewClient(o Options) *Client {
	if o.Residency == "" {
		o.Residency = "default"
	}
	if o.HTTP == nil {
		o.HTTP = wire.Client(wire.Options{})
	}
	return &Client{options: o}
}

// A call is a request to /<service>/v1/<account>/<path...>.
type call struct {
	method  string
	service string
	path    []string // unescaped segments
	header  http.Header
	body    *loan                 // nil: none
	secrets []string              // what the body holds that no error may show
	good    func(status int) bool // which other answers are as good as a 2xx; nil: none
	missing string                // what a 404 means and what to do; empty: the settings are in doubt
}

// do makes a call and gives a 2xx answer to read; nil: nobody wants its body.
// Every other answer becomes a fault.
func (c *Client) do(ctx context.Context, r call, read reader) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	base, err := c.base(ctx, r.service)
	if err != nil {
		return err
	}
	var stale string
	for {
		s, err := c.authorise(ctx, stale)
		if err != nil {
			return err
		}
		secrets := append(r.secrets[:len(r.secrets):len(r.secrets)], s.token)
		resp, err := c.roundTrip(ctx, s.request(ctx, base, r), r.service, secrets...)
		if err != nil {
			return err
		}
		if resp.StatusCode == http.StatusUnauthorized && stale == "" {
			wire.Discard(resp)
			stale = s.token
			continue
		}
		if r.good != nil && r.good(resp.StatusCode) {
			wire.Discard(resp)
			return nil
		}
		if read == nil { // the status says it all: a body that does not come is not waited for
			defer time.AfterFunc(bodyPatience, cancel).Stop()
		}
		return c.answer(resp, r, read, secrets...)
	}
}

// request makes a call's request with the session's token.
func (s *session) request(ctx context.Context, base *url.URL, r call) *http.Request {
	req := newRequest(ctx, r.method, base, append([]string{r.service, "v1", s.account}, r.path...)...)
	for name, values := range r.header {
		req.Header[name] = values
	}
	req.Header.Set("X-Aims-Auth-Token", s.token)
	if r.body != nil {
		r.body.lendTo(req)
	}
	return req
}

// newRequest addresses segments below a base. They are escaped, so that none
// adds a path of its own.
func newRequest(ctx context.Context, method string, base *url.URL, segments ...string) *http.Request {
	u := *base
	u.Path = base.Path + "/" + strings.Join(segments, "/")
	for i, segment := range segments {
		segments[i] = url.PathEscape(segment)
	}
	u.RawPath = base.EscapedPath() + "/" + strings.Join(segments, "/")
	header := http.Header{"Accept": {"application/json"}}
	return (&http.Request{Method: method, URL: &u, Host: u.Host, Header: header}).WithContext(ctx)
}

// roundTrip sends a request. An answer of any status is no error.
func (c *Client) roundTrip(ctx context.Context, req *http.Request, service string, secrets ...string) (*http.Response, error) {
	resp, err := c.options.HTTP.Do(req)
	if err == nil {
		return resp, nil
	}
	if ctx.Err() == nil {
		c.doubt(service) // its host may have moved
	}
	fault := &collect.Fault{Verdict: collect.Temporary, Err: fmt.Errorf("ask %s: %w", service, c.hush(wire.Redact(err), secrets))}
	if wire.ProxyRefusesUs(err) {
		fault.Verdict = collect.JudgesUs
	}
	return nil, fault
}
