package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A host plays the Functions host: it proxies notifications to the handler's port,
// and calls timers. So, each with the headers it adds, does azure-functions-host.
type host struct {
	base   string
	authID string
	client *http.Client
}

// invocation is any id; the host makes a new one for each.
const invocation = "800ae4b3-bdd2-4c08-badd-f08e5a34b865"

func newHost(p *process, authID string, connections int) *host {
	return &host{base: "http://" + p.address, authID: authID,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections + 1}}}
}

// open starts a program under a host of its own and waits until it is open. The caller
// ends both.
func open(ctx context.Context, program, dir string, env []string, connections int) (*process, *host, error) {
	p, err := start(program, dir, env)
	if err != nil {
		return nil, nil, err
	}
	if err := p.ready(ctx, look); err != nil {
		p.kill()
		return nil, nil, err
	}
	h := newHost(p, "simulated-webhook-auth-id", connections)
	if err := h.settle(ctx); err != nil {
		err = p.explain(err)
		h.close()
		p.kill()
		return nil, nil, err
	}
	return p, h, nil
}

func (h *host) close() { h.client.CloseIdleConnections() }

func (h *host) send(ctx context.Context, method, path string, body []byte, header http.Header) error {
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
func (h *host) settle(ctx context.Context) error {
	return h.send(ctx, http.MethodGet, webhookPath, nil, nil)
}

func (h *host) notify(ctx context.Context, array []byte) error {
	return h.send(ctx, http.MethodPost, webhookPath, array, http.Header{
		"Content-Type": {"application/json; utf-8"}, "Webhook-Authid": {h.authID},
	})
}

// call runs a timer's function.
func (h *host) call(ctx context.Context, function string) error {
	body := []byte(`{"Data":{"timer":{"IsPastDue":false}},"Metadata":{"sys":{"MethodName":"` + function + `"}}}`)
	return h.send(ctx, http.MethodPost, "/"+function, body, http.Header{"Content-Type": {"application/json; charset=utf-8"}})
}

// run runs a queue's function. What the message says is encoded twice, as the host does.
func (h *host) run(ctx context.Context, function string, message []byte) error {
	once, _ := json.Marshal(string(message)) // strings always encode
	twice, _ := json.Marshal(string(once))
	body := fmt.Appendf(nil, `{"Data":{"msg":%s},"Metadata":{"DequeueCount":"1","sys":{"MethodName":%q}}}`, twice, function)
	return h.send(ctx, http.MethodPost, "/"+function, body, http.Header{"Content-Type": {"application/json; charset=utf-8"}})
}

// arrays are the notifications' bodies.
func arrays(entries []json.RawMessage, each int) (all [][]byte) {
	for chunk := range slices.Chunk(entries, each) {
		array := []byte{'['}
		for i, entry := range chunk {
			if i > 0 {
				array = append(array, ',')
			}
			array = append(array, entry...)
		}
		all = append(all, append(array, ']'))
	}
	return all
}

// ring sends all notifications, some at a time, and returns how long each was
// answered after, sorted. The first that is refused ends it.
func (h *host) ring(ctx context.Context, notifications [][]byte, atOnce int) ([]time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	took := make([]time.Duration, len(notifications))
	next := make(chan int)
	var senders sync.WaitGroup
	for range atOnce {
		senders.Go(func() {
			for i := range next {
				began := time.Now()
				if err := h.notify(ctx, notifications[i]); err != nil {
					cancel(err) // only the first one counts
				}
				took[i] = time.Since(began)
			}
		})
	}
	for i := range notifications {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	senders.Wait()
	slices.Sort(took)
	return took, context.Cause(ctx)
}
