package master_test

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
	"azcollector/master"
)

func owned(store collect.Store, d *desk, owner string) *master.CheckIn {
	c := checkIn(store, d)
	c.Owner = owner
	return c
}

// Two processes that check in at the same moment tell once.
func TestCheckInsRace(t *testing.T) {
	for range 8 { // they meet before the row is written, or after
		synctest.Test(t, func(t *testing.T) {
			store := open(t)
			var mu sync.Mutex
			sent := 0
			over := make(chan struct{}, 2)
			var all sync.WaitGroup
			for _, owner := range []string{"a", "b"} {
				c := owned(store, nil, owner)
				c.Send = func(ctx context.Context, _ master.Report) ([]byte, error) {
					mu.Lock()
					sent++
					mu.Unlock()
					select { // until the other one is through
					case <-over:
					case <-ctx.Done():
					}
					return nil, nil
				}
				all.Go(func() {
					found, err := c.Run(t.Context(), nil)
					if err != nil || len(found) > 0 {
						t.Errorf("found %q, error %v", found, err)
					}
					over <- struct{}{}
				})
			}
			all.Wait()
			if sent != 1 {
				t.Errorf("told %d times", sent)
			}
		})
	}
}

// Who was overtaken between reading the row and writing it has nothing to tell.
func TestCheckInIsOvertaken(t *testing.T) {
	for _, known := range []bool{false, true} { // the row exists
		for _, owner := range []string{"a", ""} {
			s, mine, others := open(t), &desk{}, &desk{}
			if known {
				_, _ = owned(s, &desk{}, owner).Run(t.Context(), nil)
			}
			s.read = func(ctx context.Context, key collect.Key) error {
				if key.Row == "checkin" {
					s.read = nil
					_, _ = owned(s, others, "b").Run(ctx, nil)
				}
				return nil
			}
			found, err := owned(s, mine, owner).Run(t.Context(), nil)
			if err != nil || len(found) > 0 || len(mine.reports) != 0 || len(others.reports) != 1 {
				t.Errorf("owner %q told %d times, found %q, error %v", owner, len(mine.reports), found, err)
			}
		}
	}
}

// One that was killed at its check-in keeps others away for a minute, and itself
// not at all; one that ended keeps nobody.
func TestCheckInAfterAnother(t *testing.T) {
	const killed, failed, done = "killed", "failed", "done"
	for name, test := range map[string]struct {
		first string
		owner string
		after time.Duration
		told  int
	}{
		"killed":                      {killed, "b", 59 * time.Second, 0},
		"killed a minute ago":         {killed, "b", time.Minute, 1},
		"killed, by the same process": {killed, "a", 0, 1},
		"killed, and nobody asks":     {killed, "", 0, 1},
		"failed":                      {failed, "b", 0, 1},
		"done":                        {done, "b", 0, 1},
		"done, by the same process":   {done, "a", 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, d := open(t), &desk{}
				first := owned(s, d, "a")
				first.Send = func(context.Context, master.Report) ([]byte, error) {
					switch test.first {
					case killed:
						panic(killed)
					case failed:
						return nil, errDisk
					}
					return nil, nil
				}
				func() {
					defer func() { _ = recover() }()
					_, _ = first.Run(t.Context(), nil)
				}()
				time.Sleep(test.after)
				if found, err := owned(s, d, test.owner).Run(t.Context(), nil); err != nil || len(found) > 0 || len(d.reports) != test.told {
					t.Errorf("told %d times, found %q, error %v", len(d.reports), found, err)
				}
			})
		})
	}
}

