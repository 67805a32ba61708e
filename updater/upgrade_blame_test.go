package updater_test

import (
	"errors"
	"testing"
	"time"

	"azcollector/updater"
)

// leave is a life that has just left a release for what it found; the version before
// runs, and has not yet said anything.
func leave(t *testing.T, p plan, finds ...string) *life {
	t.Helper()
	l := upgraded(t, p)
	for range 3 {
		if err := l.quarter(finds...); err != nil {
			t.Fatal(err)
		}
	}
	l.is(old, updater.Returning)
	return l
}

// What the version before finds too was no fault of the release. Its next full run
// tells, and no later one.
func TestReleaseIsReconsidered(t *testing.T) {
	left := []string{"AZC1901", "AZC1902"}
	for name, c := range map[string]struct {
		finds    [][]string // in the runs of the version before
		innocent bool
	}{
		"it finds all of it":         {[][]string{left}, true},
		"in another order, and more": {[][]string{{"AZC1902", "AZC1000", "AZC1901"}}, true},
		"it finds nothing":           {[][]string{nil}, false},
		"it finds a part of it":      {[][]string{{"AZC1901"}}, false},
		"it finds something else":    {[][]string{{"AZC1903", "AZC1904"}}, false},
		"it finds it later":          {[][]string{nil, left, left}, false},
		"its first run dies":         {[][]string{dies, left}, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := leave(t, flex, left...)
			for _, finds := range c.finds {
				l.prove(finds)
			}
			p := l.progress()
			if l.is(old, updater.Idle); (p.Refused == "") != c.innocent || (p.Why == "") != c.innocent {
				t.Errorf("%s", show(p))
			}
			l.clock.pass(12 * time.Hour)
			if l.updated(); (l.version == newer) != c.innocent {
				t.Errorf("%s runs, %s", l.version, show(l.progress()))
			}
		})
	}
}

// A service elsewhere that is out of order while a release has to prove itself costs it
// some hours, not its life.
func TestOutageElsewhereWhileItProves(t *testing.T) {
	onBoth(t, func(t *testing.T, p plan) {
		const outage = "AZC1301"
		l := leave(t, p, outage)
		if err := l.quarter(outage); err != nil {
			t.Fatal(err)
		}
		if l.is(old, updater.Idle); l.progress().Refused != "" || l.reported("version v1.4.0 finds it too: release 1.5.0 is taken again") != 1 {
			t.Errorf("%s, said %q", show(l.progress()), l.said)
		}
		l.good() // it is over
		l.clock.pass(12 * time.Hour)
		l.updated()
		l.is(newer, updater.Switching)
		l.good()
		if p := l.progress(); p.Phase != updater.Idle || l.version != newer || p.Refused+p.Why+p.TakeError != "" {
			t.Errorf("%s runs, %s", l.version, show(p))
		}
		l.keeps(old, newer)
	})
}

// If it lasts, the release is taken all the same: what is known is not held against it.
func TestOutageElsewhereThatLasts(t *testing.T) {
	const outage = "AZC1301"
	l := leave(t, flex, outage)
	for range 4 {
		if err := l.quarter(outage); err != nil {
			t.Fatal(err)
		}
	}
	l.clock.pass(12 * time.Hour)
	if err := l.as(old).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.quarter(outage); err != nil {
			t.Fatal(err)
		}
	}
	l.is(newer, updater.Idle)
}

// Only the version before can tell: neither the release itself, an instance of which may
// have been left over, nor an instance of the version before that never went away.
func TestWhoMayNotReconsider(t *testing.T) {
	const fault = "AZC1901"
	for name, leftOver := range map[string]func(t *testing.T, l *life){
		"the release itself": func(t *testing.T, l *life) {
			l.prove(dies) // the version before runs again
			u := l.as(newer)
			if err := errors.Join(u.Begin(t.Context()), u.End(t.Context(), []string{fault})); err != nil {
				t.Error(err)
			}
			if l.progress().Refused != newer {
				t.Errorf("it found itself innocent: %s", show(l.progress()))
			}
			l.good()
			if l.progress().Refused != newer {
				t.Errorf("%s", show(l.progress()))
			}
		},
		"while it is being left": func(t *testing.T, l *life) {
			u := l.as(old)
			if err := u.End(t.Context(), nil); err != nil {
				t.Error(err)
			}
			l.prove([]string{fault})
			if p := l.progress(); p.Refused != "" {
				t.Errorf("nobody asked version %s: %s", old, show(p))
			}
		},
	} {
		t.Run(name, func(t *testing.T) { leftOver(t, leave(t, flex, fault)) })
	}
}

// What master's last kept run found was there before, and what this run found as well.
func TestWhatIsKnown(t *testing.T) {
	for name, c := range map[string]struct {
		kept, now []string
		known     bool
	}{
		"by the last kept run": {[]string{"AZC1901", "AZC1000"}, nil, true},
		"by this run":          {nil, []string{"AZC1000", "AZC1901"}, true},
		"by both":              {[]string{"AZC1901"}, []string{"AZC1901"}, true},
		"by neither":           {[]string{"AZC1000"}, []string{"AZC1000"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLife(t, flex)
			l.shop.publish(newer)
			l.failing = c.kept
			if err := l.quarter(c.now...); err != nil {
				t.Fatal(err)
			}
			l.is(newer, updater.Switching)
			if l.prove([]string{"AZC1901"}); (l.progress().Phase == updater.Idle) != c.known {
				t.Errorf("%s", show(l.progress()))
			}
		})
	}
}
