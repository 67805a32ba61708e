package updater_test

import (
	"fmt"
	"testing"
	"time"

	"azcollector/updater"
)

// Hurry is a command's, in another process: the next run of master looks, and takes
// what there is, held back or refused.
func TestHurry(t *testing.T) {
	for name, c := range map[string]struct {
		life func(t *testing.T) *life
		want string
	}{
		"refused": {func(t *testing.T) *life { return rolledBack(t, flex) }, newer},
		"held back": {func(t *testing.T) *life {
			l := newLife(t, flex)
			l.shop.publish(newer)
			l.holdBack = 48 * time.Hour
			l.good()
			return l
		}, newer},
		"not known yet": {func(t *testing.T) *life {
			l := newLife(t, flex)
			l.holdBack = 48 * time.Hour
			l.shop.publish(old)
			l.good()
			l.shop.publish(newest)
			return l
		}, newest},
		"a look had failed": {func(t *testing.T) *life {
			l := newLife(t, flex)
			l.holdBack = 48 * time.Hour
			_ = l.master()
			l.shop.publish(newer)
			return l
		}, newer},
		"the self-test had failed": {func(t *testing.T) *life {
			l := newLife(t, flex)
			l.shop.publish(newer)
			l.try = func(string) error { return errorOf("not yet") }
			for range 40 {
				_ = l.quarter()
			}
			l.try = func(string) error { return nil }
			return l
		}, newer},
	} {
		t.Run(name, func(t *testing.T) {
			l := c.life(t)
			looks, asked := l.shop.manifest, l.platform.count()
			if err := l.as("0.0.0").Hurry(t.Context()); err != nil || l.shop.manifest != looks || l.platform.count() != asked {
				t.Errorf("Hurry itself: %v, %d looks", err, l.shop.manifest-looks)
			}
			l.good()
			if l.is(c.want, updater.Switching); l.shop.manifest != looks+1 {
				t.Errorf("%d looks", l.shop.manifest-looks)
			}
			l.good()
			if l.is(c.want, updater.Idle); l.shop.manifest != looks+1 {
				t.Errorf("it still hurries: %d looks", l.shop.manifest-looks)
			}
		})
	}
}

// While it goes back, Hurry does not make it forget why.
func TestHurryOnTheWayBack(t *testing.T) {
	l := upgraded(t, flex)
	for range 3 {
		l.clock.pass(quarter)
		if err := l.master("AZC1901"); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.as(newer).Hurry(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.master(); err != nil {
		t.Fatal(err)
	}
	l.left("AZC1901")
}

// A hurry is not lost with the look that it asked for.
func TestHurryOutlivesALookThatFails(t *testing.T) {
	for name, spoil := range map[string]func(l *life){
		"503": func(l *life) { l.shop.answer(manifestPath, unavailable) },
		"a manifest that ended": func(l *life) {
			m := l.shop.make(newer)
			m.Expires = l.clock.Now()
			l.shop.serve(manifestPath, l.shop.sign(m, ours))
		},
	} {
		for times := 1; times <= 3; times++ {
			t.Run(fmt.Sprint(name, ", ", times, " times"), func(t *testing.T) {
				l := newLife(t, flex)
				l.holdBack = 48 * time.Hour
				l.shop.publish(newer)
				l.good()
				spoil(l)
				if err := l.as(old).Hurry(t.Context()); err != nil {
					t.Fatal(err)
				}
				for range times {
					if err := l.quarter(); err == nil {
						t.Error("no error")
					}
				}
				l.is(old, updater.Waiting)
				l.shop.publish(newer)
				for range 4 { // the third pause is up to 48 minutes
					_ = l.quarter()
				}
				l.good()
				l.is(newer, updater.Idle)
			})
		}
	}
}

// Nor is a command's wish put off by looks that failed before it.
func TestHurryAfterLooksThatFailed(t *testing.T) {
	l := newLife(t, flex)
	l.holdBack = 48 * time.Hour
	l.shop.answer(manifestPath, unavailable)
	for range 48 {
		_ = l.quarter()
	}
	l.shop.publish(newer)
	if err := l.as("0.0.0").Hurry(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.good()
	l.is(newer, updater.Switching)
}
