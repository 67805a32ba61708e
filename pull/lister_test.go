package pull_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/pull"
)

func hours(asked []request) (text []string) {
	for _, r := range asked {
		text = append(text, r.from.Format("2T15:04:05")+"-"+r.to.Format("15:04:05"))
	}
	return text
}

func TestFirstPassListsTheLookback(t *testing.T) {
	for _, test := range []struct {
		name     string
		lookback time.Duration
		want     []string
	}{
		{"nothing back", 0, []string{"1T12:00:00-12:34:56"}},
		{"to the hour", 2 * time.Hour, []string{"1T11:00:00-12:00:00", "1T12:00:00-12:34:56", "1T10:00:00-11:00:00"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := build(t, general)
			h.Lookback = test.lookback
			h.run()
			if got := hours(h.take()); !slices.Equal(got, test.want) {
				t.Errorf("asked %q, want %q", got, test.want)
			}
			h.wantUntil(general, noon)
			if c := h.cursor(general); !c.Run.Equal(noon) || !c.FailingSince.IsZero() || c.LastError != "" {
				t.Errorf("cursor %+v", c)
			}
		})
	}
}

// The source refuses a window that begins more than seven days back, and with it
// what of that hour it still has. What was never asked for is no gap.
func TestFirstPassOfAWeekStaysWithinReach(t *testing.T) {
	h := build(t, general)
	h.Lookback = 7 * 24 * time.Hour
	h.slow = 30 * time.Second // the edge moves on
	h.run()
	asked := hours(h.take())
	if len(asked) != 169 || asked[2] != "25T12:39:56-13:00:00" {
		t.Errorf("%d windows, the third %s", len(asked), asked[2])
	}
	if gaps := h.gaps(); gaps != nil {
		t.Errorf("gaps %+v", gaps)
	}
}

func TestAWindowThatCannotBeListedHoldsTheCursor(t *testing.T) {
	h := build(t, general)
	h.Lookback = 6 * time.Hour
	late, within := h.publish(general, time.Hour), h.publish(general, 3*time.Hour)
	bad := noon.Truncate(time.Hour).Add(-3 * time.Hour)
	h.failing(func(_ string, from time.Time) error {
		if from.Equal(bad) {
			return errDown
		}
		return nil
	})
	err := h.Run(t.Context())
	if !errors.Is(err, errDown) || !strings.Contains(err.Error(), "list Audit.General of 2026-11-01T09:00:00Z") {
		t.Errorf("got %v", err)
	}
	h.wantUntil(general, bad)
	if c := h.cursor(general); !c.FailingSince.Equal(noon) || c.LastCode != "AF50000" || !strings.Contains(c.LastError, "internal error") {
		t.Errorf("cursor %+v", c)
	}
	if !h.recorded(late) || h.recorded(within) {
		t.Error("the window cost more or less than itself")
	}
	h.pass(time.Minute)
	_ = h.Run(t.Context())
	if c := h.cursor(general); !c.FailingSince.Equal(noon) {
		t.Errorf("failing since %s", c.FailingSince)
	}
	h.failing(nil)
	h.take()
	h.run()
	h.wantUntil(general, h.clock())
	if c := h.cursor(general); !c.FailingSince.IsZero() || c.LastError != "" || c.LastCode != "" || !h.recorded(within) {
		t.Errorf("cursor %+v", c)
	}
	if got := hours(h.take()); !slices.Contains(got, "1T09:00:00-10:00:00") || len(got) != 3 {
		t.Errorf("asked %q", got)
	}
}

func TestAContentThatCannotBeRecorded(t *testing.T) {
	for _, cause := range []error{errStore, collect.ErrLimit} {
		t.Run(cause.Error(), func(t *testing.T) {
			h := build(t, general)
			var contents []collect.Content
			for i := range 40 {
				contents = append(contents, h.publish(general, time.Duration(i+1)*time.Second))
			}
			h.Offer = func(ctx context.Context, c collect.Content) (collect.Offered, error) {
				if c.ID == contents[20].ID {
					return collect.Offered{}, cause
				}
				return h.offer(ctx, c)
			}
			if err := h.Run(t.Context()); !errors.Is(err, cause) || !strings.Contains(err.Error(), contents[20].ID) {
				t.Errorf("got %v", err)
			}
			for i, c := range contents {
				if h.recorded(c) != (i != 20) {
					t.Errorf("content %d: recorded is %t", i, h.recorded(c))
				}
			}
			h.wantUntil(general, noon.Truncate(time.Hour))
			h.Offer = h.offer
			h.run()
			h.wantUntil(general, noon)
		})
	}
}

