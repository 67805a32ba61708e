package pull_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
	"azcollector/pull"
)

const (
	day = 24 * time.Hour
	// reach is how far back may be asked.
	reach = 7*day - 5*time.Minute
)

// During nine days in which nothing could be listed, two passed out of reach: they
// are one gap, and the cursor goes on behind it.
func TestNineDaysUnlistable(t *testing.T) {
	for _, test := range []struct {
		name string
		live func(h *house)
		why  string
	}{
		{"the source was down", func(h *house) {
			h.failing(func(string, time.Time) error { return errDown })
			for range 9 * 24 * 4 {
				h.pass(15 * time.Minute)
				if err := h.Run(h.t.Context()); !errors.Is(err, errDown) {
					h.t.Fatalf("got %v", err)
				}
			}
			if c := h.cursor(general); c.FailingSince.IsZero() || c.Until().Before(h.clock().Add(-reach).Truncate(time.Hour)) {
				h.t.Errorf("cursor %+v until %s", c, c.Until())
			}
			h.failing(nil)
		}, "AF50000: list content: internal error"},
		{"the collector did not run", func(h *house) { h.pass(9 * day) }, "the collector did not run"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := build(t, general)
			h.run()
			test.live(h)
			edge := h.clock().Add(-reach)
			beyond, first, last := h.publish(general, reach+time.Second), h.publish(general, reach-time.Second), h.publish(general, 5*time.Minute)
			h.run()
			h.run() // and nothing is noted twice
			gaps := h.gaps()
			if len(gaps) != 1 {
				t.Fatalf("gaps %+v", gaps)
			}
			if g := gaps[0]; g.Type != general || !g.From.Equal(noon) || !g.To.Equal(edge.Truncate(time.Second)) && !g.To.Equal(edge) || g.Why != test.why {
				t.Errorf("gap %+v, want it from %s until %s", g, noon, edge)
			}
			h.wantUntil(general, h.clock())
			if h.recorded(beyond) || !h.recorded(first) || !h.recorded(last) {
				t.Error("what was in reach is not recorded")
			}
			told := slices.ContainsFunc(h.reported, func(l pull.Listing) bool { return l.Gap && l.From.Equal(noon) && l.Err.Error() == test.why })
			if !told {
				t.Error("nobody was told of the gap")
			}
			if c := h.cursor(general); !c.FailingSince.IsZero() {
				t.Errorf("failing since %s", c.FailingSince)
			}
		})
	}
}

// A gap is kept before the cursor forgets its window: whichever write fails, it is
// there in the end, once.
func TestAGapIsKeptFirst(t *testing.T) {
	for _, kind := range []string{"unobserved", "cursor"} {
		for _, how := range []fate{lost, unheard} {
			t.Run(kind+[]string{"", " not persisted", " persisted"}[how], func(t *testing.T) {
				h := build(t, general)
				h.run()
				h.pass(8 * day)
				h.store.breaks(kind, how)
				if err := h.Run(t.Context()); !errors.Is(err, errStore) {
					t.Errorf("got %v", err)
				}
				if c := h.cursor(general); how == lost && !c.Until().Equal(noon) {
					t.Errorf("the cursor is at %s, and no gap below it", c.Until())
				}
				h.store.breaks("", works)
				h.run()
				if gaps := h.gaps(); len(gaps) != 1 || !gaps[0].From.Equal(noon) || !gaps[0].To.Equal(h.clock().Add(-reach)) {
					t.Errorf("gaps %+v", gaps)
				}
				h.wantUntil(general, h.clock())
			})
		}
	}
}

func TestAQuietTypeHasNoGap(t *testing.T) {
	h := build(t, general)
	h.run()
	h.runFor(8*day, 30*time.Minute)
	event := h.publish(general, time.Minute)
	h.run()
	if gaps := h.gaps(); gaps != nil || !h.recorded(event) {
		t.Errorf("gaps %+v; the event is recorded: %t", gaps, h.recorded(event))
	}
	h.wantUntil(general, h.clock())
	if c := h.cursor(general); !c.Begin.After(h.clock().Add(-7*day - time.Hour)) {
		t.Errorf("the cursor still knows of %s", c.Begin)
	}
}

