package collect_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

var inTheYear9999 = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Whatever somebody wrote into a content's row, the list's word brings it back, and what
// was odd about it is told.
func TestListOverrulesForgedRows(t *testing.T) {
	for _, test := range []struct {
		name   string
		change collect.Fields
		odd    string
	}{
		{"delivered by nobody", collect.Fields{"State": "delivered"}, collect.OddState},
		{"a state that there is not", collect.Fields{"State": "foo"}, collect.OddState},
		{"due in the year 9999", collect.Fields{"Due": inTheYear9999}, collect.OddDue},
		{"leased and due in the year 9999", collect.Fields{"Due": inTheYear9999, "Owner": "x", "LeaseUntil": inTheYear9999}, collect.OddDue},
		{"another content", collect.Fields{"ContentID": "2"}, collect.OddRow},
		{"wrong types", collect.Fields{"Tenant": int64(1), "Type": true, "ContentID": int64(1), "Created": "now", "State": int64(1)}, collect.OddRow},
		{"expired in the year 1601", collect.Fields{"State": "expired", "Expires": time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC)}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t)
				c := fresh("1")
				announce(t, ledger(s, "first", false), c)
				s.tamper(t, c.Key(), test.change)
				for _, due := range dues(t, s) { // the thief is thorough
					if err := s.Delete(t.Context(), due.Row(), ""); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(12 * time.Minute)
				var odd []string
				l := ledger(s, "second", false)
				l.Odd = func(what string, _ collect.Content) { odd = append(odd, what) }
				if _, err := l.Offer(t.Context(), c); err != nil {
					t.Fatal(err)
				}
				if test.odd != "" && !slices.Contains(odd, test.odd) {
					t.Errorf("odd %q, want %q", odd, test.odd)
				}
				if n := takeAll(t, l, time.Now().Add(time.Second)); n != 1 {
					t.Errorf("%d contents taken, row %+v", n, get(t, s, c))
				}
				if row := get(t, s, c); row.State != collect.Done || row.URI != c.URI || !row.Expires.Equal(c.Expires) {
					t.Errorf("row %+v", row)
				}
			})
		})
	}
}

// A lease is believed for as long as clocks may differ, and no longer.
func TestLeaseOfALifetime(t *testing.T) {
	for _, test := range []struct {
		name  string
		until time.Duration
		taken bool
	}{
		{"of a minute", time.Minute, false},
		{"of a clock that is wrong", 9 * time.Minute, false},
		{"of an hour", time.Hour, true},
		{"until the year 9999", time.Until(inTheYear9999), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t)
				c := fresh("1")
				if _, err := ledger(s, "first", false).Offer(t.Context(), c); err != nil {
					t.Fatal(err)
				}
				s.tamper(t, c.Key(), collect.Fields{"Owner": "x", "LeaseUntil": time.Now().UTC().Add(test.until)})
				var odd []string
				l := ledger(s, "second", false)
				l.Odd = func(what string, _ collect.Content) { odd = append(odd, what) }
				claim, err := l.Take(t.Context(), dues(t, s)[0])
				if err != nil || (claim != nil) != test.taken || slices.Contains(odd, collect.OddLease) != test.taken {
					t.Errorf("claim %v, %v, odd %q", claim, err, odd)
				}
				time.Sleep(3 * time.Minute)
				if n, err := l.Requeue(t.Context(), tenant, time.Now().Add(-10*time.Minute), time.Now(), 10); err != nil || n > 0 && !test.taken && test.until > 3*time.Minute {
					t.Errorf("told of %d, %v", n, err)
				}
			})
		})
	}
}

// Due rows of a distant future come back at once if they lead to something, else they go.
func TestRecall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		l := ledger(s, "first", false)
		c := fresh("1")
		claim := announce(t, l, c)[0]
		if err := claim.Postpone(t.Context(), 100*24*time.Hour, func(*collect.Content) {}); err != nil {
			t.Fatal(err)
		}
		nowhere := collect.Row{Key: collect.Key{Kind: "due", Partition: tenant, Row: "99990101T000000.000|x"}, Fields: collect.Fields{"ContentPartition": "no key/"}}
		if _, err := s.Insert(t.Context(), nowhere); err != nil {
			t.Fatal(err)
		}
		rests := fresh("2")
		if err := announce(t, l, rests)[0].Postpone(t.Context(), time.Hour, func(*collect.Content) {}); err != nil {
			t.Fatal(err)
		}
		if n, err := l.Recall(t.Context(), tenant, time.Now()); n != 2 || err != nil {
			t.Errorf("recalled %d, %v", n, err)
		}
		if n := takeAll(t, l, time.Now()); n != 1 || get(t, s, c).State != collect.Done {
			t.Errorf("%d taken, %+v", n, get(t, s, c))
		}
		if left := dues(t, s); len(left) != 1 {
			t.Errorf("due rows %+v", left)
		}
		if _, err := s.Get(t.Context(), nowhere.Key); !errors.Is(err, collect.ErrNotFound) {
			t.Errorf("the row that leads nowhere: %v", err)
		}
	})
}

// What only a notification told of and the source does not know is counted, until the
// list offers it: then it is due at once.
func TestUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, fails(&collect.Fault{Verdict: collect.Missing, Err: errors.New("no such content")}))
		stop := p.run(t, time.Second)
		made, real, listed := fresh("made up"), fresh("real"), fresh("listed")
		p.Submit(t.Context(), announce(t, p.Ledger, made, real))
		if _, err := p.Ledger.Offer(t.Context(), listed); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		stop()
		unknown := func(after time.Time) int {
			n, err := p.Ledger.Unknown(t.Context(), tenant, after, 100)
			if err != nil {
				t.Error(err)
			}
			return n
		}
		if n, later := unknown(time.Time{}), unknown(time.Now().Add(-time.Hour)); n != 2 || later != 0 {
			t.Errorf("%d are unknown, %d of them announced within the hour", n, later)
		}
		before := get(t, p.store, real).Due
		if o, err := p.Ledger.Offer(t.Context(), real); err != nil || !o.Fresh || !o.Agreed {
			t.Errorf("%+v, %v", o, err)
		}
		if row := get(t, p.store, real); !row.Due.Before(before) || row.Unknown || unknown(time.Time{}) != 1 {
			t.Errorf("row %+v, %d unknown", row, unknown(time.Time{}))
		}
		if n := len(dues(t, p.store)); n != 3 {
			t.Errorf("%d due rows", n)
		}
	})
}