func TestOffersAreBounded(t *testing.T) {
	h := build(t, general)
	for range 100 {
		h.publish(general, time.Minute)
	}
	var mu sync.Mutex
	now, most := 0, 0
	full := make(chan struct{})
	h.Offer = func(ctx context.Context, c collect.Content) (collect.Offered, error) {
		mu.Lock()
		now++
		if most = max(most, now); now == 16 && most == 16 {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		mu.Unlock()
		<-full // nobody ends before sixteen are under way
		mu.Lock()
		now--
		mu.Unlock()
		return collect.Offered{}, nil
	}
	h.run()
	if most != 16 {
		t.Errorf("%d at a time", most)
	}
}

func TestManyErrorsAreToldInShort(t *testing.T) {
	h := build(t, general)
	for range 500 {
		h.publish(general, time.Minute)
	}
	h.Offer = func(context.Context, collect.Content) (collect.Offered, error) { return collect.Offered{}, errStore }
	err := h.Run(t.Context())
	if n := strings.Count(err.Error(), errStore.Error()); n != 16 || !strings.Contains(err.Error(), "and 484 more errors") {
		t.Errorf("%d errors told: %v", n, err)
	}
}

func TestATypeIsLeftAloneWhenTheSourceIsDown(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault error
		asked int
	}{
		{"internal error", errDown, 3},
		{"no subscription", &collect.Fault{Code: "AF20022", Verdict: collect.JudgesUs, Err: errors.New("no subscription")}, 1},
		{"disabled", fmt.Errorf("list: %w", &collect.Fault{Code: "AF20023", Err: errors.New("disabled")}), 1},
		{"no permission", &collect.Fault{Code: "AF10001", Verdict: collect.JudgesUs, Err: errors.New("permission")}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := build(t, "Audit.Exchange", general)
			h.Lookback = 5 * time.Hour
			h.failing(func(contentType string, _ time.Time) error {
				if contentType == general {
					return test.fault
				}
				return nil
			})
			if err := h.Run(t.Context()); !errors.Is(err, test.fault) {
				t.Errorf("got %v", err)
			}
			counts := map[string]int{}
			for _, r := range h.take() {
				counts[r.contentType]++
			}
			if counts[general] != test.asked || counts["Audit.Exchange"] != 6 {
				t.Errorf("asked %v", counts)
			}
			h.wantUntil("Audit.Exchange", noon)
		})
	}
}

// What fails for good must not keep us from what lies behind it.
func TestAStretchThatFailsHoldsNothingUp(t *testing.T) {
	h := build(t, general)
	h.Lookback = 24 * time.Hour
	bad := noon.Truncate(time.Hour).Add(-20 * time.Hour)
	h.failing(func(_ string, from time.Time) error {
		if !from.Before(bad) && from.Before(bad.Add(8*time.Hour)) {
			return errDown
		}
		return nil
	})
	behind := h.publish(general, 4*time.Hour)
	for range 4 {
		_ = h.Run(t.Context())
		h.pass(time.Minute)
	}
	if !h.recorded(behind) {
		t.Error("the content behind the stretch is not recorded")
	}
	h.wantUntil(general, bad)
	h.failing(nil)
	h.run()
	h.wantUntil(general, h.clock())
}

func TestRunStopsWithItsContext(t *testing.T) {
	h := build(t, general)
	h.Lookback = 40 * time.Hour
	ctx, stop := context.WithCancel(t.Context())
	n := 0
	h.during = func(request) {
		if n++; n == 20 {
			stop()
		}
	}
	if err := h.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if asked := len(h.take()); asked != 20 {
		t.Errorf("%d requests", asked)
	}
	// Killed now, at most eight windows are listed again: 41 in all, 16 are saved.
	again := newHouse(t, h.store, &source{t: t, now: noon}, general)
	again.run()
	if asked := len(again.take()); asked > 41-16+2 {
		t.Errorf("%d requests after a kill", asked)
	}
	again.wantUntil(general, noon)
}

func TestTheCursorIsSavedOrListedAgain(t *testing.T) {
	for _, how := range []fate{lost, unheard} {
		t.Run(fmt.Sprint(how), func(t *testing.T) {
			h := build(t, general)
			c := h.publish(general, time.Minute)
			h.store.breaks("cursor", how)
			if err := h.Run(t.Context()); !errors.Is(err, errStore) {
				t.Errorf("got %v", err)
			}
			if !h.recorded(c) {
				t.Error("the content is not recorded")
			}
			first := hours(h.take())
			h.store.breaks("", works)
			h.run()
			h.wantUntil(general, noon)
			if again := hours(h.take()); how == lost && !slices.Equal(first, again) {
				t.Errorf("asked %q, then %q", first, again)
			}
		})
	}
}

