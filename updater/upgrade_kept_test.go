package updater_test

import (
	"testing"

	"azcollector/internal/collect"
	"azcollector/updater"
)

// nothingCame is a life in which the platform accepted a release, and never ran it: it
// was given up, and the platform would return its package as the one that runs.
func nothingCame(t *testing.T, p plan) *life {
	t.Helper()
	l := newLife(t, p)
	l.shop.publish(newer)
	for range 6 {
		l.clock.pass(quarter)
		if err := l.master(); err != nil {
			t.Fatal(err)
		}
	}
	l.is(old, updater.Idle)
	l.shop.publish(newest)
	return l
}

// goesBackTo checks what the way back from the newest release is, and goes it.
func (l *life) goesBackTo(version string) {
	l.t.Helper()
	l.is(newest, updater.Switching)
	for range 3 {
		l.clock.pass(quarter)
		if err := l.master("AZC1901"); err != nil {
			l.t.Error(err)
		}
	}
	if l.restart(); l.version != version {
		l.t.Errorf("it goes back to %s, want %s", l.version, version)
	}
	l.good()
	l.is(version, updater.Idle)
}

// The way back is what runs, not what the platform was told in vain.
func TestWayBackIsWhatRuns(t *testing.T) {
	onBoth(t, func(t *testing.T, p plan) {
		l := nothingCame(t, p)
		l.updated()
		l.goesBackTo(old)
	})
}

// While it cannot be read, nothing is ordered that there would be no way back from.
func TestWayBackCannotBeRead(t *testing.T) {
	l := nothingCame(t, flex)
	asked := l.platform.count()
	l.once("after try", func() error {
		l.once("before get", func() error { return &collect.Fault{Code: "503", Err: errorOf("the storage account is busy")} })
		return nil
	})
	if err := l.as(old).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.master(); !says(err, "is busy") || l.platform.count() != asked || l.progress().Phase != updater.Waiting {
		t.Errorf("%v, asked %v", err, l.platform.world.Manager.Calls())
	}
	l.good()
	l.goesBackTo(old)
}

// If it is kept no more, or was changed, the platform's own copy is kept again.
func TestWayBackIsKeptAgain(t *testing.T) {
	sum := sumOf(pack(t, old))
	for name, spoil := range map[string]func(l *life){
		"deleted": func(l *life) { l.shelf.remove(sum) },
		"changed": func(l *life) { l.shelf.tamper(sum, pack(l.t, "6.6.6")) },
		"found to be changed": func(l *life) {
			l.shelf.tamper(sum, pack(l.t, "6.6.6"))
			l.shelf.looks = true
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := rolledBack(t, flex)
			l.platform.deploy("") // the platform's own copy of it
			spoil(l)
			l.shop.publish(newest)
			l.updated()
			l.goesBackTo(old)
		})
	}
}

// Once a release has shown that it works, it is what to go back to, whatever the platform
// was told in vain since then.
func TestWayBackIsTheReleaseThatWorks(t *testing.T) {
	for name, inVain := range map[string]func(l *life){
		"by us": func(l *life) {
			l.shop.publish("1.5.1")
			if err := l.as(newer).Run(l.t.Context()); err != nil {
				l.t.Fatal(err)
			}
			for range 6 {
				l.clock.pass(quarter)
				if err := l.master(); err != nil {
					l.t.Fatal(err)
				}
			}
			if p := l.progress(); p.Phase != updater.Idle || p.Refused != "1.5.1" {
				l.t.Fatalf("%s", show(p))
			}
		},
		"by hand": func(l *life) {
			sum := l.shop.make("1.3.0").SHA256
			l.shelf.tamper(sum, pack(l.t, "1.3.0"))
			l.platform.deploy(sum)
		},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, p plan) {
				l := upgraded(t, p)
				l.good()
				l.is(newer, updater.Idle)
				inVain(l)
				l.shop.publish(newest)
				l.updated()
				l.goesBackTo(newer)
			})
		})
	}
}

// A kept package that is gone, or not what it was, is downloaded again. That it cannot be
// read now is no reason to.
func TestKeptPackageIsGone(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(l *life, sum string)
		want  string // in the error of the attempt; empty: it is downloaded again
	}{
		"deleted": {func(l *life, sum string) { l.shelf.remove(sum) }, ""},
		"changed": {func(l *life, sum string) { l.shelf.tamper(sum, pack(l.t, "6.6.6")) }, ""},
		"cut off": {func(l *life, sum string) { l.shelf.tamper(sum, nil) }, ""},
		"found to be changed": {func(l *life, sum string) {
			l.shelf.tamper(sum, pack(l.t, "6.6.6"))
			l.shelf.looks = true
		}, ""},
		"not to be read now": {func(l *life, _ string) {
			l.once("before get", func() error { return &collect.Fault{Err: errorOf("the storage account is busy")} })
		}, "is busy"},
		"not to be read by us": {func(l *life, _ string) {
			l.once("before get", func() error { return &collect.Fault{Verdict: collect.JudgesUs, Code: "403", Err: errorOf("not you")} })
		}, "not you"},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, p plan) {
				l := inPhase[updater.Switching](t, p)
				m := l.shop.make(newer)
				c.spoil(l, m.SHA256)
				asked := l.platform.count()
				downloads := 2
				if c.want != "" {
					downloads = 1
					if err := l.quarter(); !says(err, c.want) || l.platform.count() != asked {
						t.Errorf("%v, asked %v", err, l.platform.world.Manager.Calls())
					}
					l.clock.pass(quarter)
				}
				l.good()
				if l.is(newer, updater.Switching); l.shop.downloads() != downloads {
					t.Errorf("%d downloads, want %d", l.shop.downloads(), downloads)
				}
				l.shelf.looks = false
				l.good()
				l.keeps(old, newer)
			})
		})
	}
}
