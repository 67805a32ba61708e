package updater_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"azcollector/internal/sim"
	"azcollector/updater"
)

// A self-test that fails keeps a release from being taken. It is tried again, less and
// less often; the package is downloaded once.
func TestSelfTestFails(t *testing.T) {
	l := newLife(t, flex)
	l.shop.publish(newer)
	const want = "try release 1.5.0: APP_CLIENT_SECRET is missing"
	l.try = func(string) error { return errors.New(want) }
	const most = 6 * time.Hour
	longest := firstPause
	for i := range 10 {
		l.clock.pass(most)
		if err := l.master(); !says(err, want) {
			t.Errorf("got %v", err)
		}
		p := l.progress()
		if l.is(old, updater.Waiting); p.TakeError != want || p.Attempts != i+1 {
			t.Errorf("%s", show(p))
		}
		if wait := p.Next.Sub(l.clock.Now()); wait < longest/2-time.Millisecond || wait > longest {
			t.Errorf("attempt %d: the next after %v, want %v at the most", i+1, wait, longest)
		}
		longest = min(2*longest, most)
	}
	if l.platform.requests() != 0 || l.shop.downloads() != 1 || len(l.tried) != 10 || l.reported("asks the platform") != 0 {
		t.Errorf("asked %v, %d downloads, tried %v", l.platform.world.Manager.Calls(), l.shop.downloads(), l.tried)
	}
	l.try = func(string) error { return nil }
	l.clock.pass(most)
	l.good()
	l.good()
	l.is(newer, updater.Idle)
}

// What the platform refuses is tried again within minutes, however long the self-test
// had kept the release from it.
func TestPlatformFailsAfterTheSelfTestDid(t *testing.T) {
	l := newLife(t, flex)
	l.shop.publish(newer)
	fails := errors.New("not yet")
	l.try = func(string) error { return fails }
	for range 12 {
		l.clock.pass(6 * time.Hour)
		_ = l.master()
	}
	fails = nil
	l.platform.world.Dial.Set(sim.Rule{Op: flex.asks(), Kind: sim.Status, Status: 503, Count: 2})
	l.clock.pass(6 * time.Hour)
	for attempt := range 2 {
		if err := l.quarter(); !says(err, "503") || l.progress().Attempts != attempt+1 || !strings.Contains(l.progress().TakeError, "503") {
			t.Errorf("%v, %s", err, show(l.progress()))
		}
	}
	l.clock.pass(quarter)
	l.good()
	l.is(newer, updater.Switching)
}

// What is not in the state is told at once. Here nobody knows whether the intent was
// written, so the attempt may be another's by now.
func TestUnknownOutcomeIsTold(t *testing.T) {
	l := newLife(t, flex)
	l.shop.publish(newer)
	l.try = func(string) error { return errors.New("not yet") }
	for range 3 {
		l.clock.pass(6 * time.Hour)
		_ = l.master()
	}
	l.try = func(string) error { return nil }
	l.at = func(step string) error {
		if step == "after write" && l.progress().Phase == updater.Switching {
			return errors.New("the line is dead")
		}
		return nil
	}
	l.clock.pass(6 * time.Hour)
	if err := l.as(old).End(t.Context(), nil); !says(err, "the line is dead") || l.platform.requests() != 0 {
		t.Errorf("got %v, asked %v", err, l.platform.world.Manager.Calls())
	}
	l.at = func(string) error { return nil }
	l.good()
	l.is(newer, updater.Switching)
}
