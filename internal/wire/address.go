package wire

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// ParseBase reads the address of a service from settings: scheme and host, no
// user info, query or fragment; https, or http on loopback only. A path is
// allowed and loses its trailing slash.
func ParseBase(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("is no URL")
	case u.Host == "" || u.Hostname() == "":
		return nil, errors.New("has no host; write it like https://host.example")
	case u.User != nil, strings.ContainsAny(raw, "?#"):
		return nil, errors.New("must not hold user info, a query or a fragment")
	case secure(u):
		u.Path = strings.TrimRight(u.Path, "/")
		u.RawPath = ""
		return u, nil
	case u.Scheme == "http":
		return nil, errors.New("must begin with https:// (http:// is for 127.0.0.0/8 and [::1] only)")
	default:
		return nil, errors.New("must begin with https://")
	}
}

// ParseAddress reads the address of something, in whose query there may be a signature:
// no error repeats any of it.
func ParseAddress(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.User != nil || !secure(u) {
		return nil, errors.New("must be an https URL without user info (http on loopback only)")
	}
	return u, nil
}

func secure(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && Loopback(u.Host)
}

// SameOrigin reports whether two addresses have the same scheme, host and port;
// the scheme's own port may be written or not.
func SameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	case u.Scheme == "http":
		return "80"
	}
	return ""
}

// Loopback reports whether host (or host:port) is literally 127.0.0.0/8 or ::1.
// The name "localhost" is not: a resolver decides where that leads.
func Loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host, _ = strings.CutSuffix(inner, "]")
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback() && !addr.Is4In6() && addr.Zone() == ""
}
