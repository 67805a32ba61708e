package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
)

// A fakeHost calls a custom handler the way azure-functions-host does: the same
// paths, headers, encodings and chunked bodies, and it fails the test where the
// real one would hang or throw.
type fakeHost struct {
	t    *testing.T
	base string
	http *http.Client
}

// hostWith starts serveHost on a free port and a fake host for it. The stop
// function ends the handler and returns its error.
func hostWith(t *testing.T, log *logrus.Logger, open func(context.Context) (*rooms, error)) (h *fakeHost, stop func() error) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serveHost(ctx, listener, log, open) }()
	stopped := false
	stop = func() error {
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() {
		if !stopped {
			if err := stop(); err != nil {
				t.Error(err)
			}
		}
	})
	h = newFakeHost(t, listener.Addr().String())
	h.waitUntilReady()
	return h, stop
}

func newFakeHost(t *testing.T, address string) *fakeHost {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &fakeHost{t: t, base: "http://" + address, http: &http.Client{Transport: transport}}
}

// waitUntilReady polls like DefaultHttpWorkerService.IsWorkerReady: any answer is
// fine, only a refused connection means that it must ask again, 25 ms later.
func (h *fakeHost) waitUntilReady() {
	h.t.Helper()
	poll := time.NewTicker(25 * time.Millisecond)
	defer poll.Stop()
	for {
		resp, err := h.http.Get(h.base + "/")
		if err == nil {
			_ = resp.Body.Close()
			return
		}
		select {
		case <-poll.C:
		case <-h.t.Context().Done():
			h.t.Fatalf("never ready: %v", err)
		}
	}
}

// encodeValue is ScriptInvocationContextExtensions.GetHttpScriptInvocationContextValue.
func encodeValue(t testing.TB, value any) json.RawMessage {
	t.Helper()
	var v any
	switch value := value.(type) {
	case []byte:
		v = base64.StdEncoding.EncodeToString(value)
	case map[string]any, json.RawMessage, time.Time, nil:
		v = value
	default: // strings, numbers, booleans, arrays: serialised, and that put into a string
		v = string(marshal(t, value))
	}
	return marshal(t, v)
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const testInvocation = "800ae4b3-bdd2-4c08-badd-f08e5a34b865"

func envelopeOf(t testing.TB, binding string, value any) []byte {
	t.Helper()
	return marshal(t, map[string]any{
		"Data": map[string]json.RawMessage{binding: encodeValue(t, value)},
		"Metadata": map[string]any{
			"DequeueCount": "1", "Id": `"` + testInvocation + `"`,
			"sys": map[string]any{"MethodName": "pull", "UtcNow": "2026-11-21T00:00:00Z", "RandGuid": testInvocation},
		},
	})
}

// An outcome is what the host makes of an invocation's reply.
type outcome struct {
	status int
	logs   []string // of successful invocations only
}

// invoke sends one trigger, chunked.
func (h *fakeHost) invoke(function, binding string, value any) outcome {
	h.t.Helper()
	return h.send(function, envelopeOf(h.t, binding, value))
}

// send sends an invocation's body as it is.
func (h *fakeHost) send(function string, body []byte) outcome {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.base+"/"+function,
		io.MultiReader(bytes.NewReader(body))) // of unknown length, so chunked
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("X-Azure-Functions-InvocationId", testInvocation)
	req.Header.Set("X-Azure-Functions-HostVersion", "4.1037.0")
	req.Header.Set("User-Agent", "Azure-Functions-Host/4.1037.0")
	resp, err := h.http.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	if resp.StatusCode/100 != 2 {
		return outcome{status: resp.StatusCode}
	}
	logs, err := readReply(resp.Header.Get("Content-Type"), reply)
	if err != nil {
		h.t.Errorf("the host would hang or throw: %v", err)
	}
	return outcome{resp.StatusCode, logs}
}

// readReply is as strict as the host is with a 2xx.
func readReply(contentType string, body []byte) ([]string, error) {
	if media, _, err := mime.ParseMediaType(contentType); err != nil || media != "application/json" {
		return nil, fmt.Errorf("content type %q", contentType)
	}
	var reply *struct {
		Outputs     map[string]json.RawMessage
		Logs        []string
		ReturnValue json.RawMessage
	}
	if err := json.Unmarshal(body, &reply); err != nil || reply == nil {
		return nil, fmt.Errorf("reply %q: %v", body, err)
	}
	return reply.Logs, nil
}

// proxy forwards a client's request as YARP does: the original path and headers,
// streamed, with the host's own two headers over the client's.
func (h *fakeHost) proxy(method, path, body string) (status int, answer string) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.base+path, io.MultiReader(strings.NewReader(body)))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("X-Azure-Functions-InvocationId", testInvocation)
	resp, err := h.http.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// freePort picks a port as the host does: one that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
