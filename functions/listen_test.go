package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
)

// listening runs the self-hosted listener; stop ends it and returns its error.
func listening(t *testing.T, s Settings, r *rooms, log *logrus.Logger) (address string, stop func() error) {
	t.Helper()
	s.Listen, s.WebhookPath = "127.0.0.1:0", hostWebhookPath
	if s.MaxConnections == 0 {
		s.MaxConnections = 16
	}
	ctx, cancel := context.WithCancel(t.Context())
	listener, err := listen(ctx, s, log)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serveListener(ctx, listener, s, r, log) }()
	stopped := false
	stop = func() error { stopped = true; cancel(); return <-done }
	t.Cleanup(func() {
		if !stopped {
			_ = stop()
		}
	})
	return listener.Addr().String(), stop
}

var quiet = newLogger(io.Discard, true)

func TestListenerHasTwoPaths(t *testing.T) {
	var book logBook
	unwell := errors.New("the key of somebody is wrong")
	var health error
	address, stop := listening(t, Settings{}, &rooms{
		Webhook: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "webhook "+r.Method) }),
		Health:  func() error { return health },
	}, newLogger(&book, true))
	transport := &http.Transport{DisableKeepAlives: true}
	for _, c := range []struct {
		name, method, path string
		health             error
		status             int
		body               string
	}{
		{"webhook", "POST", hostWebhookPath, nil, 200, "webhook POST"},
		{"webhook with a query", "GET", hostWebhookPath + "?a=b", nil, 200, "webhook GET"},
		{"healthy", "GET", "/healthz", nil, 200, "ok\n"},
		{"unhealthy", "GET", "/healthz", unwell, 503, "unhealthy\n"},
		{"still unhealthy", "GET", "/healthz", unwell, 503, "unhealthy\n"},
		{"healthy again", "HEAD", "/healthz", nil, 200, ""},
		{"health by POST", "POST", "/healthz", nil, 404, "not found\n"},
		{"root", "GET", "/", nil, 404, "not found\n"},
		{"a function", "POST", "/pull", nil, 404, "not found\n"},
		{"below the webhook", "POST", hostWebhookPath + "/", nil, 404, "not found\n"},
		{"a way around", "POST", "/x/.." + hostWebhookPath, nil, 404, "not found\n"},
		{"debug", "GET", "/debug/pprof/", nil, 404, "not found\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			health = c.health
			req, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+address+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set(invocationHeader, testInvocation)
			resp, err := transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != c.status || string(body) != c.body || resp.Header.Get("Server") != "" {
				t.Errorf("%d %q %v (%v)", resp.StatusCode, body, resp.Header, err)
			}
		})
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if lines := book.find(t, "unhealthy"); len(lines) != 1 || lines[0]["error"] != unwell.Error() {
		t.Errorf("want the reason logged once, the log says %v", lines)
	}
	if lines := book.find(t, "healthy again"); len(lines) != 1 {
		t.Errorf("the log says %v", lines)
	}
}

// A pipeListener accepts the server's ends of pipes, so that a bubble's clock
// moves the server's deadlines.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{make(chan net.Conn), make(chan struct{})}
}
func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }
func (l *pipeListener) dial() net.Conn {
	ours, theirs := net.Pipe()
	l.conns <- theirs
	return ours
}

// inBubble runs the listener's server over pipes for f.
func inBubble(t *testing.T, webhook http.HandlerFunc, f func(*testing.T, *pipeListener)) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- serveListener(ctx, l, Settings{WebhookPath: "/hook"}, &rooms{Webhook: webhook}, quiet)
		}()
		f(t, l)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestSlowHeaderIsCut(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, l *pipeListener) {
		conn := l.dial()
		defer conn.Close()
		go func() { _, _ = io.WriteString(conn, "POST /hook HTTP/1.1\r\nHo") }()
		if rest, _ := io.ReadAll(conn); strings.Contains(string(rest), " 200 ") { // returns when the server hangs up
			t.Errorf("answered %q", rest)
		}
	})
}

func TestSlowBodyIsCut(t *testing.T) {
	var read error
	inBubble(t, func(w http.ResponseWriter, r *http.Request) {
		_, read = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusBadRequest)
	}, func(t *testing.T, l *pipeListener) {
		conn := l.dial()
		defer conn.Close()
		go func() {
			_, _ = io.WriteString(conn, "POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nslow")
		}()
		if rest, _ := io.ReadAll(conn); !strings.Contains(string(rest), " 400 ") { // returns when the server hangs up
			t.Errorf("answered %q", rest)
		}
		if !errors.Is(read, os.ErrDeadlineExceeded) {
			t.Errorf("the room read %v", read)
		}
	})
}

// TestSlowRoomIsNotCut: the body's time limit must not reach a room that works
// on for longer than that, and the connection is good for another request.
func TestSlowRoomIsNotCut(t *testing.T) {
	inBubble(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
		select {
		case <-time.After(4 * bodyTimeout): // of the bubble's clock
			w.WriteHeader(http.StatusOK)
		case <-r.Context().Done():
			t.Error("the request's context ended while the room worked")
		}
	}, func(t *testing.T, l *pipeListener) {
		conn := l.dial()
		defer conn.Close()
		answers := bufio.NewReader(conn)
		for range 2 {
			go func() { _, _ = io.WriteString(conn, "POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok") }()
			resp, err := http.ReadResponse(answers, nil)
			if err != nil || resp.StatusCode != 200 {
				t.Fatalf("%v, %v", resp, err)
			}
		}
	})
}

func TestLargeHeaderIsRefused(t *testing.T) {
	address, _ := listening(t, Settings{}, &rooms{}, quiet)
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+address+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X", strings.Repeat("x", maxHeader+8<<10))
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return // hung up while we were still writing
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestListenerLetsRequestsEnd(t *testing.T) {
	busy, goOn := make(chan struct{}), make(chan struct{})
	address, stop := listening(t, Settings{}, &rooms{Webhook: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(busy)
		<-goOn
		if r.Context().Err() != nil {
			t.Error("the request's context has ended")
		}
		_, _ = io.WriteString(w, "done")
	})}, quiet)
	answered := make(chan string)
	go func() {
		resp, err := http.Post("http://"+address+hostWebhookPath, "", nil)
		if err != nil {
			answered <- err.Error()
			return
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		answered <- string(b)
	}()
	<-busy
	stopped := make(chan error)
	go func() { stopped <- stop() }()
	for { // until it accepts no more
		conn, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	close(goOn)
	if got := <-answered; got != "done" {
		t.Errorf("got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestListenerCutsWhatDoesNotEnd: after the grace, a request's context ends.
func TestListenerCutsWhatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		ctx, cancel := context.WithCancel(t.Context())
		busy, ended := make(chan struct{}), make(chan struct{})
		done := make(chan error, 1)
		go func() {
			done <- serveListener(ctx, l, Settings{WebhookPath: "/hook"}, &rooms{Webhook: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				close(busy)
				<-r.Context().Done()
				close(ended)
			})}, quiet)
		}()
		conn := l.dial()
		defer conn.Close()
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		go func() { _, _ = io.WriteString(conn, "POST /hook HTTP/1.1\r\nHost: x\r\n\r\n") }()
		<-busy
		cancel()
		<-ended
		if err := <-done; err == nil || !strings.HasPrefix(err.Error(), "stop serving: requests were cut off") {
			t.Errorf("got %v", err)
		}
	})
}
