package updater_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"azcollector/updater"
)

// unseen is a run that finds nothing, while nothing shows that all works.
var unseen = []string{"(unseen)"}

func repeat(n int, finds []string, then ...[]string) [][]string {
	return append(slices.Repeat([][]string{finds}, n), then...)
}

// That nothing is found is no proof where it could not be seen. Such a run neither
// proves nor fails, for three hours.
func TestProofNeedsEvidence(t *testing.T) {
	const unproven = "it has not yet shown that all works"
	fails := []string{"AZC1901"}
	for name, c := range map[string]struct {
		finds [][]string // in each of its runs
		why   string     // it is left; empty: it stays
	}{
		"at once":                        {[][]string{nil}, ""},
		"at last":                        {repeat(11, unseen, nil), ""},
		"not in time":                    {repeat(12, unseen), unproven},
		"fails, but not three in a row":  {[][]string{fails, fails, unseen, fails, fails, unseen, nil}, ""},
		"fails in the end":               {[][]string{unseen, fails, fails, fails}, "did not: AZC1901"},
		"fails after it died":            {[][]string{unseen, dies, fails, fails}, "did not: AZC1901"},
		"dies now and then":              {[][]string{dies, unseen, dies, unseen, dies, unseen, nil}, ""},
		"now and then, and not in time":  {repeat(10, unseen, fails, unseen), unproven},
		"fails in the last, of many":     {repeat(10, unseen, fails, fails), "did not: AZC1901"},
		"dies twice, then is not seen":   {[][]string{dies, dies, unseen, dies, dies, nil}, ""},
		"dies, ends with a fault, dies":  {[][]string{dies, fails, dies, dies}, "3 runs of master did not come to their end"},
		"finds only what was known then": {[][]string{{"AZC1001"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLife(t, flex)
			l.failing = []string{"AZC1001"}
			l.shop.publish(newer)
			l.good()
			began := l.clock.Now().Add(quarter)
			seen := false
			l.evident = func(since time.Time) (bool, error) {
				if !since.Equal(began) {
					t.Errorf("since %v, it runs since %v", since, began)
				}
				return seen, nil
			}
			for i, finds := range c.finds {
				if seen = !slices.Equal(finds, unseen); !seen {
					finds = nil
				}
				l.prove(finds)
				if phase := l.progress().Phase; i < len(c.finds)-1 && phase != updater.Proving {
					t.Fatalf("after run %d it is %q", i+1, phase)
				}
			}
			if c.why == "" {
				l.confirmed()
			} else {
				l.left(c.why)
			}
		})
	}
}

// While nobody knows whether there is evidence, nothing is judged, and that is told.
func TestEvidenceCannotBeRead(t *testing.T) {
	l := upgraded(t, flex)
	l.evident = func(time.Time) (bool, error) { return true, errors.New("read the runs: the table is busy") }
	l.clock.pass(quarter)
	u := l.as(newer)
	if err := u.Begin(t.Context()); err != nil {
		t.Error(err)
	}
	if err := u.End(t.Context(), nil); !says(err, "the table is busy") || l.progress().Phase != updater.Proving {
		t.Errorf("%v, %s", err, show(l.progress()))
	}
	l.evident = nil
	l.good()
	l.confirmed()
}

// A new version whose master dies is left within an hour, by its own doing.
func TestMasterDiesEachTime(t *testing.T) {
	onBoth(t, func(t *testing.T, p plan) {
		for name, refusals := range map[string]int{"the platform is there": 0, "it is not, for two runs": 2} {
			t.Run(name, func(t *testing.T) {
				l := upgraded(t, p)
				for range 3 {
					l.prove(dies)
					l.is(newer, updater.Proving)
				}
				asked := l.platform.count()
				for range refusals {
					l.once("before run", func() error { return errorOf("not now") })
					l.prove(dies)
					if l.is(newer, updater.Returning); !strings.Contains(l.progress().TakeError, "not now") {
						t.Errorf("%s", show(l.progress()))
					}
					l.clock.pass(quarter)
				}
				if l.prove(dies); l.platform.count() != asked+1 {
					t.Errorf("asked %v", l.platform.world.Manager.Calls())
				}
				l.left("3 runs of master did not come to their end")
			})
		}
	})
}
