package collect_test

import (
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

// From when a content waits for us is remembered through every attempt, whatever the
// source says of its age, and begins anew when it is reopened.
func TestFound(t *testing.T) {
	near := func(a, b time.Time) bool { return a.Sub(b).Abs() < time.Second } // the store takes some milliseconds
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		l := ledger(s, "a", true)
		c := fresh("1")
		found := time.Now()
		claim := announce(t, l, c)[0]
		is := func(when string, want time.Time) {
			t.Helper()
			for _, due := range dues(t, s) {
				if !near(due.Found, want) {
					t.Errorf("%s: the due row says %v, want %v", when, due.Found, want)
				}
			}
			if row := get(t, s, c); !near(row.Found, want) {
				t.Errorf("%s: the row says %v, want %v", when, row.Found, want)
			}
		}
		is("announced", found)
		time.Sleep(10 * time.Minute)
		if err := claim.Postpone(t.Context(), time.Minute, func(*collect.Content) {}); err != nil {
			t.Fatal(err)
		}
		is("postponed", found)
		if _, err := l.Offer(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		is("listed", found)

		time.Sleep(time.Hour)
		for _, due := range dues(t, s) {
			again, err := l.Take(t.Context(), due)
			if err != nil || again == nil {
				t.Fatalf("%v, %v", again, err)
			}
			if err := finish(t.Context(), again, collect.Gone); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Hour)
		if o, err := l.Offer(t.Context(), c); err != nil || !o.Fresh {
			t.Fatalf("%+v, %v", o, err)
		}
		if n := len(dues(t, s)); n != 1 {
			t.Fatalf("%d due rows", n)
		}
		is("reopened", time.Now())
	})
}
