package alertlogic_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/alertlogic"
)

func TestWrongKeyJudgesUs(t *testing.T) {
	s := newService(t)
	o := s.overTLS()
	o.SecretKey = "another"
	err := fill(t, mustIngest(t, o, alertlogic.IngestOptions{}), `{}`).Send(t.Context())
	if verdict(err) != "judges our settings" || !strings.Contains(err.Error(), "APP_AL_ACCESS_KEY_ID") || !strings.Contains(err.Error(), "APP_AL_SECRET_KEY") {
		t.Errorf("error: %v (%s)", err, verdict(err))
	}
}

func TestAIMSAnswers(t *testing.T) {
	tests := []struct {
		name    string
		status  int
		body    string
		verdict string
	}{
		{"busy", 503, "", "temporary"},
		{"throttled", 429, "", "temporary"},
		{"bad request", 400, "", "judges our settings"},
		{"forbidden", 403, "", "judges our settings"},
		{"no JSON", 200, "<html>", "temporary"},
		{"no token", 200, `{"authentication":{"account":{"id":"1"}}}`, "temporary"},
		{"token with a line break", 200, `{"authentication":{"token":"a\r\nb","account":{"id":"1"}}}`, "temporary"},
		{"no account", 200, `{"authentication":{"token":"a"}}`, "temporary"},
		{"account is a path", 200, `{"authentication":{"token":"a","account":{"id":".."}}}`, "temporary"},
		{"token is a number", 200, `{"authentication":{"token":7}}`, "temporary"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t)
			s.aims = func(w http.ResponseWriter, _ *http.Request) bool {
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
				return true
			}
			err := fill(t, mustIngest(t, s.overTLS(), alertlogic.IngestOptions{}), `{}`).Send(t.Context())
			if got := verdict(err); got != tt.verdict {
				t.Errorf("verdict: %s, want %s (%v)", got, tt.verdict, err)
			}
		})
	}
}

// Sixteen senders find the same token refused: it is renewed once.
func TestTokenIsRenewedOnce(t *testing.T) {
	s := newService(t)
	sink := mustIngest(t, s.overTLS(), alertlogic.IngestOptions{})
	send := func(i int) error { return fill(t, sink, fmt.Sprintf(`{"Id":%d}`, i)).Send(t.Context()) }
	if err := send(0); err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		s.mu.Lock()
		s.tokens++ // whoever else took a token ended ours
		before := s.tokens
		s.mu.Unlock()
		var senders sync.WaitGroup
		for i := range 16 {
			senders.Go(func() {
				if err := send(i); err != nil {
					t.Error(err)
				}
			})
		}
		senders.Wait()
		if renewals := s.tokens - before; renewals != 1 {
			t.Errorf("round %d: renewed %d times, want once", round, renewals)
		}
	}
	if got := len(s.taken()); got != 1+3*16 {
		t.Errorf("%d records taken, want 49", got)
	}
}

func TestTokenEndsTenMinutesEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.lifetime = time.Hour
		sink := mustIngest(t, s.inProcess(), alertlogic.IngestOptions{})
		for _, step := range []struct {
			wait time.Duration
			want int
		}{{0, 1}, {49 * time.Minute, 1}, {time.Minute, 2}, {49 * time.Minute, 2}, {2 * time.Minute, 3}} {
			time.Sleep(step.wait)
			if err := fill(t, sink, `{}`).Send(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s.tokens != step.want {
				t.Errorf("after another %v: %d tokens, want %d", step.wait, s.tokens, step.want)
			}
		}
	})
}

// A clock ahead of the service's must not authenticate for every request.
func TestTokenThatLooksExpiredIsUsedForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.lifetime = -time.Hour
		sink := mustIngest(t, s.inProcess(), alertlogic.IngestOptions{})
		for range 6 {
			if err := fill(t, sink, `{}`).Send(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Second)
		}
		if s.tokens != 3 {
			t.Errorf("%d tokens in 3 minutes, want 3", s.tokens)
		}
	})
}

// The sender that renews gives up; the one that waits for it takes over.
func TestAbandonedRenewalIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		o := s.inProcess()
		first, cancel := context.WithCancel(t.Context())
		started := make(chan struct{})
		calls := 0
		o.HTTP = &http.Client{Transport: intercept(func(r *http.Request) (*http.Response, error) {
			if calls++; calls == 1 {
				close(started)
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return handled{s}.RoundTrip(r)
		})}
		sink := mustIngest(t, o, alertlogic.IngestOptions{})
		cancelled, waiting := make(chan error, 1), make(chan error, 1)
		go func() { cancelled <- fill(t, sink, `{"a":1}`).Send(first) }()
		<-started
		go func() { waiting <- fill(t, sink, `{"b":2}`).Send(t.Context()) }()
		synctest.Wait()
		cancel()
		if err := <-cancelled; err == nil {
			t.Error("the cancelled sender got no error")
		}
		if err := <-waiting; err != nil {
			t.Errorf("the waiting sender: %v", err)
		}
	})
}

type intercept func(*http.Request) (*http.Response, error)

func (f intercept) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