// However slow the store, there is time left to tell and to remember.
func TestCheckInWithASlowStore(t *testing.T) {
	for name, test := range map[string]struct {
		slow    func(key collect.Key) bool
		omitted []string
	}{
		"one part": {func(key collect.Key) bool { return key.Kind == "deadletter" }, []string{"dead letters"}},
		"every part": {func(key collect.Key) bool { return key.Row != "checkin" },
			[]string{"the credential's end", "statistics", "how far was listed", "unobserved stretches", "expired contents", "pending contents", "dead letters"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, d := open(t), &desk{}
				list(t, s, cursor(t, s), time.Now())
				offer(t, s, time.Now().Add(-2*time.Hour))
				s.read = func(ctx context.Context, key collect.Key) error {
					if !test.slow(key) {
						return ctx.Err()
					}
					<-ctx.Done()
					return ctx.Err()
				}
				c := owned(s, d, "a")
				c.Expires = func(ctx context.Context) (time.Time, string) {
					if test.slow(collect.Key{Kind: "directory"}) {
						<-ctx.Done()
					}
					return time.Time{}, ""
				}
				c.Send = func(ctx context.Context, r master.Report) ([]byte, error) {
					select { // it takes its time as well
					case <-time.After(9 * time.Second):
					case <-ctx.Done():
						return nil, ctx.Err()
					}
					return d.take(ctx, r)
				}
				found, err := c.Run(t.Context(), []collect.Finding{{Code: master.AuditingOff, Text: "off"}})
				if err != nil || len(d.reports) != 1 {
					t.Fatalf("told %d times, error %v", len(d.reports), err)
				}
				if name == "one part" {
					wantCodes(t, found, master.PendingOld)
				} else {
					wantCodes(t, found)
				}
				r := d.last()
				if !slices.Equal(r.Omitted, test.omitted) || r.ErrorCode != master.AuditingOff || !strings.HasSuffix(r.Details[len(r.Details)-1], ": dead letters") {
					t.Errorf("report %+v", r)
				}
				s.read = nil
				if told, err := master.LastCheckIn(t.Context(), s, tenant); err != nil || told.Sent.IsZero() || told.Error != "" {
					t.Errorf("remembered %+v, %v", told, err)
				}
			})
		})
	}
}

// Gaps that could not be read to their end are told the next time, all of them.
func TestGapsHalfRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := open(t), &desk{}
		gap(t, s, time.Now().Add(-2*time.Hour))
		gap(t, s, time.Now().Add(-time.Hour))
		half := &halfRead{store: s}
		for _, want := range []int{0, 2} {
			if _, err := checkIn(half, d).Run(t.Context(), nil); err != nil {
				t.Error(err)
			}
			if got := len(d.last().Gaps); got != want {
				t.Errorf("told of %d gaps, want %d", got, want)
			}
			half.whole = true
		}
	})
}

// A halfRead store breaks off its lists after a row.
type halfRead struct {
	*store
	whole bool
}

func (h *halfRead) List(ctx context.Context, kind, partition, from string) iter.Seq2[collect.Row, error] {
	return func(yield func(collect.Row, error) bool) {
		for row, err := range h.store.List(ctx, kind, partition, from) {
			if !yield(row, err) {
				return
			}
			if !h.whole {
				yield(collect.Row{}, errDisk)
				return
			}
		}
	}
}

// A backlog is not counted to its end.
func TestManyArePending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := open(t), &desk{}
		c := checkIn(backlog{s, time.Now().UTC().Add(-2 * time.Hour)}, d)
		found, err := c.Run(t.Context(), nil)
		if err != nil {
			t.Error(err)
		}
		wantCodes(t, found, master.PendingOld)
		if r := d.last(); r.Pending != 20_000 || !r.PendingMore || !strings.HasPrefix(found[0].Text, "more than 20000 contents") {
			t.Errorf("%d are pending, %q", r.Pending, found)
		}
	})
}

// A backlog store has no end of due rows.
type backlog struct {
	*store
	created time.Time
}

func (b backlog) List(ctx context.Context, kind, partition, from string) iter.Seq2[collect.Row, error] {
	if kind != "due" {
		return b.store.List(ctx, kind, partition, from)
	}
	row := collect.Row{Key: collect.Key{Kind: kind, Partition: partition, Row: "20000101T000000.000"}, Fields: collect.Fields{"Created": b.created}}
	return func(yield func(collect.Row, error) bool) {
		for yield(row, nil) {
		}
	}
}

// A desk that does not answer leaves time to remember that, before another process
// may begin.
func TestCheckInHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		c := owned(s, nil, "a")
		c.Send = func(ctx context.Context, _ master.Report) ([]byte, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := c.Run(ctx, nil); err == nil || ctx.Err() != nil {
			t.Errorf("error %v, and the time is up: %v", err, ctx.Err())
		}
		if told, err := master.LastCheckIn(t.Context(), s, tenant); err != nil || told.Error == "" {
			t.Errorf("remembered %+v, %v", told, err)
		}
	})
}
