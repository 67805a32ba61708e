package master_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/sink"
	"azcollector/master"
)

// What a check-in finds by itself. Each case runs at midnight of 2000-01-01 (the
// clock of synctest), and first lists everything up to now.
func TestFindings(t *testing.T) {
	settings := func(code string) error {
		return &collect.Fault{Verdict: collect.JudgesUs, Code: code, Err: errors.New("no")}
	}
	expires := func(in time.Duration) func(*master.CheckIn) {
		return func(c *master.CheckIn) {
			c.Expires = func(context.Context) (time.Time, string) { return time.Now().Add(in), "APP_CLIENT_SECRET" }
		}
	}
	failing := func(code string, listed time.Duration) func(*testing.T, *store) {
		return func(t *testing.T, s *store) {
			c := cursor(t, s)
			c.FailingSince, c.LastError, c.LastCode = time.Now().Add(-listed), "the API says no", code
			list(t, s, c, time.Now().Add(-listed))
		}
	}
	for name, test := range map[string]struct {
		prepare func(*testing.T, *store)
		change  func(*master.CheckIn)
		before  []collect.Finding
		codes   []string
	}{
		"all is well": {nil, nil, nil, nil},
		"clock ahead": {nil, func(c *master.CheckIn) { c.Skew = func() time.Duration { return 6 * time.Minute } }, nil, []string{master.ClockWrong}},
		"clock late":  {nil, func(c *master.CheckIn) { c.Skew = func() time.Duration { return -6 * time.Minute } }, nil, []string{master.ClockWrong}},
		"clock right": {nil, func(c *master.CheckIn) { c.Skew = func() time.Duration { return 4 * time.Minute } }, nil, nil},

		"secret lasts":          {nil, expires(31 * 24 * time.Hour), nil, nil},
		"secret ends":           {nil, expires(29 * 24 * time.Hour), nil, []string{master.CredentialExpires}},
		"secret ended":          {nil, expires(-time.Hour), nil, []string{master.CredentialExpired}},
		"secret ended, as told": {nil, expires(-time.Hour), []collect.Finding{{Code: master.CredentialExpired}}, nil},
		"secret ends, not known": {nil, func(c *master.CheckIn) {
			c.Expires = func(context.Context) (time.Time, string) { return time.Time{}, "" }
		}, nil, nil},
		"destination takes all":   {nil, func(c *master.CheckIn) { c.Trouble = func() error { return nil } }, nil, nil},
		"destination refuses":     {nil, func(c *master.CheckIn) { c.Trouble = func() error { return settings("403") } }, nil, []string{master.DestinationRefuses}},
		"destination unreachable": {nil, func(c *master.CheckIn) { c.Trouble = func() error { return errors.New("EOF") } }, nil, []string{master.DestinationUnreachable}},

		"listing fails for an hour":  {failing("AF50000", time.Hour), nil, nil, nil},
		"listing fails for 3 hours":  {failing("AF50000", 3*time.Hour), nil, nil, []string{master.ListingBehind}},
		"listing is refused":         {failing("AF10001", time.Minute), nil, nil, []string{master.PermissionMissing}},
		"listing is refused, told":   {failing("AF10001", time.Minute), nil, []collect.Finding{{Code: master.PermissionMissing, Text: "for " + general}}, nil},
		"listing another is refused": {failing("AF10001", time.Minute), nil, []collect.Finding{{Code: master.PermissionMissing, Text: "for DLP.All"}}, []string{master.PermissionMissing}},
		"auditing off, as told":      {failing("auditing-off", 3*time.Hour), nil, []collect.Finding{{Code: master.AuditingOff, Text: "off"}}, nil},
		"nobody lists":               {func(t *testing.T, s *store) { list(t, s, cursor(t, s), time.Now().Add(-3*time.Hour)) }, nil, nil, []string{master.ListingBehind}},

		"the cursor is ahead": {func(t *testing.T, s *store) { list(t, s, cursor(t, s), time.Now().Add(11*time.Minute)) }, nil, nil, []string{master.ListingBehind}},
		"its clock differed":  {func(t *testing.T, s *store) { list(t, s, cursor(t, s), time.Now().Add(9*time.Minute)) }, nil, nil, nil},

		"a young content is pending": {func(t *testing.T, s *store) { offer(t, s, time.Now().Add(-59*time.Minute)) }, nil, nil, nil},
		"an old content is pending":  {func(t *testing.T, s *store) { offer(t, s, time.Now().Add(-61*time.Minute)) }, nil, nil, []string{master.PendingOld}},
		"a gap":                      {func(t *testing.T, s *store) { gap(t, s, time.Now().Add(-time.Hour)) }, nil, nil, []string{master.Unobserved}},
		"many gaps": {func(t *testing.T, s *store) {
			for i := range 12 {
				gap(t, s, time.Now().Add(-time.Duration(i)*time.Hour))
			}
		}, nil, nil, slices.Repeat([]string{master.Unobserved}, 11)},
		"dead letters": {func(t *testing.T, s *store) { bury(t, s) }, nil, nil, []string{master.DeadLetters}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, d := open(t), &desk{}
				list(t, s, cursor(t, s), time.Now())
				if test.prepare != nil {
					test.prepare(t, s)
				}
				c := checkIn(s, d)
				if test.change != nil {
					test.change(c)
				}
				found, err := c.Run(t.Context(), test.before)
				if err != nil {
					t.Errorf("error %v", err)
				}
				wantCodes(t, found, test.codes...)
			})
		})
	}
}

