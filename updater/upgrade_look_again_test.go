package updater_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/updater"
)

// A look that fails is tried again within minutes, then less and less often.
func TestLookFailsForADay(t *testing.T) {
	l := newLife(t, flex)
	l.shop.answer(manifestPath, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusServiceUnavailable) })
	for range 96 {
		if err := l.quarter(); !says(err, "answers 503") {
			t.Errorf("got %v", err)
		}
	}
	if l.shop.manifest < 4 || l.shop.manifest > dozen || len(l.said) != 0 {
		t.Errorf("%d looks, said %q", l.shop.manifest, l.said)
	}
	l.shop.publish(newer)
	l.clock.pass(6 * time.Hour)
	l.good()
	l.is(newer, updater.Switching)
}

// Whatever goes on, a look that failed is made again within the hour, and changes nothing
// of what goes on.
func TestLookFailsInEachPhase(t *testing.T) {
	for phase, begin := range inPhase {
		t.Run(string(phase), func(t *testing.T) {
			l := begin(t, flex)
			l.at = func(step string) error { // the phase lasts
				if step == "before run" || step == "before settle" {
					return errorOf("not now")
				}
				return nil
			}
			l.evident = func(time.Time) (bool, error) { return false, nil }
			l.holdBack = 48 * time.Hour
			before := l.progress()
			if phase == updater.Waiting {
				l.forge(collect.Fields{"Next": l.clock.Now().Add(48 * time.Hour)})
			}
			l.shop.answer(manifestPath, unavailable)
			if err := l.as(l.version).Run(t.Context()); !says(err, "answers 503") {
				t.Errorf("got %v", err)
			}
			looks := l.shop.manifest
			for range 2 {
				if err := l.quarter(); err == nil || !strings.Contains(l.progress().LookError, "answers 503") {
					t.Errorf("%v, %s", err, show(l.progress()))
				}
			}
			if n := l.shop.manifest - looks; n < 1 || n > 2 {
				t.Errorf("%d looks", n)
			}
			l.shop.publish(newer)
			for range 4 {
				_ = l.quarter()
			}
			p := l.progress()
			if p.LookError != "" || p.Phase != phase || p.Version != before.Version || p.From != before.From || p.Refused != "" {
				t.Errorf("%s, was %s", show(p), show(before))
			}
			looks = l.shop.manifest
			if _ = l.quarter(); l.shop.manifest != looks {
				t.Errorf("it looks on")
			}
		})
	}
}

// The pauses grow also while a release is held back.
func TestLookFailsForADayWhileItIsHeldBack(t *testing.T) {
	l := inPhase[updater.Waiting](t, flex)
	l.holdBack = 48 * time.Hour
	l.forge(collect.Fields{"Next": l.clock.Now().Add(48 * time.Hour)})
	l.shop.answer(manifestPath, unavailable)
	looks := l.shop.manifest
	_ = l.as(old).Run(t.Context())
	for range 96 {
		_ = l.quarter()
	}
	if n := l.shop.manifest - looks; n < 4 || n > dozen+1 {
		t.Errorf("%d looks", n)
	}
	l.is(old, updater.Waiting)
}
