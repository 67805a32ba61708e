package updater_test

import (
	"errors"
	"testing"
)

// A command elsewhere, of whatever version and whatever it finds, is not what the
// platform runs: it proves nothing, and ends nothing.
func TestCommandElsewhere(t *testing.T) {
	for phase, begin := range inPhase {
		t.Run(string(phase), func(t *testing.T) {
			onBoth(t, func(t *testing.T, p plan) {
				l := begin(t, p)
				row, requests := l.row().Version, l.platform.requests()
				l.untouched = true
				for _, version := range []string{"1.3.0", old, newer, newest, "0.0.0"} {
					u := l.as(version)
					for _, finds := range [][]string{nil, {"AZC1901"}, {"AZC1902"}, nil} {
						l.clock.pass(quarter)
						if err := errors.Join(u.Begin(t.Context()), u.End(t.Context(), finds)); err != nil {
							t.Error(err)
						}
					}
				}
				if l.row().Version != row || l.platform.requests() != requests {
					t.Errorf("it is %s; asked %v", show(l.progress()), l.platform.world.Manager.Calls())
				}
			})
		})
	}
}

// It looks where a look is due, and leaves what goes on to whom the platform runs.
func TestCommandElsewhereLooks(t *testing.T) {
	for phase, begin := range inPhase {
		t.Run(string(phase), func(t *testing.T) {
			l := begin(t, flex)
			if err := l.as(l.version).Hurry(t.Context()); err != nil {
				t.Fatal(err)
			}
			before, requests, looks := l.progress(), l.platform.requests(), l.shop.manifest
			l.untouched = true
			u := l.as(old)
			if err := errors.Join(u.Begin(t.Context()), u.End(t.Context(), nil)); err != nil {
				t.Error(err)
			}
			p := l.progress()
			if p.Phase != before.Phase || p.Version != before.Version || p.From != before.From || p.Attempts != before.Attempts || p.TakeError != before.TakeError {
				t.Errorf("%s, was %s", show(p), show(before))
			}
			if l.platform.requests() != requests || l.shop.manifest != looks+1 || !p.Looked.Equal(l.clock.Now()) {
				t.Errorf("asked %v, %d looks", l.platform.world.Manager.Calls(), l.shop.manifest-looks)
			}
		})
	}
}

// The updater's own run looks, and takes nothing: it may come at any moment.
func TestRunOnlyLooks(t *testing.T) {
	for phase, begin := range inPhase {
		t.Run(string(phase), func(t *testing.T) {
			onBoth(t, func(t *testing.T, p plan) {
				l := begin(t, p)
				l.clock.pass(3 * quarter) // whatever there is to do is due
				before, requests, downloads, tried := l.progress(), l.platform.requests(), l.shop.downloads(), len(l.tried)
				if err := l.as(l.version).Run(t.Context()); err != nil {
					t.Error(err)
				}
				if l.platform.requests() != requests || l.shop.downloads() != downloads || len(l.tried) != tried {
					t.Errorf("asked %v, downloaded %v, tried %v", l.platform.world.Manager.Calls(), l.shop.asked, l.tried)
				}
				if p := l.progress(); p.Phase != before.Phase || p.Attempts != before.Attempts || !p.Next.Equal(before.Next) || !p.Looked.Equal(l.clock.Now()) {
					t.Errorf("%s, was %s", show(p), show(before))
				}
			})
		})
	}
}
