package alertlogic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"azcollector/internal/collect"
)

const (
	// renewEarly is how long before its expiry a token is no longer used, so that
	// none expires under way.
	renewEarly = 10 * time.Minute
	// renewLate is how long a token is used at least: with a clock that is wrong by
	// hours we would authenticate for every request. A 401 tells if it is too old.
	renewLate = time.Minute
)

// A session is a token and the account that it is for.
type session struct {
	token   string
	account string
	renew   time.Time
}

// authorise returns a session whose token is not the stale one that a service
// refused; "" if none did. However many found the same token refused, it is
// renewed once.
func (c *Client) authorise(ctx context.Context, stale string) (*session, error) {
	good := func(s *session) bool { return s.token != stale && time.Now().Before(s.renew) }
	return c.session.get(ctx, good, func(ctx context.Context, _ *session) (*session, error) {
		return c.authenticate(ctx)
	})
}

// authenticate exchanges the access key for a token at AIMS.
func (c *Client) authenticate(ctx context.Context) (*session, error) {
	req := newRequest(ctx, http.MethodPost, c.options.API, "aims", "v1", "authenticate")
	req.SetBasicAuth(c.options.AccessKeyID, c.options.SecretKey)
	resp, err := c.roundTrip(ctx, req, "aims")
	if err != nil {
		return nil, err
	}
	var s *session
	err = c.answer(resp, call{service: "aims"}, func(resp *http.Response, _ []string) (err error) {
		s, err = readSession(resp, time.Now())
		return err
	})
	return s, err
}

func readSession(resp *http.Response, now time.Time) (*session, error) {
	var body struct {
		Authentication struct {
			Token      string `json:"token"`
			Expiration int64  `json:"token_expiration"` // seconds since 1970
			Account    struct {
				ID string `json:"id"`
			} `json:"account"`
		} `json:"authentication"`
	}
	if err := into("aims", &body)(resp, nil); err != nil {
		return nil, err
	}
	a := body.Authentication
	switch {
	case a.Token == "" || strings.ContainsFunc(a.Token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, &collect.Fault{Err: errors.New("read the answer of aims: it holds no usable token")}
	case a.Account.ID == "" || a.Account.ID == "." || a.Account.ID == "..":
		return nil, &collect.Fault{Err: fmt.Errorf("read the answer of aims: account id %q is none", a.Account.ID)}
	}
	renew := time.Unix(a.Expiration, 0).Add(-renewEarly)
	if soonest := now.Add(renewLate); renew.Before(soonest) {
		renew = soonest
	}
	return &session{token: a.Token, account: a.Account.ID, renew: renew}, nil
}
