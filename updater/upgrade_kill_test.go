package updater_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"testing"

	"azcollector/updater"
)

// How a life is disturbed at one of its steps.
var disturbances = map[string]func(cancel func()) error{
	"killed": func(func()) error { runtime.Goexit(); return nil },
	"failed": func(func()) error { return errors.New("the line is dead") },
	"stopped": func(cancel func()) error {
		cancel()
		return nil
	},
}

// disturbedRun is a quarter in which the n-th step from here does not go well. It
// returns the step, "" if there were fewer, and how many steps are left until then.
func (l *life) disturbedRun(n int, how func(cancel func()) error, finds ...string) (step string, left int) {
	l.t.Helper()
	l.clock.pass(quarter)
	ctx, cancel := context.WithCancel(l.t.Context())
	defer cancel()
	l.at = func(now string) error {
		if n--; n == 0 {
			step = now
			return how(cancel)
		}
		return nil
	}
	ended := make(chan struct{})
	go func() { // a process: what it holds is gone with it
		defer close(ended)
		u := l.as(l.version)
		_ = u.Begin(ctx)
		_ = u.End(ctx, finds)
	}()
	<-ended
	l.at = func(string) error { return nil }
	l.restart()
	return step, n
}

// Whatever step a process is killed at, or fails at, or is stopped at, done or not done:
// whoever comes next goes on, and nothing runs that was not verified and intended.
func TestDisturbedAtEachStep(t *testing.T) {
	const added = "AZC1901"
	for name, c := range map[string]struct {
		finds   []string // in runs of the new version
		ends    string
		refused string
	}{
		"it works":         {nil, newer, ""},
		"it does not work": {[]string{added}, old, newer},
	} {
		for kind, how := range disturbances {
			t.Run(name+", "+kind, func(t *testing.T) {
				onBoth(t, func(t *testing.T, p plan) {
					template := newLife(t, p)
					template.shop.publish(newer)
					seen, stride := map[string]bool{}, 1
					if p == premium && os.Getenv("SOAK") == "" {
						stride = 5 // what differs is one call
					}
					for n := 1; ; n += stride {
						l := template.anew(t)
						step, left := "", n
						for runs := 0; runs < 14; runs++ {
							var finds []string
							if l.version == newer {
								finds = c.finds
							}
							if step != "" {
								left = 0 // the others go well
							}
							var hit string
							if hit, left = l.disturbedRun(left, how, finds...); hit != "" {
								step = hit
							}
						}
						if step == "" {
							t.Logf("%d steps", n-1)
							break // there are fewer steps
						}
						seen[step] = true
						l.ended(step, c.ends, c.refused)
					}
					for _, must := range []string{"before write", "after write", "after download", "after try", "before put", "before run", "after run"} {
						if !seen[must] && stride == 1 {
							t.Errorf("no life was disturbed %s, of %v", must, seen)
						}
					}
					template.platform.world.RequireClean(t)
				})
			})
		}
	}
}

// ended checks how a life ended that was disturbed at a step.
func (l *life) ended(step, version, refused string) {
	l.t.Helper()
	p := l.progress()
	if l.version != version || p.Phase != updater.Idle || p.Refused != refused || p.TakeError != "" {
		l.t.Errorf("disturbed %s: %s runs, %s", step, l.version, show(p))
		return
	}
	if version == newer {
		l.keeps(old, newer)
	} else {
		l.keeps(old)
	}
	if len(l.settled) == 0 || slices.ContainsFunc(l.settled, func(told string) bool { return told != version }) {
		l.t.Errorf("disturbed %s: settled %v", step, l.settled)
	}
}
