package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
)

// A logBook is a log's output, to be read by a test.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// lines decodes JSON lines.
func (b *logBook) lines(t *testing.T) (lines []map[string]any) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range strings.Lines(b.buf.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("a log line is no JSON: %q", line)
		}
		lines = append(lines, m)
	}
	return lines
}

// find returns the lines with this message.
func (b *logBook) find(t *testing.T, message string) (found []map[string]any) {
	t.Helper()
	for _, line := range b.lines(t) {
		if line["message"] == message {
			found = append(found, line)
		}
	}
	return found
}

// opened is an open function for rooms that are ready.
func opened(r *rooms) func(context.Context) (*rooms, error) {
	return func(context.Context) (*rooms, error) { return r, nil }
}

func TestHostInvokesFunctions(t *testing.T) {
	for name, c := range map[string]struct {
		binding string
		value   any
		want    string
	}{
		"timer":                   {"timer", json.RawMessage(`{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":false}`), `{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":false}`},
		"queue message":           {"msg", `{"tenant":"x"}`, `{"tenant":"x"}`},
		"encoded by its producer": {"msg", `"{\"tenant\":\"x\"}"`, `{"tenant":"x"}`},
		"text like base64":        {"msg", "test", "test"},
		"another name":            {"events", []string{"a", "b"}, `["a","b"]`},
		"bytes":                   {"msg", []byte{0, 1, 2, 255}, "\x00\x01\x02\xff"},
		"number":                  {"msg", 1234, "1234"},
	} {
		t.Run(name, func(t *testing.T) {
			var book logBook
			log := newLogger(&book, true)
			var got string
			h, _ := hostWith(t, log, opened(&rooms{Functions: map[string]func(context.Context, []byte) error{
				"pull": func(ctx context.Context, payload []byte) error {
					got = string(payload)
					log.WithContext(ctx).WithField("rows", 3).Info("listed")
					log.Info("of nobody's invocation")
					return nil
				},
			}}))
			result := h.invoke("pull", c.binding, c.value)
			if got != c.want || result.status != 200 {
				t.Errorf("status %d, payload %q, want %q", result.status, got, c.want)
			}
			if diff := cmp.Diff([]string{"info: listed rows=3"}, result.logs); diff != "" {
				t.Error(diff)
			}
			if lines := book.find(t, "listed"); len(lines) != 1 || lines[0]["invocation"] != testInvocation {
				t.Errorf("the log says %v", lines)
			}
		})
	}
}

func TestHostFailures(t *testing.T) {
	var book logBook
	log := newLogger(&book, true)
	h, _ := hostWith(t, log, opened(&rooms{Functions: map[string]func(context.Context, []byte) error{
		"bad": func(context.Context, []byte) error {
			return errors.Join(errors.New("first step"), errors.New("second step"))
		},
		"worse": func(context.Context, []byte) error { panic("boom") },
	}}))
	for name, c := range map[string]struct {
		function, message string
		status, lines     int
	}{
		"error":            {"bad", "failed", 500, 2},
		"panic":            {"worse", "failed", 500, 1},
		"unknown function": {"nobody", "refused a call: no such function", 404, 1},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(book.find(t, c.message))
			if result := h.invoke(c.function, "msg", "x"); result.status != c.status {
				t.Errorf("status %d, want %d", result.status, c.status)
			}
			lines := book.find(t, c.message)[before:]
			if len(lines) != c.lines || lines[0]["invocation"] != testInvocation {
				t.Errorf("the log says %v", lines)
			}
		})
	}
	if result := h.invoke("bad", "msg", "x"); result.status != 500 {
		t.Errorf("after a panic: status %d", result.status)
	}
}

