package updater

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// patience is for the whole download. 60 KiB come in it over a line of 16 kbit/s, and a
// server that sends a byte now and then does not hold the function up.
const patience = 30 * time.Second

// Fetch gets what lies at an address, at most one byte more than a configuration may
// have. The address (CONFIG_URL) may hold a signature in its query and is in no error.
func Fetch(client *http.Client, address string) func(ctx context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		body, err := download(ctx, client, address)
		if err != nil {
			return nil, fmt.Errorf("fetch the configuration: %w", err)
		}
		return body, nil
	}
}

func download(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	u, err := wire.ParseAddress(address)
	if err != nil {
		return nil, fmt.Errorf("CONFIG_URL %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not done within %s", patience))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errors.New("CONFIG_URL is no URL that can be asked for")
	}
	req.Header.Set("Accept", "application/json")
	body, err := roundTrip(transport(client), req)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
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

func roundTrip(t http.RoundTripper, req *http.Request) ([]byte, error) {
	resp, err := t.RoundTrip(req)
	if err != nil {
		return nil, wire.Redact(err)
	}
	defer resp.Body.Close() // its connection is not kept: the next call is hours away
	switch {
	case resp.StatusCode/100 == 3:
		return nil, fmt.Errorf("the server of CONFIG_URL answers %d, and redirects are not followed: set the address it leads to", resp.StatusCode)
	case resp.StatusCode != http.StatusOK: // its text may repeat the address
		return nil, fmt.Errorf("the server of CONFIG_URL answers %d %s, want 200", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, collect.MaxConfig+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer of CONFIG_URL: %w", err)
	case len(body) > collect.MaxConfig:
		return nil, fmt.Errorf("what is at CONFIG_URL has more than %d bytes", collect.MaxConfig)
	}
	return body, nil
}
