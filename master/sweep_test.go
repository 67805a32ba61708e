package master_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/master"
)

const (
	day       = 24 * time.Hour
	retention = 35 * day
)

// put writes a content's row as the ledger has it.
func put(t *testing.T, s *store, id string, created time.Time, state collect.State, delivered int64) {
	t.Helper()
	c := collect.Content{Tenant: tenant, Type: general, ID: id, Created: created}
	row := collect.Row{Key: c.Key(), Fields: collect.Fields{
		"Tenant": tenant, "Type": general, "ContentID": id, "Created": created, "State": string(state), "Delivered": delivered,
	}}
	if state != collect.Pending {
		row.Fields["Finished"] = created
	}
	is, err := s.Get(t.Context(), row.Key)
	if row.Version = is.Version; err == nil {
		_, err = s.Replace(t.Context(), row)
	} else {
		_, err = s.Insert(t.Context(), row)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestSweep(t *testing.T) {
	s := open(t)
	now := noon
	swept := 0
	sweep := &master.Sweep{Tenant: tenant, Store: s, Retention: retention, Now: func() time.Time { return now }, Report: func(n int) { swept += n }}
	want := func(after time.Duration, rows int) {
		t.Helper()
		now = now.Add(after)
		swept = 0
		if _, err := sweep.Run(t.Context(), nil); err != nil {
			t.Errorf("error %v", err)
		}
		if swept != rows {
			t.Errorf("swept %d rows, want %d", swept, rows)
		}
	}
	old := func(id string) { put(t, s, id, noon.Add(-37*day), collect.Done, 1) }
	old("a")
	put(t, s, "young", noon.Add(-30*day), collect.Done, 1)
	put(t, s, "open", noon.Add(-37*day), collect.Pending, 0)
	want(0, 1)
	old("b")
	want(5*time.Hour, 0)
	want(time.Hour, 1)
	old("c")
	want(-day, 1) // a clock that was set back does not keep us waiting
}

// A sweep that failed is not put off.
func TestSweepFails(t *testing.T) {
	s := open(t)
	sweep := &master.Sweep{Tenant: tenant, Store: s, Retention: retention, Now: func() time.Time { return noon }}
	s.broken = true
	_, err := sweep.Run(t.Context(), nil)
	if code, _ := master.CodeOf(err); !errors.Is(err, errDisk) || code.ID != master.StateFailed {
		t.Errorf("error %v", err)
	}
	s.broken = false
	put(t, s, "a", noon.Add(-37*day), collect.Done, 1)
	sweep.Report = func(n int) { sweep.Report = nil }
	if _, err := sweep.Run(t.Context(), nil); err != nil || sweep.Report != nil {
		t.Errorf("it was put off, error %v", err)
	}
}

func TestTotals(t *testing.T) {
	s, d := open(t), &desk{}
	now := noon
	clock := func() time.Time { return now }
	totals := &master.Totals{Tenant: tenant, Store: s, Retention: retention, Now: clock}
	checkIn := &master.CheckIn{Tenant: tenant, Store: s, Now: clock, Send: d.take}
	run := func(after time.Duration) {
		t.Helper()
		now = now.Add(after)
		_, err1 := totals.Run(t.Context(), nil)
		_, err2 := checkIn.Run(t.Context(), nil)
		if err := errors.Join(err1, err2); err != nil {
			t.Errorf("error %v", err)
		}
	}
	wantExpired := func(n int64) {
		t.Helper()
		if got := d.last().Expired; got != n || (d.last().ErrorCode == master.ContentExpired) != (n > 0) {
			t.Errorf("told of %d expired contents and code %q, want %d", got, d.last().ErrorCode, n)
		}
	}
	put(t, s, "a", noon.Add(-2*day), collect.Done, 7)
	put(t, s, "b", noon.Add(-2*day), collect.Pending, 0)
	put(t, s, "c", noon.Add(-7*day), collect.Gone, 0)
	put(t, s, "today", noon.Add(-time.Hour), collect.Gone, 0) // its day is not over
	run(0)
	wantExpired(1)
	wantDaily(t, s, noon.Add(-2*day), 1, 1, 0, 7)

	put(t, s, "b", noon.Add(-2*day), collect.Gone, 0)
	run(11 * time.Hour) // still the same day
	wantExpired(0)
	wantDaily(t, s, noon.Add(-2*day), 1, 1, 0, 7)
	run(2 * time.Hour) // after midnight
	wantExpired(2)
	wantDaily(t, s, noon.Add(-2*day), 1, 0, 1, 7)
	run(time.Hour)
	wantExpired(0)

	// Nobody took the check-in: what expired is told of again.
	put(t, s, "d", now.Add(-2*day), collect.Gone, 0)
	d.refuse = errors.New("no route")
	now = now.Add(day)
	if _, err := totals.Run(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	_, _ = checkIn.Run(t.Context(), nil)
	wantExpired(1)
	d.refuse = nil
	run(time.Minute)
	wantExpired(1)
	run(time.Minute)
	wantExpired(0)
}

// A day with an open content is counted until it is finished, however old; one
// that was swept is not counted again, for that would make its total smaller.
func TestTotalsOfOldDays(t *testing.T) {
	s := open(t)
	now := noon
	totals := &master.Totals{Tenant: tenant, Store: s, Retention: retention, Now: func() time.Time { return now }}
	run := func() {
		t.Helper()
		if _, err := totals.Run(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	first := noon.Add(-3 * day)
	put(t, s, "open", first, collect.Pending, 0)
	put(t, s, "done", first, collect.Done, 5)
	run()
	now = first.Add(20 * day)
	run()
	put(t, s, "open", first, collect.Gone, 0)
	now = now.Add(day)
	run()
	wantDaily(t, s, first, 1, 0, 1, 5)

	put(t, s, "open", first, collect.Pending, 0)
	now = now.Add(day)
	run()
	wantDaily(t, s, first, 1, 0, 1, 5) // nobody looks at it any more

	later := now.Add(-2 * day)
	put(t, s, "late", later, collect.Pending, 0)
	put(t, s, "fine", later, collect.Done, 9)
	now = now.Add(day)
	run()
	wantDaily(t, s, later, 1, 1, 0, 9)
	if err := s.Delete(t.Context(), collect.Content{Tenant: tenant, Type: general, ID: "fine", Created: later}.Key(), ""); err != nil {
		t.Fatal(err)
	}
	now = later.Add(37 * day)
	run()
	wantDaily(t, s, later, 1, 1, 0, 9)
}

func wantDaily(t *testing.T, s *store, at time.Time, done, pending, gone, delivered int64) {
	t.Helper()
	for d, err := range collect.Dailies(t.Context(), s, tenant) {
		if err != nil {
			t.Fatal(err)
		}
		if d.Day.Equal(at.Truncate(day)) {
			got := []int64{d.Contents[collect.Done], d.Contents[collect.Pending], d.Contents[collect.Gone], d.Delivered}
			if want := []int64{done, pending, gone, delivered}; !slices.Equal(got, want) {
				t.Errorf("%s came to %v, want %v", d.Day.Format(time.DateOnly), got, want)
			}
			return
		}
	}
	t.Errorf("no total of %s", at.Format(time.DateOnly))
}

func TestReplay(t *testing.T) {
	down := errors.New("the destination is down")
	damaged := fmt.Errorf("replay dead letter 17: %w", collect.ErrDamaged)
	for name, test := range map[string]struct {
		err     error
		stopped bool
		codes   []string
		failed  bool
	}{
		"all is well":               {nil, false, nil, false},
		"the destination is down":   {down, false, nil, true},
		"damaged":                   {errors.Join(errors.Join(nil, damaged), damaged), false, []string{master.DeadLetters}, false},
		"damaged, and it is down":   {errors.Join(damaged, down), false, []string{master.DeadLetters}, true},
		"the time is up":            {context.Canceled, true, nil, false},
		"damaged, the time is up":   {errors.Join(damaged, context.Canceled), true, []string{master.DeadLetters}, false},
		"their time is up, not our": {context.DeadlineExceeded, false, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var told [2]int
			r := &master.Replay{
				Tenant: tenant, Report: func(tried, delivered int) { told = [2]int{tried, delivered} },
				Due: func(_ context.Context, of string) (int, int, error) {
					if of != tenant {
						t.Errorf("asked for tenant %q", of)
					}
					if test.stopped {
						cancel()
					}
					return 3, 2, test.err
				},
			}
			found, err := r.Run(ctx, nil)
			wantCodes(t, found, test.codes...)
			if (err != nil) != test.failed || errors.Is(err, collect.ErrDamaged) || told != [2]int{3, 2} {
				t.Errorf("told %v, error %v", told, err)
			}
		})
	}
}