func TestHostRefusesWhatIsNoInvocation(t *testing.T) {
	var book logBook
	var called atomic.Bool
	h, _ := hostWith(t, newLogger(&book, true), opened(&rooms{Functions: map[string]func(context.Context, []byte) error{
		"pull": func(context.Context, []byte) error { called.Store(true); return nil },
	}}))
	envelope := string(envelopeOf(t, "msg", "x"))
	for name, c := range map[string]struct {
		method, id, body string
		status           int
	}{
		"no invocation id": {"POST", "", envelope, 403},
		"GET":              {"GET", testInvocation, "", 403},
		"no JSON":          {"POST", testInvocation, "x", 400},
		"no Data":          {"POST", testInvocation, "{}", 400},
		"empty":            {"POST", testInvocation, "", 400},
		"two bindings":     {"POST", testInvocation, `{"Data":{"a":1,"b":2}}`, 400},
		"too large":        {"POST", testInvocation, `{"Data":{"a":"` + strings.Repeat("x", maxEnvelope) + `"}}`, 400},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(book.lines(t))
			req, err := http.NewRequestWithContext(t.Context(), c.method, h.base+"/pull", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set(invocationHeader, c.id)
			resp, err := h.http.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != c.status || called.Load() {
				t.Errorf("status %d, want %d; called: %v", resp.StatusCode, c.status, called.Load())
			}
			if after := len(book.lines(t)); after == before {
				t.Error("nothing in the log")
			}
		})
	}
}

func TestHostProxiesTheWebhook(t *testing.T) {
	var book logBook
	log := newLogger(&book, true)
	h, _ := hostWith(t, log, opened(&rooms{Webhook: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		log.WithContext(r.Context()).Info("notified")
		switch string(body) {
		case "panic":
			panic("boom")
		case "half":
			_, _ = io.WriteString(w, "half an ans")
			panic("boom")
		}
		_, _ = io.WriteString(w, r.Method+" "+r.URL.Path+" "+string(body))
	})}))
	if status, answer := h.proxy("POST", "/api/o365/webhook?x=1", "news"); status != 200 || answer != "POST /api/o365/webhook news" {
		t.Errorf("%d %q", status, answer)
	}
	if lines := book.find(t, "notified"); len(lines) != 1 || lines[0]["invocation"] != testInvocation {
		t.Errorf("the log says %v", lines)
	}
	if status, _ := h.proxy("POST", "/api/o365/webhook", "panic"); status != 500 {
		t.Errorf("after a panic: %d", status)
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", h.base+"/api/o365/webhook", strings.NewReader("half"))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := h.http.Do(req); err == nil {
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil {
			t.Error("half an answer looks like a whole one")
		}
	}
	if status, _ := h.proxy("POST", "/api/o365/other", ""); status != 404 {
		t.Errorf("another path: %d", status)
	}
}

// TestHostAnswersBeforeItIsOpen: the ping at once, calls once the house is open.
func TestHostAnswersBeforeItIsOpen(t *testing.T) {
	var book logBook
	open := make(chan struct{})
	h, _ := hostWith(t, newLogger(&book, true), func(ctx context.Context) (*rooms, error) {
		<-open
		return &rooms{Functions: map[string]func(context.Context, []byte) error{
			"pull": func(context.Context, []byte) error { return nil },
		}}, nil
	}) // hostWith returns after GET / was answered
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := newGate().enter(impatient); !errors.Is(err, context.Canceled) {
		t.Errorf("a request that is gone waits on: %v", err)
	}
	result := make(chan outcome)
	go func() { result <- h.invoke("pull", "timer", map[string]any{}) }()
	select {
	case r := <-result:
		t.Errorf("answered %d before the house was open", r.status)
	default:
	}
	close(open)
	if r := <-result; r.status != 200 {
		t.Errorf("status %d", r.status)
	}
}

