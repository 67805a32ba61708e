package updater

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/release"
	"azcollector/internal/wire"
)

// A source is what is fetched from outside. Its address may hold a signature in the
// query and is in no error.
type source struct {
	what    string // it is, in words
	where   string // the setting that has its address
	accept  string
	limit   int // most bytes
	patient time.Duration
}

// The patience is for the whole download: 60 KiB come in 30 s over a line of 16 kbit/s,
// a package of 7 MB in 3 minutes over one of 320 kbit/s, and a server that sends a byte
// now and then does not hold the function up.
var (
	configuration = source{"the configuration", "CONFIG_URL", "application/json", collect.MaxConfig, 30 * time.Second}
	manifest      = source{"the manifest", "UPDATE_MANIFEST_URL", "application/json", collect.MaxConfig, 30 * time.Second}
	running       = source{"the package that runs", "WEBSITE_RUN_FROM_PACKAGE", "application/zip", release.MaxPackage, 3 * time.Minute}
	pkg           = source{"the package", "packageUrl in the manifest", "application/zip", release.MaxPackage, 3 * time.Minute}
)

// Fetch gets what lies at CONFIG_URL.
func Fetch(client *http.Client, address string) func(ctx context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) { return configuration.fetch(ctx, client, address) }
}

// FetchManifest gets what lies at UPDATE_MANIFEST_URL.
func FetchManifest(client *http.Client, address string) func(ctx context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) { return manifest.fetch(ctx, client, address) }
}

// Download gets the package of a release. Nobody has looked at it yet.
func Download(client *http.Client) func(ctx context.Context, address string) ([]byte, error) {
	return func(ctx context.Context, address string) ([]byte, error) { return pkg.fetch(ctx, client, address) }
}

// DownloadRunning gets the package that WEBSITE_RUN_FROM_PACKAGE names.
func DownloadRunning(client *http.Client) func(ctx context.Context, address string) ([]byte, error) {
	return func(ctx context.Context, address string) ([]byte, error) { return running.fetch(ctx, client, address) }
}

func (s source) fetch(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	body, err := s.download(ctx, client, address)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", s.what, err)
	}
	return body, nil
}

func (s source) download(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	u, err := wire.ParseAddress(address)
	if err != nil {
		return nil, fmt.Errorf("%s %w", s.where, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.patient, fmt.Errorf("not done within %s", s.patient))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%s is no URL that can be asked for", s.where)
	}
	req.Header.Set("Accept", s.accept)
	body, err := s.roundTrip(transport(client), req)
	if ctx.Err() != nil { // even without an error the body may be half of one: a server that sees us leave ends it
		return nil, context.Cause(ctx)
	}
	return body, err
}

// transport is what is under the client. The client itself would follow redirects, and
// in its errors repeat the address, or a Location that repeats it.
func transport(client *http.Client) http.RoundTripper {
	if client.Transport == nil {
		return http.DefaultTransport
	}
	return client.Transport
}

func (s source) roundTrip(t http.RoundTripper, req *http.Request) ([]byte, error) {
	resp, err := t.RoundTrip(req)
	if err != nil {
		return nil, wire.Redact(err)
	}
	defer resp.Body.Close() // its connection is not kept: the next call is hours away
	switch {
	case resp.StatusCode/100 == 3:
		return nil, fmt.Errorf("the server of %s answers %d, and redirects are not followed: set the address it leads to", s.where, resp.StatusCode)
	case resp.StatusCode != http.StatusOK: // its text may repeat the address
		return nil, fmt.Errorf("the server of %s answers %d %s, want 200", s.where, resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	body, err := wire.ReadAll(resp.Body, resp.ContentLength, s.limit)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer of %s: %w", s.where, err)
	case len(body) > s.limit:
		return nil, fmt.Errorf("what is at %s has more than %d bytes", s.where, s.limit)
	}
	return body, nil
}
