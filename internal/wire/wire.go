// Package wire is what every door needs of HTTP: a client that follows no
// redirect, the check that an address is fit for a secret, and errors that tell
// no secret.
//
// Its one promise: nothing that goes through it leaves for a host that was not
// asked for by name. It knows no API and retries nothing.
package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Options of a [Client]. The zero value is fit for production.
type Options struct {
	// HeaderTimeout bounds the wait for an answer's header, and every silence within its
	// body; 0: 60 s.
	HeaderTimeout time.Duration
	// Connections kept open to one host; 0: 32.
	Connections int
	// Roots replaces the system's certificate authorities.
	Roots *x509.CertPool
}

// Client returns a client that follows no redirect (the 3xx is the answer; Go
// would send custom headers such as x-aims-auth-token on to the new host),
// honours HTTPS_PROXY and verifies certificates.
func Client(o Options) *http.Client {
	if o.HeaderTimeout == 0 {
		o.HeaderTimeout = 60 * time.Second
	}
	if o.Connections == 0 {
		o.Connections = 32
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &Transport{silence: o.HeaderTimeout, Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment,
			OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
				if answer.StatusCode != http.StatusOK {
					return &ProxyError{Status: answer.StatusCode}
				}
				return nil
			},
			DialContext:           (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
			TLSHandshakeTimeout:   15 * time.Second,
			ResponseHeaderTimeout: o.HeaderTimeout,
			ExpectContinueTimeout: time.Second,
			IdleConnTimeout:       90 * time.Second,
			MaxIdleConnsPerHost:   o.Connections,
			ForceAttemptHTTP2:     true,
			// Room for most payloads: what does not fit goes through a buffer that is made for
			// each of them.
			WriteBufferSize: 64 << 10,
			// A connection that a gateway forgot answers nothing and is not closed: without
			// pings every request would be put on it, until the kernel gives it up after
			// a quarter of an hour.
			HTTP2: &http.HTTP2Config{SendPingTimeout: o.HeaderTimeout / 4, PingTimeout: o.HeaderTimeout / 4},
		}},
	}
}

// A ProxyError says that the proxy of HTTPS_PROXY did not let us through. Status
// 407 judges the user and password in that setting; the destination saw nothing.
type ProxyError struct{ Status int }

func (e *ProxyError) Error() string {
	return fmt.Sprintf("connect through HTTPS_PROXY: the proxy answers %d %s", e.Status, http.StatusText(e.Status))
}

// ProxyRefusesUs reports whether err is a proxy's 407: that judges our settings,
// while other answers of a proxy may change by themselves.
func ProxyRefusesUs(err error) bool {
	p, ok := errors.AsType[*ProxyError](err)
	return ok && p.Status == http.StatusProxyAuthRequired
}