func TestAnOutageIsCaughtUpAtOnce(t *testing.T) {
	h := build(t, five...)
	h.run()
	h.pass(2 * day)
	var contents []collect.Content
	for i := range 48 {
		contents = append(contents, h.publish(five[i%5], time.Duration(i)*time.Hour+time.Minute))
	}
	h.run()
	for _, c := range contents {
		if !h.recorded(c) {
			t.Errorf("%s is not recorded", c)
		}
	}
	for _, contentType := range five {
		h.wantUntil(contentType, h.clock())
	}
}

// What the source offers late, with an old date, is found when its window is
// listed again.
func TestLateContents(t *testing.T) {
	for _, test := range []struct {
		name        string
		old, within time.Duration
	}{
		{"last hour", 40 * time.Minute, time.Minute},
		{"two hours", 100 * time.Minute, 20 * time.Minute},
		{"a day", 15 * time.Hour, 6*time.Hour + 10*time.Minute},
		{"a week", 4 * day, day + 10*time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := build(t, general)
				h.Lookback = 7 * day
				h.run()
				late := h.publish(general, test.old)
				for begun := h.clock(); !h.recorded(late); {
					if h.clock().Sub(begun) > test.within {
						t.Fatalf("not found in %s", test.within)
					}
					h.pass(time.Minute)
					h.run()
				}
			})
		})
	}
}

// Five types leave nothing of the budget, four of them two requests. Over a day no
// minute asks more than ten times, and nothing is forgotten.
// A third of a day, and a whole one in scripts/soak.
func TestAnIdleDay(t *testing.T) {
	for _, types := range [][]string{five, five[:4]} {
		t.Run(strings.Join(types, " "), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // where the store's pauses take no time
				h := build(t, types...)
				h.Lookback = 7 * day
				h.run()
				h.take()
				h.idle(types)
				h.wantListedInTime(types)
			})
		})
	}
}

func (h *house) idle(types []string) {
	h.t.Helper()
	recent := map[string]time.Time{} // when the last hour of a type was listed
	minutes := 8 * 60
	if os.Getenv("SOAK") != "" {
		minutes = 24 * 60
	}
	for range minutes {
		h.pass(time.Minute)
		h.run()
		asked := h.take()
		if len(asked) > 10 || len(asked) < 2*len(types)-1 {
			h.t.Fatalf("%d requests at %s: %q", len(asked), h.clock(), hours(asked))
		}
		for _, r := range asked {
			if age := h.clock().Sub(r.to); age >= 0 && age < time.Hour {
				recent[r.contentType] = h.clock()
			}
		}
		for contentType, at := range recent {
			if h.clock().Sub(at) > 2*time.Minute {
				h.t.Fatalf("the last hour of %s was not listed for two minutes at %s", contentType, h.clock())
			}
		}
	}
}

// wantListedInTime allows a quarter more than the schedule: five types want some
// more than what is left of the budget.
func (h *house) wantListedInTime(types []string) {
	h.t.Helper()
	now := h.clock()
	for _, contentType := range types {
		c := h.cursor(contentType)
		for begin := c.Begin; begin.Before(now); begin = begin.Add(time.Hour) {
			within := 24 * time.Hour
			switch age := now.Sub(begin.Add(time.Hour)); {
			case age < time.Hour:
				within = 2 * time.Minute
			case age < 2*time.Hour:
				within = 15 * time.Minute
			case age < 24*time.Hour:
				within = 6 * time.Hour
			}
			if rest := now.Sub(c.Listed(begin)); rest > within*5/4+2*time.Minute {
				h.t.Errorf("%s of %s was listed %s ago, want %s", contentType, begin, rest, within)
			}
		}
	}
}

// One type without a subscription does not use up the others' budget.
func TestATypeThatFailsLeavesTheBudgetToOthers(t *testing.T) {
	h := build(t, five...)
	h.Lookback = 7 * day
	h.run()
	h.pass(25 * time.Hour) // everything is due again
	h.run()
	h.failing(func(contentType string, _ time.Time) error {
		if contentType == general {
			return &collect.Fault{Code: "AF20022", Err: errors.New("no subscription")}
		}
		return nil
	})
	h.take()
	old := 0
	for range 20 {
		h.pass(time.Minute)
		_ = h.Run(t.Context())
		for _, r := range h.take() {
			if h.clock().Sub(r.to) >= time.Hour {
				old++
			}
		}
	}
	if old < 20 {
		t.Errorf("%d windows before the last hour were listed again in 20 minutes", old)
	}
}
