package collect_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

const (
	day       = 24 * time.Hour
	retention = 35 * day
)

func sweep(t *testing.T, s collect.Store) int {
	t.Helper()
	n, err := collect.Sweep(t.Context(), s, tenant, time.Now(), retention)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// on is a content that was created so many days ago.
func on(days float64, id string) collect.Content {
	c := fresh(id)
	c.Created = c.Created.Add(-time.Duration(days * float64(day)))
	return c
}

func TestSweepOfContents(t *testing.T) {
	for _, test := range []struct {
		name  string
		days  float64
		state collect.State
		stays bool
	}{
		{"delivered", 37, collect.Done, false},
		{"dead", 37, collect.Dead, false},
		{"expired", 37, collect.Gone, false},
		{"pending", 400, collect.Pending, true},
		{"young", 30, collect.Done, true},
		{"the day is not wholly older", 35.2, collect.Done, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(day / 2) // at noon
				s, c := open(t), on(test.days, "1")
				claim := announce(t, ledger(s, "first", true), c)[0]
				if test.state != collect.Pending {
					_ = finish(t.Context(), claim, test.state)
				}
				n, row := sweep(t, s), get(t, s, c)
				if (n == 0) != test.stays || (row.ID == "1") != test.stays {
					t.Errorf("%d swept, row %+v", n, row)
				}
			})
		})
	}
}

// More rows than a batch takes, pending ones between them, with keys as long as
// keys can be.
func TestSweepOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		l := ledger(s, "first", true)
		var contents []collect.Content
		for i := range 421 {
			contents = append(contents, on(40, fmt.Sprint(i, strings.Repeat("/", 120))))
		}
		claims := announce(t, l, contents...)
		for i, claim := range claims {
			if i%20 != 0 {
				_ = finish(t.Context(), claim, collect.Done)
			}
		}
		young := on(1, "young")
		_ = finish(t.Context(), announce(t, l, young)[0], collect.Done)
		if n := sweep(t, s); n != 421-22 {
			t.Errorf("%d swept", n)
		}
		if left := s.rows(t, "content", contents[0].Key().Partition); len(left) != 22 {
			t.Errorf("%d are left", len(left))
		}
		if n := sweep(t, s); n != 0 || get(t, s, young).ID == "" {
			t.Errorf("%d swept the second time", n)
		}
	})
}

// Identity rows are large; a late record's, and one without a time, goes by the
// age of its row.
func TestSweepOfIdentities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(10_000 * day) // behind the records' own times, in 2026
		s, to := open(t), &sink{t: t}
		deliver := func(id string, raws ...string) collect.Tally {
			t.Helper()
			tally, err := delivery(to, s).Deliver(t.Context(), parcel(id), read(raws...))
			if err != nil {
				t.Fatal(err)
			}
			return tally
		}
		deliver("1", recs("old", 12_500)...)
		deliver("2", rec("old", 12, ""), `{"Id":"undated, old"}`)
		time.Sleep(20 * day)
		deliver("3", rec("late", 10, ""), `{"Id":"undated, late"}`)
		if n := sweep(t, s); n != 0 {
			t.Errorf("%d swept before their time", n)
		}
		time.Sleep(20 * day)
		if n := sweep(t, s); n != 7 { // five full rows, that of another span, and the undated one
			t.Errorf("%d swept", n)
		}
		if n := identities(t, s); n != 1 {
			t.Errorf("%d identities are left", n)
		}
		again := deliver("4", rec("late", 10, ""), `{"Id":"undated, late"}`, rec("old", 12, ""), `{"Id":"undated, old"}`)
		if again.Duplicate != 2 || again.Delivered != 2 {
			t.Errorf("known are %+v", again)
		}
		time.Sleep(40 * day)
		sweep(t, s)
		left, err := collect.Partitions(t.Context(), s, "recordids", tenant)
		if len(left) != 0 || err != nil {
			t.Errorf("left %v, %v", left, err)
		}
	})
}

// Somebody needs a row again between our reading and deleting it: it stays, and
// the others go another time.
func TestSweepOfARowThatIsNeededAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		l := ledger(s.Store, "first", true)
		a, b := on(40, "a"), on(40, "b")
		for _, claim := range announce(t, l, a, b) {
			_ = finish(t.Context(), claim, collect.Gone)
		}
		time.Sleep(2 * time.Hour)
		s.fate = func(w write) fate {
			if w.total == 1 {
				offered(t, l, a)
			}
			return works
		}
		if n := sweep(t, s); n != 0 {
			t.Errorf("%d swept", n)
		}
		if n := sweep(t, s); n != 1 || get(t, s, a).State != collect.Pending || get(t, s, b).ID != "" {
			t.Errorf("%d swept, then %v and %v", n, get(t, s, a), get(t, s, b))
		}
	})
}

// What counts stays a year and more, what was reported two days; dead letters,
// and what belongs to others, stay.
func TestSweepOfTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := open(t), newPicky(t, bad)
		collected(t, s, to, on(1, "1"), rec("bad", 10, ""))
		m, other := meter(s, "a"), meter(s, "a")
		other.Tenant = tenant + "0"
		keep := func() {
			t.Helper()
			flush(t, m)
			flush(t, other)
			err := errors.Join(
				collect.KeepDaily(t.Context(), s, collect.Daily{Tenant: tenant, Type: "Audit.General", Day: time.Now()}),
				collect.NoteGap(t.Context(), s, collect.Gap{Tenant: tenant, Type: "Audit.General", From: time.Now().Add(-time.Hour), To: time.Now(), Why: "x"}))
			if err != nil {
				t.Fatal(err)
			}
		}
		left := func() string {
			return fmt.Sprintf("%d daily, %d gaps, %d letters, %d and %d statistics",
				len(s.rows(t, "daily", tenant)), len(s.rows(t, "unobserved", tenant)), len(deadLetters(t, s)),
				partitions(t, s, "stats", tenant), partitions(t, s, "stats", tenant+"0"))
		}
		keep()
		time.Sleep(60 * day)
		keep()
		sweep(t, s)
		if got, want := left(), "2 daily, 2 gaps, 1 letters, 1 and 2 statistics"; got != want {
			t.Errorf("left %s, want %s", got, want)
		}
		time.Sleep(370 * day)
		sweep(t, s)
		if got, want := left(), "1 daily, 1 gaps, 1 letters, 0 and 2 statistics"; got != want {
			t.Errorf("left %s, want %s", got, want)
		}
	})
}

func partitions(t *testing.T, s collect.Store, kind, tenant string) int {
	t.Helper()
	all, err := collect.Partitions(t.Context(), s, kind, tenant)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// A table that cannot be swept does not keep the others from it.
func TestSweepGoesOnPastAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(10_000 * day)
		s := open(t)
		_ = finish(t.Context(), announce(t, ledger(s, "first", true), on(40, "1"))[0], collect.Done)
		if _, err := delivery(&sink{t: t}, s).Deliver(t.Context(), parcel("1"), read(recs("r", 1)...)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(40 * day)
		for _, how := range []fate{lost, unheard} {
			first := true
			s.fate = func(w write) fate {
				if w.kind == "content" && first {
					first = false
					return how
				}
				return works
			}
			if _, err := collect.Sweep(t.Context(), s, tenant, time.Now(), retention); how == lost && !errors.Is(err, errStore) {
				t.Errorf("got %v", err)
			}
			if n := identities(t, s); n != 0 {
				t.Errorf("%d identities are left", n)
			}
		}
		if n := partitions(t, s, "content", tenant); n != 0 {
			t.Errorf("%d days are left", n)
		}
	})
}
