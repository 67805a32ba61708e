package pull_test

import (
	"slices"
	"testing"
	"time"

	"azcollector/internal/collect"
)

// What nobody can list any more is lost, and a proof over that time says so, whether
// or not pull has been here since.
func TestProveNamesWhatNineDaysInTheDarkCost(t *testing.T) {
	for _, test := range []struct {
		name string
		back func(h *house)
	}{
		{"pull is back", func(h *house) { h.run() }},
		{"pull is not back yet", func(*house) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := build(t, "Audit.Exchange", general)
			h.run()
			h.pass(9 * day)
			test.back(h)
			now := h.clock()
			proof := h.prove(now.Add(-10*day), now)
			if proof.Clean() || len(proof.Gaps) != 2 {
				t.Fatalf("clean is %t, gaps %+v", proof.Clean(), proof.Gaps)
			}
			for i, g := range proof.Gaps {
				if g.Type != h.Types[i] || !g.From.Equal(noon) || g.To.Before(now.Add(-reach-time.Hour)) || g.To.After(now.Add(-reach)) || g.Why == "" {
					t.Errorf("gap %+v, want it from %s until %s", g, noon, now.Add(-reach))
				}
			}
			if proof := h.prove(now.Add(-day), now); !proof.Clean() {
				t.Errorf("the last day has %+v, %+v", proof.Gaps, proof.Types)
			}
		})
	}
}

// The ledger is asked for what the source lists no more.
func TestProveCountsWhatExpiredOutOfReach(t *testing.T) {
	for _, test := range []struct {
		name  string
		state collect.State
		since time.Duration
		lost  int
	}{
		{"expired", collect.Gone, 10 * day, 1},
		{"expired before the range", collect.Gone, 8 * day, 0},
		{"delivered", collect.Done, 10 * day, 0},
		{"a dead letter", collect.Dead, 10 * day, 0},
	} {
		for _, announced := range []bool{false, true} {
			t.Run(test.name+map[bool]string{true: ", only announced"}[announced], func(t *testing.T) {
				h := build(t, general)
				h.Lookback = 7 * day
				c := h.publish(general, time.Hour)
				if announced {
					h.drop(c)
					c.Listed = false
					if _, err := h.ledger.Announce(t.Context(), []collect.Content{c}); err != nil {
						t.Fatal(err)
					}
				}
				h.run()
				h.becomes(c, test.state)
				for range 9 {
					h.pass(day)
					h.run()
				}
				now := h.clock()
				proof := h.prove(now.Add(-test.since), now)
				got := proof.Types[0]
				if got.Lost != test.lost || got.Unlisted+got.OnlyAnnounced+got.Offered != 0 || proof.Clean() != (test.lost == 0) {
					t.Errorf("clean is %t: %+v, gaps %+v", proof.Clean(), got, proof.Gaps)
				}
			})
		}
	}
}

// A clock that was ahead once has called hours listed that were still to come, and
// given up what can be listed. When it is right again, both are listed.
func TestAClockThatWasAhead(t *testing.T) {
	for _, test := range []struct{ ahead, late time.Duration }{
		{2 * time.Hour, 50 * time.Minute}, // too little for older hours to be given up
		{3 * day, 50 * time.Minute}, {7 * day, 5 * time.Hour}, {8 * day, 5 * time.Hour}, {300 * day, 6 * day},
	} {
		t.Run(test.ahead.String(), func(t *testing.T) {
			h := build(t, general)
			h.Lookback = day
			h.run()
			h.pass(test.ahead)
			h.run()
			h.pass(-test.ahead + time.Minute)
			late, event := h.publish(general, test.late), h.publish(general, time.Second)
			h.run()
			if !h.recorded(late) || !h.recorded(event) {
				t.Errorf("the late one is recorded: %t; the event: %t", h.recorded(late), h.recorded(event))
			}
			h.wantUntil(general, h.clock())

			// And the hours to come are not taken for listed.
			h.pass(90 * time.Minute)
			next := h.publish(general, 80*time.Minute)
			h.run()
			if !h.recorded(next) || h.cursor(general).Begin.After(h.clock()) {
				t.Errorf("what came next is recorded: %t", h.recorded(next))
			}
			h.wantUntil(general, h.clock())
		})
	}
}

// What a clock wrote that was ahead is no reason to forget what is known to be lost.
func TestAClockThatWasAheadHidesNoGap(t *testing.T) {
	h := build(t, general)
	h.run()
	c := h.cursor(general)
	h.pass(9 * day)
	c.Note(h.clock().Truncate(time.Hour), h.clock().Add(2*day)) // listed two days from now
	if err := c.Save(t.Context(), h.store); err != nil {
		t.Fatal(err)
	}
	event := h.publish(general, time.Minute)
	h.run()
	from := func(g collect.Gap) bool { return g.From.Equal(noon) && !g.To.Before(h.clock().Add(-reach-time.Second)) }
	if gaps := h.gaps(); !slices.ContainsFunc(gaps, from) || len(gaps) != 1 || !h.recorded(event) {
		t.Errorf("gaps %+v; the event is recorded: %t", gaps, h.recorded(event))
	}
	h.wantUntil(general, h.clock())
}
