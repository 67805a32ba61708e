package master_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/master"
)

// A tally counts how often each day of the ledger was read.
type tally struct {
	*store
	days []string
}

func tallied(t *testing.T) *tally {
	y := &tally{store: open(t)}
	y.read = func(ctx context.Context, key collect.Key) error {
		if key.Kind == "content" && key.Row == "" {
			y.days = append(y.days, key.Partition[strings.LastIndexByte(key.Partition, '|')+1:])
		}
		return ctx.Err()
	}
	return y
}

// counted are the days read since it was asked last.
func (y *tally) counted() []string {
	days := y.days
	y.days = nil
	return days
}

func daysBefore(now time.Time, n int) (days []string) {
	for ; n > 0; n-- {
		days = append(days, now.Add(-time.Duration(n)*day).Format("20060102"))
	}
	return days
}

// However short the time: what is counted is kept, the next run goes on, and one
// day that takes too long is in nobody's way.
func TestTotalsGoOn(t *testing.T) {
	y := tallied(t)
	totals := &master.Totals{Tenant: tenant, Store: y, Retention: retention, Now: func() time.Time { return noon }}
	all := daysBefore(noon, 8)
	put(t, y.store, "a", noon.Add(-8*day), collect.Done, 3)
	count := y.read
	run := func(slow string) error {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		y.read = func(ctx context.Context, key collect.Key) error {
			if strings.HasSuffix(key.Partition, "|"+slow) {
				cancel() // it takes until the time is up
			}
			return count(ctx, key)
		}
		_, err := totals.Run(ctx, nil)
		return err
	}
	for i, slow := range []string{all[2], all[5]} {
		if err := run(slow); err != nil {
			t.Errorf("run %d: error %v", i, err)
		}
	}
	wantDaily(t, y.store, noon.Add(-8*day), 1, 0, 0, 3)
	if err := run(all[2]); err != nil { // still as slow, and last
		t.Errorf("error %v", err)
	}
	if got, want := y.counted(), []string{all[0], all[1], all[2], all[3], all[4], all[5], all[6], all[7], all[2]}; !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
	if err := run(all[5]); err == nil {
		t.Error("nothing at all was counted, and nobody is told")
	}
	y.counted()
	for range 2 {
		if err := run("none"); err != nil {
			t.Errorf("error %v", err)
		}
	}
	if got, want := y.counted(), []string{all[2], all[5]}; !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
}

// A content that is pending for ever costs its own day, once a day.
func TestTotalsOfAnOpenDay(t *testing.T) {
	y := tallied(t)
	now := noon
	totals := &master.Totals{Tenant: tenant, Store: y, Retention: retention, Now: func() time.Time { return now }}
	run := func() []string {
		t.Helper()
		if _, err := totals.Run(t.Context(), nil); err != nil {
			t.Errorf("error %v", err)
		}
		return y.counted()
	}
	first := noon.Add(-day)
	put(t, y.store, "open", first, collect.Pending, 0)
	for range 34 {
		run()
		now = now.Add(day)
	}
	want := append([]string{first.Format("20060102")}, daysBefore(now, 8)...)
	if got := run(); !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
	if got := run(); len(got) > 0 {
		t.Errorf("read %q again", got)
	}
}

// Who was away counts the days that nobody counted when they were over.
func TestTotalsAfterAnAbsence(t *testing.T) {
	y := tallied(t)
	now := noon
	totals := &master.Totals{Tenant: tenant, Store: y, Retention: retention, Now: func() time.Time { return now }}
	for range 2 {
		if _, err := totals.Run(t.Context(), nil); err != nil {
			t.Errorf("error %v", err)
		}
		put(t, y.store, "last", noon, collect.Done, 4)
		now = noon.Add(20 * day)
	}
	wantDaily(t, y.store, noon, 1, 0, 0, 4)
}