func TestPassesTakeTurns(t *testing.T) {
	h := build(t, general)
	for range 5 {
		h.publish(general, time.Minute)
	}
	inside := make(chan struct{}, 1)
	list := h.Lister.Contents
	h.Lister.Contents = func(ctx context.Context, who, contentType string, from, to time.Time) iter.Seq2[collect.Content, error] {
		select {
		case inside <- struct{}{}:
		default:
			t.Error("two passes at the same time")
		}
		return func(yield func(collect.Content, error) bool) {
			defer func() { <-inside }()
			list(ctx, who, contentType, from, to)(yield)
		}
	}
	var passes sync.WaitGroup
	for range 4 {
		passes.Go(func() {
			if err := h.Run(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	passes.Wait()

	inside <- struct{}{} // and whoever waits for a turn waits no longer than it may
	ended, stop := context.WithCancel(t.Context())
	h.Lister.Synchronise = func(context.Context, string) error {
		stop()
		return h.Run(ended)
	}
	if err := h.Run(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestTwoListersOnOneStore(t *testing.T) {
	a := build(t, five...)
	b := newHouse(t, a.store, a.source, five...)
	var contents []collect.Content
	for i := range 30 {
		contents = append(contents, a.publish(five[i%5], time.Duration(i+1)*time.Minute))
	}
	fresh := func(h *house) (n int) {
		for _, l := range h.reported {
			n += l.Fresh
		}
		return n
	}
	for range 3 {
		var both sync.WaitGroup
		for _, h := range []*house{a, b} {
			both.Go(func() {
				if err := h.Run(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		a.pass(time.Minute)
	}
	for _, c := range contents {
		if !a.recorded(c) {
			t.Errorf("%s is not recorded", c)
		}
	}
	if n := fresh(a) + fresh(b); n != len(contents) {
		t.Errorf("%d contents were fresh, of %d", n, len(contents))
	}
	for _, contentType := range five {
		a.wantUntil(contentType, a.clock().Add(-time.Minute))
	}
}

func TestWhatIsRecordedIsNotOfferedEveryMinute(t *testing.T) {
	h := build(t, general)
	done := h.publish(general, time.Minute)
	h.publish(general, time.Hour)
	h.run()
	h.becomes(done, collect.Done)
	before := h.offers
	h.pass(time.Minute)
	h.run()
	if got := h.offers - before; got != 0 {
		t.Errorf("%d contents were offered again", got)
	}
	h.pass(2 * time.Hour)
	before = h.offers
	h.run() // its window is not the last hour any more: the ledger is asked
	if got := h.offers - before; got != 1 {
		t.Errorf("%d contents were offered", got)
	}
}

// A process that was just started remembers nothing: the ledger's day is read at
// once, instead of a row for each content.
func TestMuchThatIsRecordedIsReadAtOnce(t *testing.T) {
	h := build(t, general)
	const n = 200
	for range n {
		h.publish(general, time.Minute)
	}
	h.run()
	if h.offers != n {
		t.Fatalf("%d contents were offered, want %d", h.offers, n)
	}
	again := newHouse(t, h.store, h.source, general)
	again.run()
	if again.offers > n/2 {
		t.Errorf("%d of %d contents were offered one by one", again.offers, n)
	}
}

func TestRequeue(t *testing.T) {
	h := build(t, general)
	type call struct{ before, now time.Time }
	var calls []call
	fails := false
	h.Requeue = func(_ context.Context, who string, before, now time.Time) (int, error) {
		calls = append(calls, call{before, now})
		if who != tenant {
			t.Errorf("tenant %s", who)
		}
		if fails {
			return 0, errStore
		}
		return 1, nil
	}
	h.run()
	fails = true
	if err := h.Run(t.Context()); !errors.Is(err, errStore) {
		t.Errorf("got %v", err)
	}
	fails = false
	h.run()
	h.run()
	switch {
	case len(calls) != 4 || !calls[0].before.Equal(calls[0].now.Add(-10*time.Minute)):
		t.Errorf("calls %+v", calls)
	case !calls[1].before.Equal(calls[0].now), !calls[2].before.Equal(calls[0].now), !calls[3].before.Equal(calls[2].now):
		t.Errorf("what failed was passed over: %+v", calls)
	}
}

func TestWithoutAClockNothingIsListed(t *testing.T) {
	h := build(t, general)
	h.run()
	h.pass(time.Hour)
	h.take()
	requeued := false
	h.Requeue = func(context.Context, string, time.Time, time.Time) (int, error) { requeued = true; return 0, nil }
	cause := &collect.Fault{Verdict: collect.JudgesUs, Code: "AADSTS7000222", Err: errors.New("the client secret is expired")}
	h.Lister.Synchronise = func(context.Context, string) error { return cause }
	h.reported = nil
	if err := h.Run(t.Context()); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	if c := h.cursor(general); !c.FailingSince.Equal(h.clock()) || c.LastCode != cause.Code || !c.Until().Equal(noon) {
		t.Errorf("cursor %+v", c)
	}
	if asked := h.take(); asked != nil || !requeued || len(h.reported) != 1 || !errors.Is(h.reported[0].Err, cause) {
		t.Errorf("asked %v, requeued %t, reported %v", asked, requeued, h.reported)
	}
	h.Lister.Synchronise = h.source.Synchronise
	h.run()
	if c := h.cursor(general); !c.FailingSince.IsZero() {
		t.Errorf("failing since %s", c.FailingSince)
	}
}

func TestOnlyWhatIsNewIsReported(t *testing.T) {
	h := build(t, general)
	h.publish(general, 10*time.Minute)
	h.run()
	h.pass(time.Minute)
	h.run()
	want := pull.Listing{Tenant: tenant, Type: general, From: noon.Truncate(time.Hour), To: noon, Listed: 1, Fresh: 1}
	if len(h.reported) != 1 || h.reported[0] != want {
		t.Errorf("reported %+v", h.reported)
	}
}
