package updater_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"azcollector/updater"
)

func TestNothingNewer(t *testing.T) {
	for name, version := range map[string]string{"the one that runs": old, "an older one": "1.3.9", "a candidate": "1.5.0-rc.1"} {
		t.Run(name, func(t *testing.T) {
			l := newLife(t, flex)
			l.shop.publish(version)
			l.good()
			l.good()
			p := l.progress()
			if l.is(old, updater.Idle); p.Newest != version || p.LookError != "" || !p.Looked.Equal(l.clock.Now().Add(-quarter)) {
				t.Errorf("%s", show(p))
			}
			if l.shop.manifest != 1 || l.shop.downloads() != 0 || l.platform.requests() != 0 || len(l.said) != 0 {
				t.Errorf("%d looks, %d downloads, %d requests, %q", l.shop.manifest, l.shop.downloads(), l.platform.requests(), l.said)
			}
		})
	}
}

// A release is taken once it was known for HoldBack to twice as long, not earlier, and
// not all collectors take it at the same moment.
func TestHoldBack(t *testing.T) {
	const holdBack = 6 * time.Hour
	chosen := map[time.Time]bool{}
	for range 8 {
		l := newLife(t, flex)
		l.holdBack = holdBack
		l.shop.publish(newer)
		seen := l.clock.Now()
		if err := l.as(old).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		next := l.progress().Next
		if wait := next.Sub(seen); wait < holdBack || wait >= 2*holdBack {
			t.Errorf("waits %v", wait)
		}
		chosen[next] = true
		l.clock.pass(next.Sub(seen) - time.Millisecond)
		if err := l.master(); err != nil || l.shop.downloads() != 0 || l.platform.requests() != 0 {
			t.Errorf("a moment too early: %v, %d downloads, %d requests", err, l.shop.downloads(), l.platform.requests())
		}
		l.clock.pass(2 * time.Millisecond)
		if err := l.master(); err != nil || l.platform.count() != 1 {
			t.Errorf("its time has come: %v, asked %d times", err, l.platform.count())
		}
		if l.reported("release 1.5.0 is there") != 1 || !l.progress().Seen.Equal(seen) {
			t.Errorf("%q, seen %v", l.said, l.progress().Seen)
		}
	}
	if len(chosen) < 2 {
		t.Errorf("all of them at %v", chosen)
	}
}

// While a release is held back, a newer one takes its place, and its time begins anew.
func TestWithdrawnInTime(t *testing.T) {
	l := newLife(t, flex)
	l.holdBack = 6 * time.Hour
	l.shop.publish(newer)
	for _, version := range []string{newer, newest} {
		l.shop.publish(version)
		if err := l.as(old).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p := l.progress(); p.Version != version || !p.Seen.Equal(l.clock.Now()) || p.Next.Before(p.Seen.Add(l.holdBack)) {
			t.Errorf("%s", show(p))
		}
		l.clock.pass(5 * time.Hour)
	}
	l.clock.pass(7 * time.Hour)
	l.good()
	if l.is(newest, updater.Switching); l.platform.count() != 1 || l.shop.downloads() != 1 {
		t.Errorf("asked %d times, downloaded %d", l.platform.count(), l.shop.downloads())
	}
}

// Several processes find it due at the same moment: one of them makes the attempt.
func TestThePlatformIsAskedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, p plan) {
		l := newLife(t, p)
		l.shop.publish(newer)
		var all sync.WaitGroup
		for range 8 {
			u := l.as(old)
			all.Go(func() {
				if err := errors.Join(u.Run(t.Context()), u.Begin(t.Context()), u.End(t.Context(), nil)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if l.platform.count() != 1 || l.shop.downloads() != 1 || len(l.tried) != 1 {
			t.Errorf("asked %d times, downloaded %d times, tried %v", l.platform.count(), l.shop.downloads(), l.tried)
		}
		if l.reported("is there") != 1 || l.reported("asks the platform") != 1 {
			t.Errorf("%q", l.said)
		}
		l.restart()
		l.is(newer, updater.Switching)
		l.platform.world.RequireClean(t)
	})
}
