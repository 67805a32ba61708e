package alertlogic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// lookupPause is how often at most a service's host is asked for again.
const lookupPause = time.Minute

// A location is where the endpoints service says another one is.
type location struct {
	cell    cell[found]
	doubted atomic.Int64 // when its host last failed or had no such page, in ns since 1970
}

type found struct {
	base  *url.URL
	asked time.Time
}

// base is a service's address: of the settings, or looked up and kept.
func (c *Client) base(ctx context.Context, service string) (*url.URL, error) {
	fixed, l := c.options.API, (*location)(nil)
	switch service {
	case "ingest":
		fixed, l = c.options.Ingest, &c.ingest
	case "azcollect":
		fixed, l = c.options.Azcollect, &c.azcollect
	}
	if fixed != nil {
		return fixed, nil
	}
	good := func(f *found) bool {
		return f.asked.UnixNano() > l.doubted.Load() || time.Since(f.asked) < lookupPause
	}
	f, err := l.cell.get(ctx, good, func(ctx context.Context, old *found) (*found, error) {
		base, err := c.lookup(ctx, service)
		if err != nil && old != nil && ctx.Err() == nil {
			base, err = old.base, nil // its own failure will say more than this one
		}
		if err != nil {
			return nil, err
		}
		return &found{base: base, asked: time.Now()}, nil
	})
	if err != nil {
		return nil, err
	}
	return f.base, nil
}

// doubt has a service's host looked up again before its next use.
func (c *Client) doubt(service string) {
	switch service {
	case "ingest":
		c.ingest.doubted.Store(time.Now().UnixNano())
	case "azcollect":
		c.azcollect.doubted.Store(time.Now().UnixNano())
	}
}

func (c *Client) lookup(ctx context.Context, service string) (*url.URL, error) {
	var hosts map[string]any
	r := call{
		method: http.MethodGet, service: "endpoints",
		path: []string{"residency", c.options.Residency, "services", service, "endpoint"},
	}
	if err := c.do(ctx, r, into("endpoints", &hosts)); err != nil {
		return nil, err
	}
	raw, _ := hosts[service].(string)
	base, err := c.parseAnswer(raw)
	if err != nil {
		return nil, &collect.Fault{
			Verdict: collect.JudgesUs,
			Err:     fmt.Errorf("look up %s: the host that is answered %w; check APP_AL_API_ENDPOINT", service, err),
		}
	}
	return base, nil
}

// parseAnswer reads a host that the endpoints service names. The token will go
// there, so it is https; only an API that is itself plain http on loopback, as
// in tests, may name plain http on loopback.
func (c *Client) parseAnswer(raw string) (*url.URL, error) {
	host := strings.TrimPrefix(raw, "https://")
	if err := checkHost(host); err != nil {
		return nil, err
	}
	u := &url.URL{Scheme: "https", Host: host}
	if host == raw && c.options.API.Scheme == "http" && wire.Loopback(c.options.API.Host) && wire.Loopback(host) {
		u.Scheme = "http"
	}
	return u, nil
}

// ParseEndpoint reads the setting of an endpoint: host, host:port or a URL;
// https, or http on loopback only.
func ParseEndpoint(raw string) (*url.URL, error) {
	raw = strings.TrimSpace(raw)
	if !strings.Contains(raw, "://") {
		raw = "https://" + strings.TrimSuffix(raw, "/")
		if err := checkHost(raw[len("https://"):]); err != nil {
			return nil, err
		}
	}
	u, err := wire.ParseBase(raw)
	if err != nil {
		return nil, err
	}
	if err := checkHost(u.Host); err != nil {
		return nil, err
	}
	return u, nil
}

// checkHost takes a DNS name (RFC 1123, section 2.1) or an IP address, with or
// without a port, and nothing that a URL parser could read in another way.
func checkHost(hostport string) error {
	host, port, hasPort := hostport, "", false
	if i := strings.LastIndexByte(hostport, ':'); i > strings.LastIndexByte(hostport, ']') {
		host, port, hasPort = hostport[:i], hostport[i+1:], true
	}
	if n, err := strconv.ParseUint(port, 10, 16); hasPort && (err != nil || n == 0) {
		return errors.New("has no port between 1 and 65535 after the colon")
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		if addr, err := netip.ParseAddr(inner); !ok || err != nil || !addr.Is6() || addr.Zone() != "" {
			return errors.New("has no IPv6 address between its brackets")
		}
		return nil
	}
	if _, err := netip.ParseAddr(host); err == nil && !strings.Contains(host, ":") {
		return nil
	}
	if !isName(host) {
		return errors.New("is no host name; write it like host.example or host.example:443")
	}
	return nil
}

func isName(host string) bool {
	if len(host) == 0 || len(host) > 253 { // RFC 1035, section 2.3.4, less the root's dot
		return false
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, b := range []byte(label) {
			if (b|0x20 < 'a' || b|0x20 > 'z') && (b < '0' || b > '9') && b != '-' {
				return false
			}
		}
	}
	// What ends in a number is an address to some resolvers ("127.1", "0x7f.1").
	last := labels[len(labels)-1]
	return last[0] < '0' || last[0] > '9'
}
