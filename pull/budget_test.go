package pull_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// slowly makes each request take ten seconds.
func (h *house) slowly() { h.during = func(request) { time.Sleep(10 * time.Second) } }

// A pass lists the current and the last hour, then what is unlisted until its
// budget is used up. That is no failure, and the next one goes on.
func TestAPassHasABudget(t *testing.T) {
	for _, test := range []struct {
		name   string
		budget time.Duration
		each   []int // requests of the passes
	}{
		{"as it comes", 0, []int{24, 24, 7}}, // 51 windows, of which every pass lists two
		{"given", time.Minute, []int{6, 6, 6, 6}},
		{"less than the latest hours take", time.Second, []int{2, 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := build(t, general)
				h.Lookback, h.Budget = 50*time.Hour, test.budget
				h.slowly()
				for pass, want := range test.each {
					h.run()
					if asked := h.take(); len(asked) != want || asked[1].to.Before(noon.Truncate(time.Hour)) {
						t.Errorf("pass %d asked %d times, want %d: %q", pass, len(asked), want, hours(asked))
					}
				}
				if test.budget == 0 {
					h.wantUntil(general, noon)
				}
			})
		})
	}
}

// A window that failed comes last. As long as its turn does not come, it is failing.
func TestAPassThatIsCutDoesNotSayThatAllIsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, general)
		h.Lookback, h.Budget = 6*time.Hour, 30*time.Second
		bad := noon.Truncate(time.Hour).Add(-6 * time.Hour)
		h.failing(func(_ string, from time.Time) error {
			if from.Equal(bad) {
				return errDown
			}
			return nil
		})
		h.slowly()
		if err := h.Run(t.Context()); !errors.Is(err, errDown) {
			t.Errorf("got %v", err)
		}
		h.run()
		if c := h.cursor(general); !c.FailingSince.Equal(noon) || c.LastCode != "AF50000" {
			t.Errorf("failing since %v: %s", c.FailingSince, c.LastError)
		}
		h.failing(nil)
		h.during = nil
		h.run()
		if c := h.cursor(general); !c.FailingSince.IsZero() {
			t.Errorf("failing since %v: %s", c.FailingSince, c.LastError)
		}
	})
}

// Of two processes, one lists the latest hours, and the other what is left.
func TestTwoListersShareTheLatestHours(t *testing.T) {
	a := build(t, general)
	b := newHouse(t, a.store, a.source, general)
	a.run()
	b.run()
	if asked := a.take(); len(asked) != 3+2 {
		t.Errorf("a process that never listed took another's word: %q", hours(asked))
	}
	for _, step := range []struct {
		pass time.Duration
		h    *house
		want int
	}{
		{time.Minute, a, 2}, {10 * time.Second, b, 0}, {50 * time.Second, a, 2}, {29 * time.Second, b, 0}, {time.Second, b, 2}, {10 * time.Second, a, 0},
		{time.Minute, a, 2}, {0, a, 2}, // its own word stops nobody
	} {
		a.pass(step.pass)
		step.h.run()
		if asked := a.take(); len(asked) != step.want {
			t.Errorf("at %s: asked %q, want %d", a.clock(), hours(asked), step.want)
		}
	}
	c := a.publish(general, time.Second)
	a.pass(time.Minute)
	b.run()
	if a.wantUntil(general, a.clock()); !a.recorded(c) {
		t.Error("the content is not recorded")
	}
}
