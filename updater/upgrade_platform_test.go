package updater_test

import (
	"testing"
	"time"

	"azcollector/internal/sim"
	"azcollector/updater"
)

// dozen is how often, at the most, something is tried in a day that fails each time. The
// shortest pauses are 6, 12, 24, 48, 96 minutes and then 3 hours, each up to the next run
// of master: those after 0, 15, 30, 60, 120, 225, 405 … 1305 minutes.
const dozen = 12

// firstPause is how long, at the most, the pause after the first attempt is: shorter than
// until master's next run.
const firstPause = 12 * time.Minute

func TestPlatformsFaults(t *testing.T) {
	onBoth(t, func(t *testing.T, p plan) {
		for name, c := range map[string]struct {
			rule    sim.Rule
			want    string
			patient time.Duration // asked for
		}{
			"409":                  {sim.Rule{Kind: sim.Status, Status: 409}, "another operation on the site is going on", 0},
			"429":                  {sim.Rule{Kind: sim.Throttle, RetryAfter: "2700"}, "429: ", 45 * time.Minute},
			"503":                  {sim.Rule{Kind: sim.Status, Status: 503}, "503: ", 0},
			"503 with Retry-After": {sim.Rule{Kind: sim.Status, Status: 503, RetryAfter: "1800"}, "503: ", 30 * time.Minute},
			"refused":              {sim.Rule{Kind: sim.Status, Status: 403}, "the identity lacks the role Website Contributor", 0},
			"reset":                {sim.Rule{Kind: sim.ResetBefore}, "reset by peer", 0},
		} {
			t.Run(name, func(t *testing.T) {
				l := newLife(t, p)
				l.shop.publish(newer)
				c.rule.Op = p.asks()
				l.platform.world.Dial.Set(c.rule)
				if err := l.quarter(); !says(err, c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
				got := l.progress()
				if l.is(old, updater.Switching); !says(errorOf(got.TakeError), c.want) || got.Version != newer || got.From != "v"+old {
					t.Errorf("%s", show(got))
				}
				if wait := got.Next.Sub(l.clock.Now()); wait <= 0 || wait < c.patient || wait > max(c.patient, firstPause) {
					t.Errorf("the next attempt after %v", wait)
				}
				l.platform.world.Dial.Clear()
				for range int(c.patient/quarter) - 1 {
					_ = l.quarter()
					l.is(old, updater.Switching)
				}
				l.good()
				if l.is(newer, updater.Switching); l.shop.downloads() != 1 || len(l.tried) != 1 {
					t.Errorf("downloaded %d times, tried %v", l.shop.downloads(), l.tried)
				}
				l.good()
				l.is(newer, updater.Idle)
				l.platform.world.RequireClean(t)
			})
		}
	})
}

type errorOf string

func (e errorOf) Error() string { return string(e) }

// It was done, and nobody heard of it: the new version proves itself all the same.
func TestPlatformsAnswerIsLost(t *testing.T) {
	onBoth(t, func(t *testing.T, p plan) {
		for _, kind := range []sim.Kind{sim.ResetAfter, sim.LostAck, sim.TruncateLength} {
			t.Run(string(kind), func(t *testing.T) {
				l := newLife(t, p)
				l.shop.publish(newer)
				l.platform.world.Dial.Set(sim.Rule{Op: p.asks(), Kind: kind, Count: 1})
				if err := l.quarter(); err == nil {
					t.Error("no error")
				}
				l.is(newer, updater.Switching)
				l.good()
				if l.is(newer, updater.Idle); l.platform.count() != 1 || l.progress().TakeError != "" {
					t.Errorf("asked %d times, %s", l.platform.count(), show(l.progress()))
				}
			})
		}
	})
}

// The same where the platform takes its time: what was asked for is asked again, and
// that does no harm.
func TestPlatformIsSlow(t *testing.T) {
	onBoth(t, func(t *testing.T, p plan) {
		l := newLife(t, p)
		l.shop.publish(newer)
		for i, want := range []int{1, 1, 2, 2} { // 20 minutes are left to it
			l.clock.pass(quarter)
			if err := l.master(); err != nil {
				t.Fatal(err)
			}
			if got := l.reported("asks the platform"); got != want {
				t.Errorf("after %d quarters asked %d times, want %d", i, got, want)
			}
		}
		if l.is(old, updater.Switching); l.progress().TakeError != "" {
			t.Errorf("%s", show(l.progress()))
		}
		l.restart()
		l.good()
		l.is(newer, updater.Idle)
		l.platform.world.RequireClean(t)
	})
}

func TestDeploymentsThatEndBadly(t *testing.T) {
	for end, want := range map[string]string{"Failed": "could not deploy it", "Canceled": "was canceled"} {
		for _, style := range sim.DeployStyles() {
			t.Run(end+" "+string(style), func(t *testing.T) {
				l := newLife(t, flex)
				l.shop.publish(newer)
				l.platform.world.Manager.SetDeployment(sim.Deployment{Style: style, Looks: 2, End: end})
				if err := l.quarter(); !says(err, want) {
					t.Errorf("got %v", err)
				}
				if l.is(old, updater.Switching); !says(errorOf(l.progress().TakeError), want) {
					t.Errorf("%s", show(l.progress()))
				}
				l.platform.world.Manager.SetDeployment(sim.Deployment{Style: style, Looks: 2})
				l.good()
				l.good()
				l.is(newer, updater.Idle)
				l.platform.world.RequireClean(t)
			})
		}
	}
}

// A day on which Resource Manager is down, or out of reach, makes no storm, of requests or
// of lines. Afterwards the release is taken.
func TestResourceManagerIsDownForADay(t *testing.T) {
	for name, c := range map[string]struct {
		rule sim.Rule
		want string
	}{
		"it says so":           {sim.Rule{Kind: sim.Status, Status: 503}, "503"},
		"nobody answers":       {sim.Rule{Kind: sim.ResetBefore}, "reset by peer"},
		"there is no identity": {sim.Rule{Op: sim.OpIdentity, Kind: sim.Status, Status: 503}, "who we are is 503"},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, p plan) {
				l := newLife(t, p)
				l.shop.publish(newer)
				l.platform.world.Dial.Set(c.rule)
				for i := range 96 {
					if err := l.quarter(); !says(err, c.want) {
						t.Errorf("got %v", err)
					}
					if i%48 == 0 { // the updater's own timer
						_ = l.as(old).Run(t.Context())
					}
				}
				l.is(old, updater.Switching)
				if n := l.reported("asks the platform"); n < 4 || n > dozen || l.platform.requests() > n {
					t.Errorf("asked %d times, %d requests", n, l.platform.requests())
				}
				if len(l.said) > dozen+1 || l.shop.manifest > 3 || l.shop.downloads() != 1 || len(l.tried) != 1 {
					t.Errorf("%d looks, %d downloads, tried %v, said %q", l.shop.manifest, l.shop.downloads(), l.tried, l.said)
				}
				l.platform.world.Dial.Clear()
				for range 24 { // the longest pause is 6 hours
					_ = l.quarter()
				}
				l.good()
				l.good()
				l.is(newer, updater.Idle)
			})
		})
	}
}
