package collect_test

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

func newBody(s string) io.Reader { return strings.NewReader(s) }

func TestRetry(t *testing.T) {
	temporary := errors.New("connection reset")
	asks := func(d time.Duration) error { return &collect.Fault{RetryAfter: d, Err: temporary} }
	patient := collect.Retry{Attempts: 4, First: time.Second, Most: 3 * time.Second, Patience: time.Minute}
	for _, test := range []struct {
		name        string
		retry       collect.Retry
		answers     []error // the last one is repeated
		calls       int
		least, most time.Duration
		ok          bool
	}{
		{"success", patient, []error{nil}, 1, 0, 0, true},
		{"second time", patient, []error{temporary, nil}, 2, time.Second / 2, time.Second, true},
		{"used up", patient, []error{temporary}, 4, 3 * time.Second, 6 * time.Second, false},
		{"one attempt", collect.Retry{Attempts: 1, First: time.Hour, Most: time.Hour}, []error{temporary}, 1, 0, 0, false},
		{"no attempts set", collect.Retry{First: time.Hour, Most: time.Hour}, []error{temporary}, 1, 0, 0, false},
		{"judges us", patient, []error{&collect.Fault{Verdict: collect.JudgesUs, Err: temporary}}, 1, 0, 0, false},
		{"judges the payload", patient, []error{&collect.Fault{Verdict: collect.JudgesPayload, Err: temporary}}, 1, 0, 0, false},
		{"asked to wait", patient, []error{asks(30 * time.Second), nil}, 2, 30 * time.Second, 30 * time.Second, true},
		{"asked to wait shortly", patient, []error{asks(time.Millisecond), nil}, 2, time.Second / 2, time.Second, true},
		{"asked beyond patience", patient, []error{asks(time.Hour), nil}, 1, 0, 0, false},
		{"pauses that do not overflow", collect.Retry{Attempts: 100, First: time.Minute, Most: time.Hour}, []error{temporary}, 100, 47 * time.Hour, 99 * time.Hour, false},
		{"First beyond Most", collect.Retry{Attempts: 3, First: time.Hour, Most: time.Second}, []error{temporary}, 3, time.Second, 2 * time.Second, false},
		{"the longest pause", collect.Retry{Attempts: 2, First: math.MaxInt64 / 4, Most: math.MaxInt64 / 4}, []error{temporary}, 2, math.MaxInt64 / 9, math.MaxInt64 / 4, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, calls := time.Now(), 0
				err := test.retry.Do(t.Context(), func(context.Context) error {
					calls++
					return test.answers[min(calls, len(test.answers))-1]
				})
				took := time.Since(began) // of the bubble's own clock
				if calls != test.calls || (err == nil) != test.ok || took < test.least || took > test.most {
					t.Errorf("%d calls in %s: %v", calls, took, err)
				}
			})
		})
	}
}

func TestRetryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		temporary := errors.New("connection reset")
		err := collect.Retry{Attempts: 9, First: time.Hour, Most: time.Hour}.Do(ctx, func(context.Context) error { return temporary })
		if !errors.Is(err, temporary) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestWait(t *testing.T) {
	ended, stop := context.WithCancelCause(t.Context())
	why := errors.New("why")
	stop(why)
	for range 100 { // not by luck
		if err := collect.Wait(ended, 0); !errors.Is(err, why) {
			t.Fatalf("got %v", err)
		}
	}
	if err := collect.Wait(t.Context(), -1); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestVerdicts(t *testing.T) {
	for status, want := range map[int]collect.Verdict{
		300: collect.JudgesUs, 302: collect.JudgesUs, 307: collect.JudgesUs, 400: collect.JudgesPayload, 401: collect.JudgesUs,
		403: collect.JudgesUs, 404: collect.JudgesUs, 405: collect.JudgesUs, 407: collect.JudgesUs, 408: collect.Temporary,
		413: collect.JudgesPayload, 415: collect.JudgesPayload, 418: collect.JudgesUs, 422: collect.JudgesPayload,
		425: collect.Temporary, 429: collect.Temporary, 500: collect.Temporary, 503: collect.Temporary, 599: collect.Temporary,
	} {
		if got := collect.JudgeDestination(status); got != want {
			t.Errorf("%d: %v, want %v", status, got, want)
		}
	}
	if collect.VerdictOf(errors.Join(errors.New("x"), &collect.Fault{Verdict: collect.Missing, Err: io.EOF})) != collect.Missing {
		t.Error("a joined fault is not found")
	}
}
