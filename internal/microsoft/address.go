package microsoft

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"azcollector/internal/wire"
)

// ErrAddress says that a contentUri does not lead to where our contents are.
var ErrAddress = errors.New("refuse contentUri")

// CheckContent checks a contentUri, which is always a stranger's word, and
// returns the tenant it belongs to. With a contentID the address must end in it.
func (f *Feed) CheckContent(rawURI, contentID string) (tenant string, err error) {
	tenant, _, err = f.content(rawURI, contentID)
	return tenant, err
}

// content takes a contentUri apart: exactly /api/v1.0/<tenant>/activity/feed/audit/<one segment>.
func (f *Feed) content(rawURI, contentID string) (tenant string, u *url.URL, err error) {
	u, path, err := f.own(rawURI)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	parts := strings.Split(path, "/")
	if len(parts) != 8 || parts[0] != "" || parts[1] != "api" || parts[2] != "v1.0" ||
		parts[4] != "activity" || parts[5] != "feed" || parts[6] != "audit" || parts[7] == "" {
		return "", nil, fmt.Errorf("%w: its path is not /api/v1.0/<tenant>/activity/feed/audit/<content>", ErrAddress)
	}
	tenant = strings.ToLower(parts[3])
	if !f.tenants[tenant] {
		return "", nil, fmt.Errorf("%w: its tenant is not configured", ErrAddress)
	}
	if contentID != "" && parts[7] != contentID {
		return "", nil, fmt.Errorf("%w: it does not end in its contentId", ErrAddress)
	}
	return tenant, u, nil
}

// nextPage checks a NextPageUri: same API, same tenant, same operation. Microsoft
// writes v1 or v1.0 here, and the query's keys in lower case.
func (f *Feed) nextPage(rawURI, tenant, operation string) (*url.URL, error) {
	u, path, err := f.own(rawURI)
	if err != nil {
		return nil, fmt.Errorf("refuse NextPageUri: %w", err)
	}
	version, rest, _ := strings.Cut(strings.TrimPrefix(path, "/api/"), "/")
	gotTenant, rest, _ := strings.Cut(rest, "/")
	if !strings.HasPrefix(path, "/api/") || version != "v1" && version != "v1.0" ||
		!strings.EqualFold(gotTenant, tenant) || rest != "activity/feed/subscriptions/"+operation {
		return nil, fmt.Errorf("refuse NextPageUri: its path is not that of %s of the same tenant", operation)
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		return nil, errors.New("refuse NextPageUri: its query is malformed")
	}
	return u, nil
}

// own parses an address and returns it if it belongs to the configured API, with
// its decoded path below the API's base.
func (f *Feed) own(raw string) (*url.URL, string, error) {
	u, err := ofOrigin(raw, f.base, "O365_MANAGEMENT_URL")
	if err != nil {
		return nil, "", err
	}
	path, below := strings.CutPrefix(u.Path, f.base.Path)
	if !below {
		return nil, "", errors.New("its path is not below O365_MANAGEMENT_URL")
	}
	return u, path, nil
}

// ofOrigin parses a stranger's address and returns it if it leads to where a setting
// says. The origin of what it returns is ours, not a copy of what was said, so that no
// two parsers can disagree about it.
func ofOrigin(raw string, base *url.URL, setting string) (*url.URL, error) {
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			return nil, errors.New("it holds a character that no URL holds")
		}
	}
	if strings.Contains(raw, "#") {
		return nil, errors.New("it has a fragment")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("it is no URL")
	case u.User != nil:
		return nil, errors.New("it holds user info")
	case u.Opaque != "", !wire.SameOrigin(u, base):
		return nil, errors.New("scheme, host or port are not those of " + setting)
	case ambiguous(u):
		return nil, errors.New("its path holds dot segments or encoded delimiters")
	}
	ours := *base
	ours.Path, ours.RawPath, ours.RawQuery = u.Path, u.RawPath, u.RawQuery
	return &ours, nil
}

// ambiguous reports what a proxy or server may read as another path than we do:
// encoded slashes, backslashes, dots and percent signs, control characters and
// dot segments.
func ambiguous(u *url.URL) bool {
	escaped := strings.ToLower(u.EscapedPath())
	for _, code := range []string{"%2f", "%5c", "%2e", "%25"} {
		if strings.Contains(escaped, code) {
			return true
		}
	}
	if strings.ContainsFunc(u.Path, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' || r == '?' || r == '#' }) {
		return true
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}
