package master

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"azcollector/internal/wire"
)

// probeLimit bounds one call. Microsoft documents no limit of its own for the
// handshake; who needs longer would not pass there either.
const probeLimit = 10 * time.Second

// ErrKeptOut says that Azure App Service's access restrictions keep us from our own
// address. They may let Microsoft in all the same.
var ErrKeptOut = errors.New("access restrictions keep this machine out")

// keptOutHeader comes with the 403 of the App Service front end, and names the caller's
// address. Microsoft does not document it; the answer "403 Ip Forbidden" has it.
const keptOutHeader = "x-ms-forbidden-ip"

// Probe returns what calls the webhook from outside as Microsoft does when it
// validates it (Management Activity API reference, "Webhook validation"): with the
// right secret it must answer 200, and with a wrong one 401, or it is not us who
// answers. [ErrKeptOut]: nobody knows. The client is one of [wire.Client].
func Probe(client *http.Client) func(ctx context.Context, address, authID string) error {
	return func(ctx context.Context, address, authID string) error {
		switch status, err := handshake(ctx, client, address, authID); {
		case errors.Is(err, ErrKeptOut):
			return fmt.Errorf("reach PUBLIC_URL: %s answers 403 with the header %s: %w", shown(address), keptOutHeader, err)
		case err != nil:
			return fmt.Errorf("reach PUBLIC_URL: %s gives no answer (%w); it must lead here from the internet", shown(address), err)
		case status == http.StatusUnauthorized:
			return fmt.Errorf("reach PUBLIC_URL: who answers at %s does not know our secret: it is another collector, or one that was not restarted since", shown(address))
		case status != http.StatusOK:
			return fmt.Errorf("reach PUBLIC_URL: %s answers %d instead of 200; it must lead to this collector", shown(address), status)
		}
		switch status, err := handshake(ctx, client, address, rand.Text()); {
		case err != nil:
			return fmt.Errorf("reach PUBLIC_URL: %s gives no answer the second time (%w)", shown(address), err)
		case status != http.StatusUnauthorized:
			return fmt.Errorf("reach PUBLIC_URL: %s answers a wrong secret with %d instead of 401, so it is not this collector that answers", shown(address), status)
		}
		return nil
	}
}

func handshake(ctx context.Context, client *http.Client, address, authID string) (status int, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, probeLimit, fmt.Errorf("not within %v", probeLimit))
	defer cancel()
	code := rand.Text()
	body, err := json.Marshal(map[string]string{"validationCode": code})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("it is no address")
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Webhook-AuthID", authID)
	req.Header.Set("Webhook-ValidationCode", code)
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return 0, wire.Redact(err)
	}
	wire.Discard(resp)
	if resp.StatusCode == http.StatusForbidden && resp.Header.Get(keptOutHeader) != "" {
		return 0, ErrKeptOut
	}
	return resp.StatusCode, nil
}
