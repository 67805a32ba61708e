package updater_test

import (
	"testing"
	"time"

	"azcollector/internal/sim"
	"azcollector/updater"
)

// A newer release that is announced while the platform is slow is no reason to give up
// the one on its way, and replaces it once that is overdue.
func TestNewerReleaseWhileThePlatformIsSlow(t *testing.T) {
	onBoth(t, func(t *testing.T, p plan) {
		l := newLife(t, p)
		l.shop.publish(newer)
		if err := l.master(); err != nil {
			t.Fatal(err)
		}
		l.shop.publish(newest)
		u := l.as(old)
		if err := u.Run(t.Context()); err != nil || l.progress().Version != newer || l.progress().Newest != newest {
			t.Fatalf("%v, %s", err, show(l.progress()))
		}
		l.clock.pass(30 * time.Minute)
		if err := l.master(); err != nil || l.reported("asks the platform for release 1.5.0") != 2 {
			t.Fatalf("%v, %q", err, l.said)
		}
		l.clock.pass(30 * time.Minute)
		l.updated()
		l.is(newest, updater.Switching)
	})
}

// A release that the platform will not be told of is no obstacle to the next one.
func TestNewerReleaseWhileSettlingFails(t *testing.T) {
	l := upgraded(t, premium)
	l.platform.world.Dial.Set(sim.Rule{Op: sim.OpSync, Kind: sim.Status, Status: 403})
	if err := l.quarter(); !says(err, "403") {
		t.Errorf("got %v", err)
	}
	l.shop.publish(newest)
	l.updated()
	l.is(newest, updater.Switching)
}

// Where the way back is gone, a newer release is the way on.
func TestWayBackIsDeleted(t *testing.T) {
	onBoth(t, func(t *testing.T, p plan) {
		l := upgraded(t, p)
		if err := l.shelf.Prune(t.Context(), sumOf(pack(t, newer))); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			_ = l.quarter("AZC1901")
		}
		l.is(newer, updater.Returning)
		if err := l.quarter("AZC1901"); !says(err, "go back to version v1.4.0: read package") || !says(err, "not found") {
			t.Errorf("got %v", err)
		}
		l.shop.publish(newest)
		l.updated()
		l.is(newest, updater.Switching)
		l.good()
		if p := l.progress(); p.Phase != updater.Idle || l.version != newest || p.Refused+p.TakeError != "" {
			t.Errorf("%s runs, %s", l.version, show(p))
		}
	})
}

// On its way back it is not stopped by a newer release, which may be no better.
func TestNewerReleaseOnTheWayBack(t *testing.T) {
	l := upgraded(t, flex)
	for range 3 {
		l.clock.pass(quarter)
		_ = l.master("AZC1901")
	}
	l.shop.publish(newest)
	if err := l.as(newer).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.left("AZC1901")
	l.updated()
	l.is(newest, updater.Switching)
}

// A release that nobody can judge gives way to a newer one after six hours.
func TestNewerReleaseWhileItProves(t *testing.T) {
	for after, takes := range map[time.Duration]bool{6 * time.Hour: false, 6*time.Hour + time.Minute: true} {
		t.Run(after.String(), func(t *testing.T) {
			l := upgraded(t, flex)
			l.prove(dies)
			l.shop.publish(newest)
			l.clock.pass(after)
			if err := l.as(newer).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if p := l.progress(); (p.Phase == updater.Waiting && p.Version == newest) != takes || (p.Phase == updater.Proving) == takes {
				t.Errorf("%s", show(p))
			}
			for range 2 {
				l.updated()
			}
			if l.version != newest {
				t.Errorf("%s runs, %s", l.version, show(l.progress()))
			}
		})
	}
}
