package updater_test

import (
	"errors"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/updater"
)

// late is longer than an attempt is claimed for.
const late = 13 * time.Minute

// other is a run of master in another process, while the first is at work for too long.
func (l *life) other(version string) {
	l.t.Helper()
	l.clock.pass(late)
	u := l.as(version)
	if err := errors.Join(u.Begin(l.t.Context()), u.End(l.t.Context(), nil)); err != nil {
		l.t.Errorf("the other process: %v", err)
	}
}

// Before it has asked the platform, the first learns that it is too late, and does not.
// However its attempt ends, what the other did stands.
func TestAttemptLastsTooLong(t *testing.T) {
	for step, downloads := range map[string]int{"before get": 1, "before download": 2, "after download": 2, "after put": 1, "before try": 1, "after try": 1, "before running": 1} {
		for end, err := range map[string]error{"": nil, " and fails": errorOf("too late"), " and is refused": &collect.Fault{Code: "403", Err: errorOf("too late")}} {
			t.Run(step+end, func(t *testing.T) {
				l := newLife(t, flex)
				l.shop.publish(newer)
				var after collect.Row
				l.once(step, func() error {
					l.other(old)
					after = l.row()
					return err
				})
				l.clock.pass(quarter)
				if got := l.as(old).End(t.Context(), nil); got == nil {
					t.Error("it says nothing")
				}
				if l.row().Version != after.Version || l.platform.count() != 1 || l.shop.downloads() > downloads || after.Fields["Orders"] != int64(1) || after.Fields["TakeError"] != "" {
					t.Errorf("asked %v, %d downloads, %s", l.platform.world.Manager.Calls(), l.shop.downloads(), show(l.progress()))
				}
				l.restart()
				l.good()
				l.is(newer, updater.Idle)
			})
		}
	}
}

// What came of its order is not written over what the other did.
func TestOrderLastsTooLong(t *testing.T) {
	for name, c := range map[string]struct {
		step  string
		err   error
		other func(l *life)
	}{
		"another order":              {"before run", nil, func(l *life) { l.other(old) }},
		"another order, and failed":  {"before run", errorOf("too late"), func(l *life) { l.other(old) }},
		"another order, and refused": {"before run", &collect.Fault{Code: "403", Err: errorOf("too late")}, func(l *life) { l.other(old) }},
		"it runs":                    {"after run", nil, (*life).begins},
		"it runs, and failed":        {"after run", errorOf("too late"), (*life).begins},
		"it runs, and refused":       {"after run", &collect.Fault{Code: "409", Err: errorOf("too late")}, (*life).begins},
		"it works":                   {"after run", errorOf("too late"), func(l *life) { l.restart(); l.other(l.version) }},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, p plan) {
				l := newLife(t, p)
				l.shop.publish(newer)
				var after collect.Row
				l.once(c.step, func() error {
					c.other(l)
					after = l.row()
					return c.err
				})
				l.clock.pass(quarter)
				_ = l.as(old).End(t.Context(), nil)
				if l.row().Version != after.Version {
					t.Errorf("it has %v, had %v", l.row().Fields, after.Fields)
				}
				l.restart()
				l.good()
				l.good()
				if l.is(newer, updater.Idle); len(l.settled) != 1 {
					t.Errorf("settled %v", l.settled)
				}
			})
		})
	}
}

// begins is the beginning of a run of what the platform was told to run.
func (l *life) begins() {
	l.t.Helper()
	l.restart()
	if err := l.as(l.version).Begin(l.t.Context()); err != nil {
		l.t.Error(err)
	}
}

// The same on the way back: the release that is left does not end what the version
// before has begun.
func TestOrderOfTheWayBackLastsTooLong(t *testing.T) {
	for name, err := range map[string]error{"it is done": nil, "it failed": errorOf("too late")} {
		t.Run(name, func(t *testing.T) {
			l := upgraded(t, premium)
			for range 2 {
				_ = l.quarter("AZC1901")
			}
			l.once("after run", func() error {
				l.begins()
				return err
			})
			l.clock.pass(quarter)
			u := l.as(newer)
			_ = errors.Join(u.Begin(t.Context()), u.End(t.Context(), []string{"AZC1901"}))
			if l.is(old, updater.Settling); l.progress().TakeError != "" {
				t.Errorf("%s", show(l.progress()))
			}
			l.good()
			if l.is(old, updater.Idle); len(l.settled) != 1 || l.progress().Refused != newer {
				t.Errorf("settled %v, %s", l.settled, show(l.progress()))
			}
			l.keeps(old)
		})
	}
}

// While the first tells the platform, the other may have ordered a newer release
// already: then its package, and the way back, are not to be forgotten.
func TestSettlingLastsTooLong(t *testing.T) {
	onBoth(t, func(t *testing.T, p plan) {
		for _, step := range []string{"before settle", "after settle", "after running"} {
			t.Run(step, func(t *testing.T) {
				l := upgraded(t, p)
				l.once(step, func() error {
					l.clock.pass(late)
					l.shop.publish(newest)
					if err := l.as(newer).Run(t.Context()); err != nil {
						t.Error(err)
					}
					l.other(newer)
					return nil
				})
				l.clock.pass(quarter)
				u := l.as(newer)
				if err := errors.Join(u.Begin(t.Context()), u.End(t.Context(), nil)); err != nil { // that another one has come further is none
					t.Errorf("got %v", err)
				}
				l.keeps(old, newer, newest)
				l.restart()
				l.is(newest, updater.Switching)
				l.good()
				l.is(newest, updater.Idle)
				l.keeps(newer, newest)
			})
		}
	})
}

// A claim is for at least six minutes: nobody makes the same attempt meanwhile.
func TestAttemptIsClaimed(t *testing.T) {
	l := newLife(t, flex)
	l.shop.publish(newer)
	l.once("before try", func() error {
		l.clock.pass(6*time.Minute - time.Second)
		u := l.as(old)
		return errors.Join(u.Begin(t.Context()), u.End(t.Context(), nil))
	})
	l.good()
	if l.is(newer, updater.Switching); len(l.tried) != 1 || l.shop.downloads() != 1 || l.platform.count() != 1 {
		t.Errorf("tried %v, %d downloads, asked %d times", l.tried, l.shop.downloads(), l.platform.count())
	}
}