// TestHostStartsAgain: a start that fails answers 500, says why once, and is tried again.
func TestHostStartsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		log := newLogger(&book, true)
		attempts := 0
		h := &hostHandler{log: log.WithField("component", "host"), gate: newGate()}
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		background := make(chan struct{})
		go func() {
			defer close(stopped)
			h.keep(ctx, func(context.Context) (*rooms, error) {
				switch attempts++; attempts {
				case 1, 2, 3, 4:
					return nil, errors.Join(errors.New("SINK=x: wrong"), errors.New("storage is down"))
				case 5:
					panic("boom")
				}
				return &rooms{Background: []func(context.Context) error{func(ctx context.Context) error {
					close(background)
					<-ctx.Done()
					return nil
				}}}, nil
			})
		}()
		synctest.Wait()
		if _, _, err := h.gate.enter(ctx); err == nil || !strings.Contains(err.Error(), "storage is down") {
			t.Errorf("a call between attempts: %v", err)
		}
		time.Sleep(5 * time.Minute) // of the bubble's clock
		<-background
		if _, _, err := h.gate.enter(ctx); err != nil || attempts != 6 {
			t.Errorf("after %d attempts: %v", attempts, err)
		}
		cancel()
		<-stopped
		lines := book.find(t, "cannot start")
		if len(lines) != 3 || lines[0]["error"] != "SINK=x: wrong" || lines[1]["error"] != "storage is down" {
			t.Errorf("want each complaint once and the panic, the log says %v", lines)
		}
	})
}

func TestHostNotStartedAnswers500(t *testing.T) {
	var book logBook
	h, stop := hostWith(t, newLogger(&book, true), func(context.Context) (*rooms, error) {
		return nil, errors.New("storage is down")
	})
	if result := h.invoke("pull", "timer", map[string]any{}); result.status != 500 {
		t.Errorf("function: status %d", result.status)
	}
	if status, _ := h.proxy("POST", hostWebhookPath, "news"); status != 500 {
		t.Errorf("webhook: status %d", status)
	}
	h.waitUntilReady()
	if lines := book.find(t, "refused a call: not started"); len(lines) != 2 || lines[0]["invocation"] != testInvocation {
		t.Errorf("the log says %v", lines)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestHostStopsInOrder: requests first, background work at once, and only then the house.
func TestHostStopsInOrder(t *testing.T) {
	var order []string
	var mu sync.Mutex
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, what)
	}
	busy, backgroundEnded := make(chan struct{}), make(chan struct{})
	h, stop := hostWith(t, newLogger(io.Discard, true), opened(&rooms{
		Functions: map[string]func(context.Context, []byte) error{"pull": func(context.Context, []byte) error {
			close(busy)
			<-backgroundEnded
			note("request")
			return nil
		}},
		Background: []func(context.Context) error{func(ctx context.Context) error {
			<-ctx.Done()
			note("background")
			close(backgroundEnded)
			return nil
		}},
		Close: func(context.Context) error { note("close"); return errors.New("disk is gone") },
	}))
	result := make(chan outcome)
	go func() { result <- h.invoke("pull", "timer", map[string]any{}) }()
	<-busy
	err := stop()
	if r := <-result; r.status != 200 {
		t.Errorf("the request that was running: status %d", r.status)
	}
	if err == nil || !strings.Contains(err.Error(), "disk is gone") {
		t.Errorf("error of Close: %v", err)
	}
	if diff := cmp.Diff([]string{"background", "request", "close"}, order); diff != "" {
		t.Error(diff)
	}
}

func TestHostPortTaken(t *testing.T) {
	err := ServeHost(t.Context(), "not a port", logrus.New(), nil)
	if err == nil || !strings.HasPrefix(err.Error(), `listen on FUNCTIONS_CUSTOMHANDLER_PORT "not a port"`) {
		t.Errorf("got %v", err)
	}
}

// The host's client keeps an idle connection for a minute; if we closed it
// earlier, now and then an invocation would be sent into the closing.
func TestHostKeepsIdleConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		listener, stopped := newPipeListener(), make(chan error, 1)
		go func() {
			stopped <- serveHost(ctx, listener, newLogger(io.Discard, true), func(context.Context) (*rooms, error) { return &rooms{}, nil })
		}()
		conn := listener.dial()
		answers := bufio.NewReader(conn)
		for range 2 {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1/", nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := request.Write(conn); err != nil {
				t.Fatalf("send: %v", err)
			}
			answer, err := http.ReadResponse(answers, request)
			if err != nil {
				t.Fatalf("receive: %v", err)
			}
			if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
				t.Fatal(answer.Status, err)
			}
			time.Sleep(time.Minute)
		}
		stop()
		_ = conn.Close()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
}
