package updater_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"azcollector/updater"
)

// dies is a run of master that does not come to its end.
var dies = []string{"(dies)"}

// prove is a quarter of a new version.
func (l *life) prove(finds []string) {
	l.t.Helper()
	l.clock.pass(quarter)
	if slices.Equal(finds, dies) {
		if err := l.as(l.version).Begin(l.t.Context()); err != nil {
			l.t.Error(err)
		}
		return
	}
	if err := l.master(finds...); err != nil {
		l.t.Error(err)
	}
}

// A new version is left after three runs of master, one behind the other, that fail. What the version before
// found too is no fault of it.
func TestNewVersionProvesItself(t *testing.T) {
	const known, added = "AZC1001", "AZC1901"
	for name, c := range map[string]struct {
		finds [][]string // in each of its runs
		why   string     // it is left; empty: it stays
	}{
		"clean at once":            {[][]string{nil}, ""},
		"what was known":           {[][]string{{known}}, ""},
		"clean in the second run":  {[][]string{{added}, nil}, ""},
		"clean in the third run":   {[][]string{{added}, {known, added}, nil}, ""},
		"dies once":                {[][]string{dies, nil}, ""},
		"dies twice":               {[][]string{dies, dies, nil}, ""},
		"an error in three runs":   {[][]string{{added}, {added}, {added}}, "it finds what version v1.4.0 did not: AZC1901"},
		"another error in each":    {[][]string{{"AZC1"}, {"AZC2"}, {known, "AZC3", "AZC4"}}, "did not: AZC3, AZC4"},
		"dies, then finds":         {[][]string{dies, {added}, {added}}, "did not: AZC1901"},
		"dies in three runs":       {[][]string{dies, dies, dies, dies}, "3 runs of master did not come to their end"},
		"dies in three, then ends": {[][]string{dies, dies, dies, nil}, "3 runs of master did not come to their end"},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, p plan) {
				l := newLife(t, p)
				l.failing = []string{known} // in master's last run before
				l.shop.publish(newer)
				l.good()
				for i, finds := range c.finds {
					if l.prove(finds); i == 0 && l.reported("release 1.5.0 runs; version v1.4.0 ran before") != 1 {
						t.Errorf("%q", l.said)
					}
					if phase := l.progress().Phase; i < len(c.finds)-1 && (phase != updater.Proving || l.platform.count() != 1) {
						t.Errorf("after run %d it is %q", i+1, phase)
					}
				}
				if c.why == "" {
					l.confirmed()
				} else {
					l.left(c.why)
				}
				l.platform.world.RequireClean(t)
			})
		})
	}
}

// confirmed checks that the new version has shown that it works.
func (l *life) confirmed() {
	l.t.Helper()
	l.restart()
	if l.is(newer, updater.Idle); l.reported("release 1.5.0 works") != 1 || !slices.Equal(l.settled, []string{newer}) {
		l.t.Errorf("said %q, settled %v", l.said, l.settled)
	}
	l.keeps(old, newer)
	if p := l.progress(); p.Refused+p.Why+p.TakeError != "" {
		l.t.Errorf("%s", show(p))
	}
	for range 10 {
		l.good()
	}
	if l.is(newer, updater.Idle); l.platform.count() != 1 || len(l.settled) != 1 {
		l.t.Errorf("asked %v", l.platform.world.Manager.Calls())
	}
}

// left checks that the version before was asked for, and then runs.
func (l *life) left(why string) {
	l.t.Helper()
	if l.is(newer, updater.Returning); !strings.Contains(l.progress().Why, why) || l.platform.told(l.t) != sumOf(l.deployed) || len(l.settled) != 0 {
		l.t.Errorf("%s, settled %v", show(l.progress()), l.settled)
	}
	l.restart()
	l.good()
	p := l.progress()
	if !slices.Equal(l.settled, []string{old}) {
		l.t.Errorf("settled %v", l.settled)
	}
	l.keeps(old)
	if l.is(old, updater.Idle); p.Refused != newer || !strings.Contains(p.Why, why) || l.reported("release 1.5.0 is not taken any more") != 1 {
		l.t.Errorf("%s, said %q", show(p), l.said)
	}
}

// rolledBack is a life that has left a release again.
func rolledBack(t *testing.T, p plan) *life {
	l := upgraded(t, p)
	for range 3 {
		if err := l.quarter("AZC1901"); err != nil {
			t.Fatal(err)
		}
	}
	l.good()
	l.is(old, updater.Idle)
	return l
}

func TestRefusedReleaseIsNotTakenAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, p plan) {
		l := rolledBack(t, p)
		asked := l.platform.count()
		for range 4 {
			l.clock.pass(12 * time.Hour)
			if err := l.as(old).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			l.good()
		}
		if l.is(old, updater.Idle); l.platform.count() != asked || l.progress().Refused != newer {
			t.Errorf("asked %v, %s", l.platform.world.Manager.Calls(), show(l.progress()))
		}
		l.shop.publish(newest)
		l.updated()
		l.good()
		if l.is(newest, updater.Idle); l.progress().Refused != "" {
			t.Errorf("%s", show(l.progress()))
		}
		l.keeps(old, newest)
	})
}
