package master_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
	"azcollector/master"
)

// unknown makes n contents that somebody announced so long ago and that Microsoft did not
// know when asked last.
func unknown(t *testing.T, s *store, n int, ago time.Duration) {
	t.Helper()
	ledger := &collect.Ledger{Store: s, Owner: "test", Sole: true}
	now := time.Now().UTC()
	for i := range n {
		c := collect.Content{Tenant: tenant, Type: general, ID: fmt.Sprint(i), Created: now.Add(-ago), Expires: now.Add(7 * 24 * time.Hour)}
		claims, err := ledger.Announce(t.Context(), []collect.Content{c})
		if err != nil {
			t.Fatal(err)
		}
		if err := claims[0].Postpone(t.Context(), time.Minute, func(c *collect.Content) {
			c.Found, c.Unknown, c.Theirs = now.Add(-ago), true, true
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// Who else knows the secret, or can write to the state, is told of.
func TestStrangersAreTold(t *testing.T) {
	odd := func(what string) func(*testing.T, *store) {
		return func(t *testing.T, s *store) {
			m := &collect.Meter{Store: s, Tenant: tenant, Owner: "a"}
			m.Odd(what, 3)
			count(t, m, 0)
		}
	}
	cases := map[string]struct {
		prepare func(*testing.T, *store)
		codes   []string
	}{
		"many made up":         {func(t *testing.T, s *store) { unknown(t, s, 50, 15*time.Minute) }, []string{master.NotificationsForged}},
		"many made up, of old": {func(t *testing.T, s *store) { unknown(t, s, 50, 3*time.Hour) }, []string{master.NotificationsForged}},
		"a real one beside them is old": {func(t *testing.T, s *store) {
			unknown(t, s, 50, 3*time.Hour)
			offer(t, s, time.Now().Add(-2*time.Hour))
		}, []string{master.NotificationsForged, master.PendingOld}},
		"some that Microsoft forgot":     {func(t *testing.T, s *store) { unknown(t, s, 49, 15*time.Minute) }, nil},
		"some that it forgot, of old":    {func(t *testing.T, s *store) { unknown(t, s, 49, 3*time.Hour) }, []string{master.PendingOld}},
		"many that it does not have yet": {func(t *testing.T, s *store) { unknown(t, s, 500, 14*time.Minute) }, nil},
		"entries about others":           {odd(collect.OddEntry), []string{master.NotificationsForged}},
		"nobody knows what":              {odd("something of another version"), nil},
	}
	for _, what := range collect.OddInState {
		cases[what] = struct {
			prepare func(*testing.T, *store)
			codes   []string
		}{odd(what), []string{master.StateForged}}
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, d := open(t), &desk{}
				list(t, s, cursor(t, s), time.Now())
				test.prepare(t, s)
				found, err := checkIn(s, d).Run(t.Context(), nil)
				if err != nil {
					t.Error(err)
				}
				wantCodes(t, found, test.codes...)
			})
		})
	}
}

// What somebody wrote into the row of check-ins keeps nothing from being told.
func TestForgedCheckIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := open(t), &desk{}
		list(t, s, cursor(t, s), time.Now())
		gap(t, s, time.Now().Add(-time.Hour))
		_ = meter(t, s, "a", 3)
		ahead := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
		row := collect.Row{Key: collect.Key{Kind: "cursor", Partition: collect.EscapeKey(tenant), Row: "checkin"}, Fields: collect.Fields{
			"At": ahead, "Through": ahead, "Gaps": ahead, "Busy": true, "Owner": "x", "BusySince": ahead,
		}}
		if err := collect.Put(t.Context(), s, row); err != nil {
			t.Fatal(err)
		}
		c := checkIn(s, d)
		c.Owner = "us"
		found, err := c.Run(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		wantCodes(t, found, master.Unobserved)
		stats := d.last().Stats
		if names := stats.Names(); !slices.Contains(names, "content") {
			t.Errorf("statistics of %q", names)
		}
	})
}

// What is brought back is told, and what failed beside it as well.
func TestRecall(t *testing.T) {
	for name, test := range map[string]struct {
		n     int
		err   error
		codes []string
	}{
		"nothing":          {0, nil, nil},
		"some":             {2, nil, []string{master.StateForged}},
		"some, then fails": {2, errors.New("down"), []string{master.StateForged}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &master.Recall{Tenant: tenant, Due: func(context.Context, string, time.Time) (int, error) { return test.n, test.err }}
			found, err := r.Run(t.Context(), nil)
			wantCodes(t, found, test.codes...)
			if !errors.Is(err, test.err) {
				t.Error(err)
			}
		})
	}
}
