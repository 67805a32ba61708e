// Package host plays the Azure Functions host around a real handler: it starts the
// program, proxies notifications to its port and calls its timers and queue functions,
// each with the headers and envelopes that azure-functions-host sends.
//
// It measures and judges nothing, and it has no schedules: whoever plays with it says
// what is called when.
package host

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// A Host proxies notifications to the handler's port,
// and calls timers. So, each with the headers it adds, does azure-functions-host.
type Host struct {
	base   string
	authID string
	client *http.Client
}

// look is how often we look whether the port is open.
const look = 20 * time.Millisecond

// invocation is any id; the host makes a new one for each.
const invocation = "800ae4b3-bdd2-4c08-badd-f08e5a34b865"

// New plays the host around a process that listens.
func New(p *Process, authID string, connections int) *Host {
	return &Host{base: "http://" + p.Address, authID: authID,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections + 1}}}
}

// Open starts a program under a host of its own and waits until it is open. The caller
// ends both.
func Open(ctx context.Context, program, dir, authID string, env []string, connections int) (*Process, *Host, error) {
	p, err := Start(program, dir, env)
	for again := 0; err == nil; again++ {
		if err = p.Ready(ctx, look); err == nil {
			break
		}
		p.Kill()
		if again == 3 || !p.portTaken() {
			break
		}
		p, err = Start(program, dir, env) // at another port
	}
	if err != nil {
		return nil, nil, err
	}
	h := New(p, authID, connections)
	if err := h.settle(ctx); err != nil {
		err = p.Explain(err)
		h.Close()
		p.Kill()
		return nil, nil, err
	}
	return p, h, nil
}

// Close lets go of the connections.
func (h *Host) Close() { h.client.CloseIdleConnections() }

func (h *Host) send(ctx context.Context, method, path string, body []byte, header http.Header) error {
	req, err := http.NewRequestWithContext(ctx, method, h.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask the handler: %w", err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("X-Azure-Functions-InvocationId", invocation)
	resp, err := h.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the handler: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("ask the handler for %s: %s: %s", path, resp.Status, answer)
	}
	return err
}

const webhookPath = "/api/o365/webhook"

// settle waits until the program is not only listening but open.
func (h *Host) settle(ctx context.Context) error {
	return h.send(ctx, http.MethodGet, webhookPath, nil, nil)
}

// Notify posts a notification's array to the webhook.
func (h *Host) Notify(ctx context.Context, array []byte) error {
	return h.send(ctx, http.MethodPost, webhookPath, array, http.Header{
		"Content-Type": {"application/json; utf-8"}, "Webhook-Authid": {h.authID},
	})
}

// Call runs a timer's function.
func (h *Host) Call(ctx context.Context, function string) error {
	body := []byte(`{"Data":{"timer":{"IsPastDue":false}},"Metadata":{"sys":{"MethodName":"` + function + `"}}}`)
	return h.send(ctx, http.MethodPost, "/"+function, body, http.Header{"Content-Type": {"application/json; charset=utf-8"}})
}

// Run runs a queue's function. What the message says is encoded twice, as the host does.
func (h *Host) Run(ctx context.Context, function string, message []byte) error {
	once, _ := json.Marshal(string(message)) // strings always encode
	twice, _ := json.Marshal(string(once))
	body := fmt.Appendf(nil, `{"Data":{"msg":%s},"Metadata":{"DequeueCount":"1","sys":{"MethodName":%q}}}`, twice, function)
	return h.send(ctx, http.MethodPost, "/"+function, body, http.Header{"Content-Type": {"application/json; charset=utf-8"}})
}
