package release_test

import (
	"strings"
	"testing"
	"time"

	"azcollector/internal/release"
)

func TestOffer(t *testing.T) {
	for name, c := range map[string]struct {
		version, current string
		take             bool
		want             string // in the error
	}{
		"newer":                      {"1.4.0", "1.3.9", true, ""},
		"with v, as the program has": {"1.4.0", "v1.3.9", true, ""},
		"the oldest that may":        {"1.4.0", "1.2.0", true, ""},
		"numbers, not letters":       {"1.10.0", "1.9.0", true, ""},
		"a release after candidates": {"1.4.0", "1.4.0-rc.2", true, ""},
		"a candidate after another":  {"1.4.0-rc.2", "1.4.0-rc.1", true, ""},
		"a candidate":                {"1.4.0-rc.1", "1.3.9", false, ""},
		"a candidate for too old":    {"1.4.0-rc.1", "1.1.9", false, ""},
		"the same":                   {"1.4.0", "1.4.0", false, ""},
		"an older one":               {"1.4.0", "1.4.1", false, ""},
		"a candidate after all":      {"1.4.0-rc.1", "1.4.0", false, ""},
		"too old":                    {"1.4.0", "1.1.9", false, "only 1.2.0 and later"},
		"a candidate of the minimum": {"1.4.0", "1.2.0-rc.1", false, "only 1.2.0 and later"},
		"built from source":          {"1.4.0", "(devel)", false, "no released version"},
		"nothing":                    {"1.4.0", "", false, "no released version"},
	} {
		t.Run(name, func(t *testing.T) {
			m := good()
			m.Version = c.version
			offered(t, m, c.current, "", m.Released, c.take, c.want)
		})
	}
}

// What is newer is not taken because it was once signed, and a collector that has
// nothing to take still says that it is shown something stale.
func TestOfferIsOfItsMoment(t *testing.T) {
	m := good()
	for name, c := range map[string]struct {
		newest string
		now    time.Time
		want   string // in the error
	}{
		"on its day":              {"", m.Released, ""},
		"a day before":            {"", m.Released.Add(-24 * time.Hour), ""},
		"more than a day before":  {"", m.Released.Add(-24*time.Hour - 1), "is yet to come"},
		"just before its end":     {"", m.Expires.Add(-1), ""},
		"at its end":              {"", m.Expires, "it ended at 2027-02-20T00:00:00Z"},
		"seen before":             {"1.4.0", m.Released, ""},
		"seen with v":             {"v1.4.0", m.Released, ""},
		"an older was seen":       {"1.3.9", m.Released, ""},
		"its candidate was seen":  {"1.4.0-rc.1", m.Released, ""},
		"a newer was seen":        {"1.4.1", m.Released, "release 1.4.1 was seen before"},
		"a later candidate, too":  {"1.5.0-rc.1", m.Released, "release 1.5.0-rc.1 was seen before"},
		"what was seen is broken": {"1.4", m.Released, `the newest version seen is kept as "1.4"`},
	} {
		t.Run(name+", from anywhere", func(t *testing.T) {
			if err := m.Believable(c.newest, c.now); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
		for _, current := range []string{"1.3.0", "1.4.0"} {
			t.Run(name+", from "+current, func(t *testing.T) {
				offered(t, m, current, c.newest, c.now, c.want == "" && current != m.Version, c.want)
			})
		}
	}
}

func offered(t *testing.T, m release.Manifest, current, newest string, now time.Time, take bool, want string) {
	t.Helper()
	got, err := m.Offer(current, newest, now)
	if got != take || (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, %v; want %v, %q", got, err, take, want)
	}
}
