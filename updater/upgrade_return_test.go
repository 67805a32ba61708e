package updater_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/sim"
	"azcollector/updater"
)

// The platform is told of a version that works until it hears of it, and not in a storm.
func TestSettlingFails(t *testing.T) {
	l := upgraded(t, premium)
	l.platform.world.Dial.Set(sim.Rule{Op: sim.OpSync, Kind: sim.Status, Status: 503})
	before := l.platform.requests()
	for range 96 {
		if err := l.quarter(); !says(err, "503") {
			t.Errorf("got %v", err)
		}
	}
	n := l.platform.requests() - before
	if l.is(newer, updater.Settling); n < 4 || n > dozen || len(l.settled) != 0 || l.reported("release 1.5.0 works") != 1 {
		t.Errorf("%d requests, settled %v, said %q", n, l.settled, l.said)
	}
	l.platform.world.Dial.Clear()
	l.clock.pass(6 * time.Hour)
	l.good()
	l.confirmed()
}

// On the way back the platform may fail as on the way there.
func TestGoingBackFails(t *testing.T) {
	onBoth(t, func(t *testing.T, p plan) {
		l := upgraded(t, p)
		l.platform.world.Dial.Set(sim.Rule{Kind: sim.Status, Status: 503})
		for range 96 {
			_ = l.quarter("AZC1901")
		}
		n, got := l.reported("asks the platform for version v1.4.0 again"), l.progress()
		if l.is(newer, updater.Returning); n < 4 || n > dozen || !strings.Contains(got.TakeError, "503") || !strings.Contains(got.Why, "AZC1901") {
			t.Errorf("asked %d times, %s", n, show(got))
		}
		l.platform.world.Dial.Clear()
		l.clock.pass(6 * time.Hour)
		if err := l.master("AZC1901"); err != nil {
			t.Fatal(err)
		}
		l.left("AZC1901")
	})
}

// A package of the version before that somebody has changed is not run.
func TestPreviousPackageIsChanged(t *testing.T) {
	onBoth(t, func(t *testing.T, p plan) {
		l := upgraded(t, p)
		asked := l.platform.count()
		l.shelf.tamper(sumOf(l.deployed), pack(t, "6.6.6"))
		var err error
		for range 3 {
			err = l.quarter("AZC1901")
		}
		const want = "its package was changed in the container; deploy it by hand"
		if l.is(newer, updater.Returning); !says(err, want) || !strings.Contains(l.progress().TakeError, want) || l.platform.count() != asked {
			t.Errorf("%v, %s", err, show(l.progress()))
		}
		l.shelf.tamper(sumOf(l.deployed), l.deployed)
		l.clock.pass(quarter)
		if err := l.master("AZC1901"); err != nil {
			t.Fatal(err)
		}
		l.left("AZC1901")
	})
}

// The version before is told to the platform as well, until that hears of it, and what
// nobody needs any more is forgotten.
func TestReturnIsSettled(t *testing.T) {
	l := leave(t, premium, "AZC1901")
	l.shelf.tamper(sumOf(pack(t, "1.3.0")), pack(t, "1.3.0"))
	l.platform.world.Dial.Set(sim.Rule{Op: sim.OpSync, Kind: sim.Status, Status: 503})
	for range 4 {
		if err := l.quarter(); !says(err, "503") {
			t.Errorf("got %v", err)
		}
	}
	if p := l.progress(); p.Phase != updater.Settling || p.Refused != newer || len(l.settled) != 0 {
		t.Errorf("%s, settled %v", show(p), l.settled)
	}
	l.keeps("1.3.0", old, newer)
	l.platform.world.Dial.Clear()
	l.clock.pass(2 * time.Hour)
	l.good()
	p := l.progress()
	if l.is(old, updater.Idle); p.Refused != newer || !strings.Contains(p.Why, "AZC1901") || !slices.Equal(l.settled, []string{old}) {
		t.Errorf("%s, settled %v", show(p), l.settled)
	}
	l.keeps(old)
}

// An instance of the release that was left over does not end it.
func TestReturnIsSettledInSpiteOfTheReleasesLast(t *testing.T) {
	l := leave(t, premium, "AZC1901")
	l.prove(dies) // the version before runs again
	u := l.as(newer)
	if err := errors.Join(u.Begin(t.Context()), u.End(t.Context(), nil)); err != nil {
		t.Error(err)
	}
	l.good()
	if l.is(old, updater.Idle); !slices.Equal(l.settled, []string{old}) {
		t.Errorf("settled %v", l.settled)
	}
	l.keeps(old)
}

// While the platform was not asked, an instance of the version before is one that was
// left over. After two hours it is what somebody has put back.
func TestVersionBeforeRunsBeforeItWasAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		fail error // of the order
		ends time.Duration
	}{
		"not asked":                    {&collect.Fault{Code: "403", Err: errorOf("not you")}, 2 * time.Hour},
		"asked, and no answer came":    {errorOf("the line is dead"), 0},
		"asked, and the answer is 503": {&collect.Fault{Code: "503", Err: errorOf("busy")}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l := upgraded(t, flex)
			l.at = func(step string) error {
				if step == "before run" {
					return c.fail
				}
				return nil
			}
			for range 3 {
				_ = l.quarter("AZC1901")
			}
			since := l.clock.Now()
			l.is(newer, updater.Returning)
			u := l.as(old)
			for range 12 {
				l.clock.pass(quarter)
				if err := u.Begin(t.Context()); err != nil {
					t.Error(err)
				}
				if l.progress().Phase != updater.Returning {
					break
				}
			}
			if p := l.progress(); p.Phase != updater.Settling || p.Refused != newer || l.clock.Now().Sub(since) != max(c.ends, quarter) {
				t.Errorf("after %v: %s", l.clock.Now().Sub(since), show(p))
			}
		})
	}
}
