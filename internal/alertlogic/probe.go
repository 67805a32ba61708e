package alertlogic

import (
	"context"
	"net"
	"net/http"
	"net/url"
)

// Authenticate fetches a fresh token, whatever the age of the one we have, and
// uses it from then on: AIMS may end the older one. nil: the access key is good.
func (c *Client) Authenticate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	stale := func(*session) bool { return false }
	_, err := c.session.get(ctx, stale, func(ctx context.Context, _ *session) (*session, error) {
		return c.authenticate(ctx)
	})
	return err
}

// Endpoints are the addresses in use, set or looked up, as host:port for the list
// of a firewall. With an error, one that is not known is empty.
func (c *Client) Endpoints(ctx context.Context) (ingest, azcollect string, err error) {
	at, err := c.base(ctx, "ingest")
	if err != nil {
		return "", "", err
	}
	ingest = hostPort(at)
	if at, err = c.base(ctx, "azcollect"); err != nil {
		return ingest, "", err
	}
	return ingest, hostPort(at), nil
}

func hostPort(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "http":
		port = "80"
	default:
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// Probe asks whether ingest can be reached and takes our token, and leaves
// nothing behind: a GET where batches are posted. Most likely that page answers
// 404 or 405, which says all the same that name, route, certificate and token
// are in order.
//
// It cannot show that batches are taken: the stream may be wrong, the account
// without a right to send, the identity unknown, a body refused. Nor that it is
// ingest that answers (any server has a 404), nor, if that looks for the page
// before the token, that the token is good.
func (c *Client) Probe(ctx context.Context) error {
	return c.do(ctx, call{
		method: http.MethodGet, service: "ingest",
		path: []string{"data", "logmsgs"},
		good: judgesTheRequest,
	}, nil)
}

// judgesTheRequest tells a 4xx about the request from one about who sends it, by
// what way and how often: nobody need have looked at the token for those.
func judgesTheRequest(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired,
		http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status/100 == 4
}