// cursor is a new one that listed every window of the last day but the current one.
func cursor(t *testing.T, s *store) *collect.Cursor {
	t.Helper()
	c := &collect.Cursor{Tenant: tenant, Type: general, Begin: time.Now().UTC().Add(-24 * time.Hour).Truncate(collect.Window)}
	if _, err := collect.LoadCursor(t.Context(), s, tenant, general); err == nil { // begin anew
		for row, err := range s.List(t.Context(), "cursor", collect.EscapeKey(tenant), "pull|") {
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Delete(t.Context(), row.Key, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	return c
}

// list says that everything up to a time is listed.
func list(t *testing.T, s *store, c *collect.Cursor, until time.Time) {
	t.Helper()
	for w := c.Begin; !w.After(until); w = w.Add(collect.Window) {
		c.Note(w, later(until, w.Add(collect.Window), w))
	}
	if err := c.Save(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

// later: a window that ended before the time was listed at its end.
func later(until, end, begin time.Time) time.Time {
	if end.Before(until) || begin.After(until) {
		return end
	}
	return until
}

func offer(t *testing.T, s *store, created time.Time) collect.Content {
	t.Helper()
	ledger := &collect.Ledger{Store: s, Owner: "test", Sole: true}
	c := collect.Content{Tenant: tenant, Type: general, ID: created.Format(time.RFC3339Nano), Created: created.UTC(), Expires: created.UTC().Add(7 * 24 * time.Hour), Listed: true}
	if _, err := ledger.Announce(t.Context(), []collect.Content{c}); err != nil {
		t.Fatal(err)
	}
	return c
}

// deliver carries records to a file, as a collector does.
func deliver(t *testing.T, s *store, m *collect.Meter, created time.Time, records ...collect.Record) {
	t.Helper()
	file, err := sink.OpenJSONL(filepath.Join(t.TempDir(), "records.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	delivery := &collect.Delivery{Sink: file, Store: s, Seen: &collect.Seen{Store: s}, Meter: m}
	content := collect.Content{Tenant: tenant, Type: general, ID: "content", Created: created}
	if _, err := delivery.Deliver(t.Context(), content, func(yield func(collect.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
}

func bury(t *testing.T, s *store) {
	t.Helper()
	deliver(t, s, nil, time.Now(), collect.Record{Raw: []byte("17"), Defect: "is no object"})
}

// A content that Microsoft offers late waits for us only from then on.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := open(t), &desk{}
		offer(t, s, time.Now().Add(-5*time.Hour))
		time.Sleep(7 * time.Minute)
		offer(t, s, time.Now().Add(-6*time.Hour))
		if _, err := checkIn(s, d).Run(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if r := d.last(); r.Waiting.Truncate(time.Minute) != 7*time.Minute || r.OldestPending.Truncate(time.Minute) != 6*time.Hour {
			t.Errorf("waiting for %v, the oldest is of %v ago", r.Waiting, r.OldestPending)
		}
	})
}

// A content that the source does not give waits for the source. It is pending all the
// same, and waits for us from the attempt on that fails for another reason.
func TestWaitingForTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := open(t), &desk{}
		offer(t, s, time.Now().Add(-5*time.Hour))
		time.Sleep(time.Hour)
		for _, test := range []struct {
			theirs  bool
			waiting time.Duration
		}{{true, 0}, {false, time.Hour}, {true, 0}} {
			time.Sleep(2 * time.Second)
			postpone(t, s, test.theirs)
			found, err := checkIn(s, d).Run(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if r := d.last(); r.Waiting.Truncate(time.Minute) != test.waiting || r.Pending != 1 || r.OldestPending.Truncate(time.Minute) != 6*time.Hour {
				t.Errorf("theirs %v: waiting for %v, %d pending, the oldest is of %v ago", test.theirs, r.Waiting, r.Pending, r.OldestPending)
			}
			if !slices.Contains(codesOf(found), master.PendingOld) {
				t.Errorf("theirs %v: found %v", test.theirs, found)
			}
		}
	})
}

// postpone makes an attempt at all that is due, which fails.
func postpone(t *testing.T, s *store, theirs bool) {
	t.Helper()
	ledger := &collect.Ledger{Store: s, Owner: "test", Sole: true}
	for due, err := range ledger.Due(t.Context(), tenant, time.Now()) {
		if err != nil {
			t.Fatal(err)
		}
		claim, err := ledger.Take(t.Context(), due)
		if err != nil || claim == nil {
			t.Fatalf("%v, %v", claim, err)
		}
		if err := claim.Postpone(t.Context(), time.Second, func(c *collect.Content) { c.Theirs = theirs }); err != nil {
			t.Fatal(err)
		}
	}
}

// The numbers of a report, beside its findings.
func TestReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := open(t), &desk{}
		now := time.Now().UTC()
		list(t, s, cursor(t, s), now.Add(-10*time.Minute))
		offer(t, s, now.Add(-30*time.Minute))
		offer(t, s, now.Add(-20*time.Minute))
		bury(t, s)
		gap(t, s, now.Add(-time.Hour))
		gap(t, s, now.Add(-8*24*time.Hour))
		c := checkIn(s, d)
		c.Types = append(c.Types, "DLP.All")
		expires := now.Add(1000 * time.Hour)
		c.Expires = func(context.Context) (time.Time, string) { return expires, "APP_CLIENT_CERTIFICATE" }
		if _, err := c.Run(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		r := d.last()
		if r.Pending != 2 || r.OldestPending.Truncate(time.Minute) != 30*time.Minute || r.DeadLetters != 1 || r.Replayable != 0 || !r.CredentialExpires.Equal(expires) {
			t.Errorf("report %+v", r)
		}
		if !r.Listed.Equal(now.Add(-10*time.Minute)) || len(r.Cursors) != 1 || !r.Cursors[general].Equal(r.Listed) {
			t.Errorf("listed %v, %v", r.Listed, r.Cursors)
		}
		if len(r.Gaps) != 2 || len(r.RecentGaps) != 1 {
			t.Errorf("%d gaps, %d of them recent", len(r.Gaps), len(r.RecentGaps))
		}
		time.Sleep(3 * time.Hour)
		found, err := c.Run(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		// A gap is told once; a type that was never listed is, once there was time to.
		wantCodes(t, found, master.ListingBehind, master.ListingBehind, master.PendingOld, master.DeadLetters)
		if r := d.last(); len(r.Gaps) != 0 || len(r.RecentGaps) != 1 {
			t.Errorf("%d gaps, %d of them recent", len(r.Gaps), len(r.RecentGaps))
		}
	})
}

// Lags are told per content type.
func TestLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := open(t), &desk{}
		m := &collect.Meter{Store: s, Tenant: tenant, Owner: "a"}
		now := time.Now().UTC()
		deliver(t, s, m, now.Add(-10*time.Minute), collect.Record{Raw: []byte(`{"Id":"1"}`), ID: []byte("1"), Time: now.Add(-time.Hour)})
		count(t, m, 0)
		if _, err := checkIn(s, d).Run(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		lag := d.last().Lags[general]
		within := func(d, want time.Duration) bool { return d >= want && d < want*5/4 } // a class is 19 % wide
		if !within(lag.Theirs.P50, 50*time.Minute) || !within(lag.Ours.P99, 10*time.Minute) || lag.Theirs.P99 != lag.Theirs.P50 {
			t.Errorf("lags %+v", lag)
		}
	})
}
