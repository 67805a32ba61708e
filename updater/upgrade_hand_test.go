package updater_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"azcollector/internal/sim"
	"azcollector/updater"
)

// In each phase, brought about by the life itself.
var inPhase = map[updater.Phase]func(t *testing.T, p plan) *life{
	updater.Waiting: func(t *testing.T, p plan) *life {
		l := newLife(t, p)
		l.holdBack = time.Hour
		l.shop.publish(newer)
		l.good()
		return l
	},
	updater.Switching: func(t *testing.T, p plan) *life {
		l := newLife(t, p)
		l.shop.publish(newer)
		l.platform.world.Dial.Set(sim.Rule{Op: p.asks(), Kind: sim.Status, Status: 503, Count: 1})
		_ = l.quarter()
		return l
	},
	updater.Proving: func(t *testing.T, p plan) *life {
		l := upgraded(t, p)
		_ = l.quarter("AZC1901")
		return l
	},
	updater.Settling: func(t *testing.T, p plan) *life {
		l := upgraded(t, p)
		l.at = func(step string) error {
			if step == "before settle" {
				return errorOf("not now")
			}
			return nil
		}
		_ = l.quarter()
		return l
	},
	updater.Returning: func(t *testing.T, p plan) *life {
		l := upgraded(t, p)
		l.platform.world.Dial.Set(sim.Rule{Op: p.asks(), Kind: sim.Status, Status: 503, Count: 1})
		for range 3 {
			_ = l.quarter("AZC1901")
		}
		return l
	},
}

// Whoever deploys another version by hand is right: nothing undoes it, and what was going
// on is over.
func TestDeployedByHand(t *testing.T) {
	for phase, begin := range inPhase {
		t.Run(string(phase), func(t *testing.T) {
			onBoth(t, func(t *testing.T, p plan) {
				l := begin(t, p)
				if got := l.progress().Phase; got != phase {
					t.Fatalf("it is %q", got)
				}
				asked := l.platform.count()
				l.hand(newest)
				for range 20 {
					l.good()
				}
				got := l.progress()
				if l.is(newest, updater.Idle); l.platform.count() != asked || got.Refused+got.TakeError+got.Version+got.From != "" {
					t.Errorf("asked %v, %s", l.platform.world.Manager.Calls(), show(got))
				}
				if slices.Contains(l.settled, newest) || l.reported("works") > 1 {
					t.Errorf("settled %v, said %q", l.settled, l.said)
				}
				l.shop.publish("1.7.0")
				l.clock.pass(12 * time.Hour)
				if err := l.as(newest).Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				l.clock.pass(2 * time.Hour)
				l.good()
				l.is("1.7.0", updater.Switching)
			})
		})
	}
}

// Whoever deploys an older version by hand keeps it until the updater looks again.
func TestOlderVersionByHand(t *testing.T) {
	for phase, begin := range inPhase {
		if phase == updater.Waiting { // then it takes what waits, when that is due
			continue
		}
		t.Run(string(phase), func(t *testing.T) {
			l := begin(t, flex)
			asked := l.platform.count()
			l.hand("1.3.0")
			for range 20 {
				l.good()
			}
			if l.is("1.3.0", updater.Idle); l.platform.count() != asked {
				t.Errorf("asked %v", l.platform.world.Manager.Calls())
			}
			l.updated()
			l.is(newer, updater.Switching)
		})
	}
}

// For a while instances of both versions may run: those of the old one wait, and only
// the new one's runs count.
func TestBothVersionsRun(t *testing.T) {
	onBoth(t, func(t *testing.T, p plan) {
		l := upgraded(t, p)
		older := l.as(old)
		asked := l.platform.count()
		for _, finds := range [][]string{{"AZC1901"}, {"AZC1901"}, nil} {
			for range 3 {
				l.clock.pass(5 * time.Minute)
				if err := older.Begin(t.Context()); err != nil {
					t.Error(err)
				}
				if err := older.End(t.Context(), []string{"AZC1901", "AZC1902"}); err != nil {
					t.Error(err)
				}
				if err := older.Run(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if err := l.master(finds...); err != nil {
				t.Error(err)
			}
		}
		if l.is(newer, updater.Idle); l.platform.count() != asked || !slices.Equal(l.settled, []string{newer}) {
			t.Errorf("asked %v, settled %v", l.platform.world.Manager.Calls(), l.settled)
		}
		if err := older.Begin(t.Context()); err != nil || l.progress().Phase != updater.Idle {
			t.Errorf("%v, %s", err, show(l.progress()))
		}
	})
}

// On the way back, too: the new version's last instances wait.
func TestBothVersionsRunOnTheWayBack(t *testing.T) {
	l := upgraded(t, flex)
	for range 3 {
		l.clock.pass(quarter)
		if err := l.master("AZC1901"); err != nil {
			t.Fatal(err)
		}
	}
	asked := l.platform.count()
	l.clock.pass(time.Minute)
	if err := l.master("AZC1901"); err != nil || l.platform.count() != asked {
		t.Errorf("%v, asked %v", err, l.platform.world.Manager.Calls())
	}
	l.left("AZC1901")
	if err := l.as(newer).End(t.Context(), nil); err != nil || l.progress().Refused != newer || l.platform.count() != asked {
		t.Errorf("%v, %s", err, show(l.progress()))
	}
}

// The platform, or somebody, puts the version before back: after two hours that counts.
func TestPutBack(t *testing.T) {
	for phase, refused := range map[updater.Phase]string{updater.Proving: newer, updater.Settling: ""} {
		t.Run(string(phase), func(t *testing.T) {
			onBoth(t, func(t *testing.T, p plan) {
				l := inPhase[phase](t, p)
				asked := l.platform.count()
				l.hand(old)
				for range 7 {
					_ = l.quarter()
				}
				l.is(old, phase)
				_ = l.quarter()
				l.good()
				got := l.progress()
				if l.is(old, updater.Idle); got.Refused != refused || refused != "" && !strings.Contains(got.Why, "put back") || l.platform.count() != asked {
					t.Errorf("%s, asked %v", show(got), l.platform.world.Manager.Calls())
				}
			})
		})
	}
}
