package updater_test

import (
	"context"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/sim"
	"azcollector/updater"
)

// givenUp checks that the release was asked for so often, did not come, and is not asked
// for any more; and that a newer one is, whose way back is the package that runs.
func (l *life) givenUp(asked int) {
	l.t.Helper()
	for range 8 {
		l.clock.pass(6 * time.Hour)
		if err := l.as(old).Run(l.t.Context()); err != nil {
			l.t.Error(err)
		}
		if err := l.master(); err != nil {
			l.t.Error(err)
		}
	}
	p := l.progress()
	if l.is(old, updater.Idle); p.Refused != newer || p.Why != "the platform was asked for it, and runs version v1.4.0: it cannot start, or was put back" {
		l.t.Errorf("%s", show(p))
	}
	if n := l.reported("asks the platform for release 1.5.0"); n != asked || l.reported("release 1.5.0 is not taken any more: the platform was asked") != 1 {
		l.t.Errorf("asked %d times, want %d; said %q", n, asked, l.said)
	}
	l.shop.publish(newest)
	l.updated()
	if l.is(newest, updater.Switching); l.row().Fields["Previous"] != sumOf(l.deployed) {
		l.t.Errorf("the way back is %v", l.row().Fields["Previous"])
	}
	for range 3 {
		l.clock.pass(quarter)
		_ = l.master("AZC1901")
	}
	if l.restart(); l.version != old {
		l.t.Errorf("it goes back to %s", l.version)
	}
}

// What the platform accepts and does not do, it is asked for twice.
func TestPlatformDoesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, p plan) {
		l := newLife(t, p)
		l.shop.publish(newer)
		for range 6 { // nothing restarts
			l.clock.pass(quarter)
			if err := l.master(); err != nil {
				t.Error(err)
			}
		}
		l.givenUp(2)
	})
}

// One that cannot start kills the collector. Whoever rescues it by hand does so once, or
// twice if he is quick.
func TestRescuedByHand(t *testing.T) {
	lost := func(kind sim.Kind) func(*life) {
		return func(l *life) {
			l.platform.world.Dial.Set(sim.Rule{Op: l.platform.plan.asks(), Kind: kind, Count: 1})
		}
	}
	for name, c := range map[string]struct {
		spoil  func(l *life)
		silent []time.Duration
		asked  int
	}{
		"after 45 minutes":                       {func(*life) {}, []time.Duration{45 * time.Minute}, 1},
		"after a day":                            {func(*life) {}, []time.Duration{24 * time.Hour}, 1},
		"after half an hour, twice":              {func(*life) {}, []time.Duration{30 * time.Minute, 30 * time.Minute}, 2},
		"the answer was lost":                    {lost(sim.LostAck), []time.Duration{45 * time.Minute}, 1},
		"the line was cut while it was answered": {lost(sim.ResetAfter), []time.Duration{45 * time.Minute}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, p plan) {
				l := newLife(t, p)
				l.shop.publish(newer)
				c.spoil(l)
				l.clock.pass(quarter)
				_ = l.master()
				for _, silent := range c.silent {
					l.is(old, updater.Switching)
					l.clock.pass(silent)
					l.hand(old)
					_ = l.master()
				}
				l.givenUp(c.asked)
			})
		})
	}
}

// The same if it was killed while it asked: nobody noted what came of that.
func TestRescuedAfterAKill(t *testing.T) {
	for _, step := range []string{"before run", "after run"} {
		t.Run(step, func(t *testing.T) {
			l := newLife(t, flex)
			l.shop.publish(newer)
			ctx, kill := context.WithCancel(t.Context())
			defer kill()
			l.once(step, func() error {
				kill()
				return nil
			})
			if err := l.as(old).End(ctx, nil); err == nil && step == "before run" {
				t.Error("no error")
			}
			l.clock.pass(45 * time.Minute)
			l.hand(old)
			_ = l.master()
			l.givenUp(1)
		})
	}
}

// That it is refused is no sentence for life: a command takes it again.
func TestHurryAfterItWasGivenUp(t *testing.T) {
	l := newLife(t, flex)
	l.shop.publish(newer)
	l.clock.pass(quarter)
	if err := l.master(); err != nil {
		t.Error(err)
	}
	l.clock.pass(45 * time.Minute)
	l.hand(old)
	l.good()
	if err := l.as(old).Hurry(t.Context()); err != nil || l.progress().Refused != newer {
		t.Fatalf("%v, %s", err, show(l.progress()))
	}
	l.good()
	l.is(newer, updater.Switching)
	l.good()
	if p := l.progress(); p.Phase != updater.Idle || p.Refused+p.Why != "" {
		t.Errorf("%s", show(p))
	}
}

// To be refused by the platform is no order, however often it happens, and a silence
// after it says nothing about the release.
func TestAnswersThatAreNo(t *testing.T) {
	rule := func(r sim.Rule) func(*life) {
		return func(l *life) {
			r.Op = l.platform.plan.asks()
			l.platform.world.Dial.Set(r)
		}
	}
	deployment := func(end string) func(*life) {
		return func(l *life) {
			l.platform.world.Manager.SetDeployment(sim.Deployment{Style: sim.DeployStyles()[0], End: end})
		}
	}
	for name, c := range map[string]struct {
		plan  plan
		spoil func(*life)
	}{
		"409":                 {flex, rule(sim.Rule{Kind: sim.Status, Status: 409})},
		"429":                 {flex, rule(sim.Rule{Kind: sim.Throttle, RetryAfter: "60"})},
		"403":                 {premium, rule(sim.Rule{Kind: sim.Status, Status: 403})},
		"deployment failed":   {flex, deployment("Failed")},
		"deployment canceled": {flex, deployment("Canceled")},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLife(t, c.plan)
			l.shop.publish(newer)
			c.spoil(l)
			for range 4 {
				l.clock.pass(90 * time.Minute)
				if err := l.quarter(); err == nil {
					t.Error("no error")
				}
			}
			if l.is(old, updater.Switching); l.reported("asks the platform") < 3 || l.progress().Refused != "" {
				t.Errorf("said %q, %s", l.said, show(l.progress()))
			}
			l.platform.world.Dial.Clear()
			l.platform.world.Manager.SetDeployment(sim.Deployment{Style: sim.DeployStyles()[0]})
			l.clock.pass(6 * time.Hour)
			l.good()
			l.good()
			l.is(newer, updater.Idle)
		})
	}
}

// What fails before the platform is asked takes no order back.
func TestFailsBeforeTheSecondOrder(t *testing.T) {
	l := newLife(t, flex)
	l.shop.publish(newer)
	if err := l.master(); err != nil {
		t.Error(err)
	}
	l.clock.pass(30 * time.Minute)
	l.once("before get", func() error {
		return &collect.Fault{Verdict: collect.JudgesUs, Code: "403", Err: errorOf("the container is not yours")}
	})
	if err := l.master(); !says(err, "is not yours") {
		t.Errorf("got %v", err)
	}
	for range 8 {
		l.clock.pass(quarter)
		_ = l.master()
	}
	l.givenUp(2)
}
