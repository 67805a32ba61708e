package updater_test

import (
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/updater"
)

const year = 365 * 24 * time.Hour

// ahead is a quarter in which the clock is a year ahead, and right again afterwards.
func (l *life) ahead(finds ...string) error {
	l.t.Helper()
	l.clock.pass(year)
	err := l.quarter(finds...)
	l.clock.pass(-year)
	return err
}

// A clock that was a year ahead, in whichever run of master, costs some hours at most,
// not a year, nor the release.
func TestClockWasAhead(t *testing.T) {
	for name, c := range map[string]struct {
		finds   []string // in runs of the new version
		fails   bool     // each attempt in that run
		ends    string
		refused string
	}{
		"it works":                   {nil, false, newer, ""},
		"it works, after a failure":  {nil, true, newer, ""},
		"it does not work":           {[]string{"AZC1901"}, false, old, newer},
		"it does not work, and more": {[]string{"AZC1901"}, true, old, newer},
	} {
		t.Run(name, func(t *testing.T) {
			for run := range 8 {
				l := newLife(t, premium)
				l.evident = func(since time.Time) (bool, error) { return l.clock.Now().After(since), nil }
				m := l.shop.make(newer)
				m.Expires = l.clock.Now().Add(2 * year)
				l.shop.serve(manifestPath, l.shop.sign(m, ours))
				for i := range 24 {
					var finds []string
					if l.version == newer {
						finds = c.finds
					}
					turn := l.quarter
					if i == run {
						turn = l.ahead
						if l.at = nothing; c.fails {
							l.at = func(step string) error {
								if step == "before run" || step == "before settle" {
									return &collect.Fault{Code: "409", Err: errorOf("not now")}
								}
								return nil
							}
						}
					}
					_ = turn(finds...)
					l.at = nothing
				}
				if p := l.progress(); l.version != c.ends || p.Phase != updater.Idle || p.Refused != c.refused {
					t.Errorf("ahead in run %d: %s runs, %s", run, l.version, show(p))
				}
			}
		})
	}
}

func nothing(string) error { return nil }

// Nor does it keep anybody from seeing that the version before was put back.
func TestPutBackAfterAClockAhead(t *testing.T) {
	for _, phase := range []updater.Phase{updater.Proving, updater.Settling} {
		t.Run(string(phase), func(t *testing.T) {
			l := inPhase[phase](t, flex)
			l.forge(collect.Fields{"Since": l.clock.Now().Add(year)})
			l.hand(old)
			for range 8 {
				_ = l.quarter()
				l.is(old, phase)
			}
			l.good()
			l.is(old, updater.Idle)
		})
	}
}

// By such a clock a manifest has ended. The updater's next run knows better.
func TestManifestHadEndedByAClockAhead(t *testing.T) {
	l := newLife(t, flex)
	l.holdBack = time.Hour
	l.shop.publish(newer)
	if err := l.ahead(); !says(err, "it ended at") {
		t.Errorf("got %v", err)
	}
	l.clock.pass(12 * time.Hour)
	l.updated()
	if l.is(old, updater.Waiting); l.progress().LookError != "" {
		t.Errorf("%s", show(l.progress()))
	}
	l.clock.pass(2 * time.Hour)
	l.good()
	l.is(newer, updater.Switching)
}

// Whatever is put off for longer than anything ever is, is due.
func TestPutOffForTooLong(t *testing.T) {
	const most = 7 * time.Hour
	for phase, begin := range inPhase {
		if phase == updater.Proving { // then there is nothing to attempt
			continue
		}
		longest := most
		if phase == updater.Waiting {
			longest += 2 * time.Hour // it is held back for an hour, and up to twice as long
		}
		for until, due := range map[time.Duration]bool{-time.Second: true, 0: true, time.Second: false, longest - time.Second: false, longest: true, year: true} {
			t.Run(string(phase)+", "+until.String(), func(t *testing.T) {
				l := begin(t, flex)
				tried := 0
				l.at = func(step string) error { // each attempt but the last begins so
					if step == "before get" || step == "before settle" {
						tried++
					}
					return nil
				}
				l.forge(collect.Fields{"Next": l.clock.Now().Add(until), "BeforeSeen": l.clock.Now()})
				if _ = l.master(); (tried > 0) != due {
					t.Errorf("%d attempts", tried)
				}
			})
		}
	}
}
