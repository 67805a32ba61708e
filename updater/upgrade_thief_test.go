package updater_test

import (
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/updater"
)

// Whoever can write to the state cannot sign. Whatever stands in the row, nothing is run
// that nobody made (each life judges that itself), and what is not done is told.
func TestForgedProgress(t *testing.T) {
	bad := pack(t, "6.6.6")
	switching := func(l *life, version, sum string, envelope []byte) collect.Fields {
		return collect.Fields{"Phase": "switching", "Release": version, "From": "v" + old, "SHA256": sum, "Envelope": envelope,
			"Previous": sumOf(bad), "Newest": "", "Next": time.Time{}, "Looked": l.clock.Now()}
	}
	returning := func(previous string) collect.Fields {
		return collect.Fields{"Phase": "returning", "Release": old, "From": "6.6.6", "Previous": previous, "Next": time.Time{}}
	}
	for name, c := range map[string]struct {
		forge func(l *life) collect.Fields
		want  string // in what master says; empty: there is nothing to do
	}{
		"a stranger's manifest": {func(l *life) collect.Fields {
			m := l.shop.make("9.9.9")
			m.SHA256, m.Package = sumOf(bad), l.shop.server.URL+"/bad.zip"
			return switching(l, m.Version, m.SHA256, l.shop.sign(m, stranger))
		}, "none of its 1 signatures"},
		"no manifest": {func(l *life) collect.Fields { return switching(l, "9.9.9", sumOf(bad), nil) }, "parse the envelope"},
		"another package than the manifest's": {func(l *life) collect.Fields {
			return switching(l, newer, sumOf(bad), l.shop.sign(l.shop.make(newer), ours))
		}, "the state and the manifest in it differ"},
		"another version than the manifest's": {func(l *life) collect.Fields {
			m := l.shop.make(newer)
			return switching(l, newest, m.SHA256, l.shop.sign(m, ours))
		}, "the state and the manifest in it differ"},
		"a manifest that ended": {func(l *life) collect.Fields {
			m := l.shop.make(newer)
			m.Expires = l.clock.Now()
			return switching(l, newer, m.SHA256, l.shop.sign(m, ours))
		}, "it ended at"},
		"an older release": {func(l *life) collect.Fields {
			m := l.shop.make("1.3.0")
			return switching(l, m.Version, m.SHA256, l.shop.sign(m, ours))
		}, ""},
		"what runs": {func(l *life) collect.Fields {
			m := l.shop.make(old)
			return switching(l, m.Version, m.SHA256, l.shop.sign(m, ours))
		}, ""},
		"back to no hash":            {func(*life) collect.Fields { return returning("../../6.6.6") }, "is no SHA-256"},
		"back to nothing":            {func(*life) collect.Fields { return returning("") }, "is no SHA-256"},
		"back to what is not there":  {func(*life) collect.Fields { return returning(sumOf([]byte("?"))) }, "not found"},
		"back to what is not itself": {func(*life) collect.Fields { return returning(sumOf([]byte("changed"))) }, "its package was changed in the container"},
		"at its proof's end": {func(*life) collect.Fields {
			f := returning("../../6.6.6")
			f["Phase"], f["Runs"] = "proving", int64(1<<40)
			return f
		}, "is no SHA-256"},
		"settling": {func(*life) collect.Fields {
			f := returning("../../6.6.6")
			f["Phase"] = "settling"
			return f
		}, "is no SHA-256"},
		"a phase that is none": {func(*life) collect.Fields { return collect.Fields{"Phase": "6.6.6", "Release": "6.6.6"} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, p plan) {
				l := newLife(t, p)
				l.shop.publish(old)
				l.shop.serve("/bad.zip", bad)
				l.good()
				l.shelf.tamper(sumOf([]byte("changed")), bad)
				l.forge(c.forge(l))
				l.clock.pass(quarter)
				if err := l.master(); !says(err, c.want) || !strings.Contains(l.progress().TakeError, c.want) {
					t.Errorf("got %v, want %q; %s", err, c.want, show(l.progress()))
				}
				if c.want == "" && l.progress().Phase != updater.Idle {
					t.Errorf("%s", show(l.progress()))
				}
				for range 20 {
					_ = l.quarter()
				}
				if l.version != old || l.platform.count() != 0 || l.shop.downloads() != 0 || len(l.tried) != 0 {
					t.Errorf("%s runs, asked %v, downloaded %v", l.version, l.platform.world.Manager.Calls(), l.shop.asked)
				}
			})
		})
	}
}

// What is forged about releases keeps newer ones away at most, and is told; a command
// mends what is.
func TestForgedMemory(t *testing.T) {
	for name, c := range map[string]struct {
		known bool // it is held back already
		forge collect.Fields
		want  string // in LookError
		mend  collect.Fields
	}{
		"the newest release":        {false, collect.Fields{"Newest": "99.0.0"}, "release 99.0.0 was seen before", collect.Fields{"Newest": newer}},
		"a newest that is none":     {false, collect.Fields{"Newest": "6.6.6.6"}, "must be like 1.4.0", collect.Fields{"Newest": ""}},
		"a release that is refused": {false, collect.Fields{"Refused": newer}, "", nil},
		"a next attempt, never":     {true, collect.Fields{"Next": time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLife(t, flex)
			l.shop.publish(old)
			l.good()
			l.shop.publish(newer)
			if c.known {
				l.holdBack = time.Hour
				if err := l.as(old).Run(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			l.forge(c.forge)
			l.clock.pass(2 * time.Hour)
			if err := l.as(old).Run(t.Context()); !says(err, c.want) || !says(errorOf(l.progress().LookError), c.want) && c.want != "" {
				t.Errorf("got %v, %s", err, show(l.progress()))
			}
			l.restart()
			if l.version != old || l.platform.requests() != 0 || l.shop.downloads() != 0 {
				t.Errorf("%s runs, asked %v", l.version, l.platform.world.Manager.Calls())
			}
			l.forge(c.mend)
			if err := l.as(old).Hurry(t.Context()); err != nil {
				t.Fatal(err)
			}
			_ = l.quarter()
			if l.version != newer {
				t.Errorf("%s runs, %s", l.version, show(l.progress()))
			}
		})
	}
}

// A forged row does not make it delete what the platform has to fetch again.
func TestWhatRunsIsNotForgotten(t *testing.T) {
	onBoth(t, func(t *testing.T, p plan) {
		l := upgraded(t, p)
		l.good()
		l.is(newer, updater.Idle)
		other := strings.Repeat("ab", 32)
		l.forge(collect.Fields{"Phase": "settling", "Release": newer, "From": old, "SHA256": other, "Previous": other, "Next": time.Time{}})
		l.good()
		l.keeps(newer)
		l.restart()
		l.is(newer, updater.Idle)
	})
}
