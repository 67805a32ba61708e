package updater_test

import (
	"strings"
	"testing"
	"time"

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

// A release that the platform will not be told of is no obstacle to the next one.
func TestNewerReleaseWhileSettlingFails(t *testing.T) {
	l := upgraded(t, premium)
	l.platform.world.Dial.Set(sim.Rule{Op: sim.OpSync, Kind: sim.Status, Status: 403})
	if err := l.quarter(); !says(err, "403") {
		t.Errorf("got %v", err)
	}
	l.shop.publish(newest)
	if err := l.as(newer).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.restart()
	l.is(newest, updater.Switching)
}

// On the way back the platform may fail as on the way there.
func TestGoingBackFails(t *testing.T) {
	onBoth(t, func(t *testing.T, p plan) {
		l := upgraded(t, p)
		l.platform.world.Dial.Set(sim.Rule{Kind: sim.Status, Status: 503})
		before := l.platform.requests()
		for range 96 {
			_ = l.quarter("AZC1901")
		}
		n, got := l.platform.requests()-before, l.progress()
		if l.is(newer, updater.Returning); n < 4 || n > dozen || !strings.Contains(got.TakeError, "503") || !strings.Contains(got.Why, "AZC1901") {
			t.Errorf("%d requests, %s", n, show(got))
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
