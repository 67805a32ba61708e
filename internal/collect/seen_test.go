package collect_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"azcollector/internal/collect"
)

const spanPartition = tenant + "|2026110109"

// identities counts what is stored for the hour of [recs].
func identities(t *testing.T, s *store) (n int) {
	t.Helper()
	for _, row := range s.rows(t, "recordids", spanPartition) {
		ids, _ := row.Fields["IDs"].([]byte)
		if len(ids)%24 != 0 || len(ids) > 2500*24 {
			t.Errorf("row %s has %d bytes", row.Row, len(ids))
		}
		n += len(ids) / 24
	}
	return n
}

func TestIdentityRowsStayWithinAProperty(t *testing.T) {
	s, to := open(t), &sink{t: t}
	raws := recs("r", 6001)
	if _, err := delivery(to, s).Deliver(t.Context(), parcel("1"), read(raws...)); err != nil {
		t.Fatal(err)
	}
	if n := identities(t, s); n != 6001 {
		t.Errorf("%d identities stored", n)
	}
	if tally, err := delivery(to, s).Deliver(t.Context(), parcel("2"), read(raws...)); err != nil || tally.Duplicate != 6001 {
		t.Errorf("%+v, %v", tally, err)
	}
}

// Two processes append to one hour at the same time: nothing of either is lost,
// and each sees what the other stored before it began.
func TestTwoProcessesShareASpan(t *testing.T) {
	s := open(t)
	to := &sink{t: t, full: 3}
	var processes [2]*collect.Delivery
	for i := range processes {
		processes[i] = delivery(to, s)
		processes[i].Seen.Shared = true
	}
	deliver := func(process int, id string, raws []string) (tally collect.Tally) {
		tally, err := processes[process].Deliver(t.Context(), parcel(id), read(raws...))
		if err != nil {
			t.Error(err)
		}
		return tally
	}
	var group sync.WaitGroup
	for process := range processes {
		for content := range 4 {
			name := fmt.Sprintf("p%dc%d-", process, content)
			group.Go(func() { deliver(process, name, recs(name, 25)) })
		}
	}
	group.Wait()
	if n := identities(t, s); n != 200 {
		t.Errorf("%d identities stored, want 200", n)
	}
	for process := range processes {
		for content := range 4 {
			name := fmt.Sprintf("p%dc%d-", 1-process, content)
			if tally := deliver(process, "again "+name, recs(name, 25)); tally.Duplicate != 25 {
				t.Errorf("process %d does not know %s: %+v", process, name, tally)
			}
		}
	}
	if n := len(to.got()); n != 200 {
		t.Errorf("destination has %d records", n)
	}
}

// tiny memory holds the filters of two spans.
const tiny = 2 * 2048

func TestForgottenSpansAreReadAgain(t *testing.T) {
	s, to := open(t), &sink{t: t}
	d := delivery(to, s)
	d.Seen.Memory = tiny
	var want []string
	for round := range 3 {
		for hour := 0; hour < 24; hour += 3 { // a span each
			raw := rec(fmt.Sprint("id", hour), hour, "")
			tally, err := d.Deliver(t.Context(), parcel(fmt.Sprint(round, hour)), read(raw))
			if err != nil || tally.Unchecked != 0 || tally.Delivered != int64(max(0, 1-round)) {
				t.Errorf("round %d, hour %d: %+v, %v", round, hour, tally, err)
			}
			if round == 0 {
				want = append(want, raw)
			}
		}
	}
	same(t, to.got(), want...)
}

// Beyond the memory records are delivered, counted, and never called duplicates
// of what was not delivered.
func TestBeyondTheMemoryRecordsAreUnchecked(t *testing.T) {
	s, to := open(t), &sink{t: t, full: 7}
	d := delivery(to, s)
	d.Seen.Memory = tiny
	var raws []string
	for i := range 120 {
		raws = append(raws, rec(fmt.Sprint("id", i), i%24, ""))
	}
	first, err := d.Deliver(t.Context(), parcel("1"), read(raws...))
	if err != nil || first.Delivered != 120 || first.Unchecked == 0 {
		t.Errorf("first: %+v, %v", first, err)
	}
	same(t, to.got(), raws...)
	second, err := d.Deliver(t.Context(), parcel("2"), read(raws...))
	if err != nil || second.Records() != 120 || second.Unchecked != second.Delivered {
		t.Errorf("second: %+v, %v", second, err)
	}
	if n := len(to.got()); n != int(first.Delivered+second.Delivered) {
		t.Errorf("destination has %d records", n)
	}
}

func TestUnstoredIdentitiesAreNotForgotten(t *testing.T) {
	s, to := open(t), &sink{t: t}
	s.fate = nth("recordids", 1, lost)
	d := delivery(to, s)
	d.Seen.Memory = tiny
	if _, err := d.Deliver(t.Context(), parcel("1"), read(recs("r", 3)...)); err == nil {
		t.Fatal("the identities were stored")
	}
	for hour := range 8 { // enough to forget every hour that may be
		if _, err := d.Deliver(t.Context(), parcel(fmt.Sprint("other", hour)), read(rec("x", hour, ""))); err != nil {
			t.Fatal(err)
		}
	}
	if tally, err := d.Deliver(t.Context(), parcel("1"), read(recs("r", 3)...)); err != nil || tally.Duplicate != 3 {
		t.Errorf("%+v, %v", tally, err)
	}
	if n := identities(t, s); n != 3 {
		t.Errorf("%d identities stored", n)
	}
}

// What others write into the table never keeps a record from being delivered.
func TestDamagedIdentityRows(t *testing.T) {
	for _, test := range []struct {
		name string
		row  string
		ids  any
	}{
		{"odd length", "0000000001", make([]byte, 100)},
		{"empty", "0000000001", []byte{}},
		{"text", "0000000001", "text"},
		{"missing", "0000000001", nil},
		{"foreign name", "name", make([]byte, 24)},
		{"name in front", "$", make([]byte, 24)},
		{"short number", "7", make([]byte, 24)},
		{"the number that means unsaved", "4294967295", make([]byte, 24)},
		{"a number too large", "99999999999", make([]byte, 24)},
		{"a gap", "0000000009", make([]byte, 24)},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, to := open(t), &sink{t: t}
			if _, err := delivery(to, s).Deliver(t.Context(), parcel("1"), read(recs("r", 3)...)); err != nil {
				t.Fatal(err)
			}
			row := collect.Row{Key: collect.Key{Kind: "recordids", Partition: spanPartition, Row: test.row}, Fields: collect.Fields{}}
			if test.ids != nil {
				row.Fields["IDs"] = test.ids
			}
			if _, err := s.Insert(t.Context(), row); err != nil {
				t.Fatal(err)
			}
			d := delivery(to, s)
			tally, err := d.Deliver(t.Context(), parcel("2"), read(append(recs("r", 3), recs("s", 2)...)...))
			if err != nil || tally.Duplicate != 3 || tally.Delivered != 2 {
				t.Errorf("%+v, %v", tally, err)
			}
			if tally, err := delivery(to, s).Deliver(t.Context(), parcel("3"), read(recs("s", 2)...)); err != nil || tally.Duplicate != 2 {
				t.Errorf("after a restart: %+v, %v", tally, err)
			}
			// The row is swept while somebody remembers it: its records are new again.
			for _, row := range s.rows(t, "recordids", spanPartition) {
				if err := s.Delete(t.Context(), row.Key, ""); err != nil {
					t.Fatal(err)
				}
			}
			other := delivery(to, s)
			if _, err := other.Deliver(t.Context(), parcel("4"), read(recs("t", 1)...)); err != nil {
				t.Error(err)
			}
			if _, err := d.Deliver(t.Context(), parcel("5"), read(recs("r", 3)...)); err != nil {
				t.Error(err)
			}
		})
	}
}

// While one content carries a record, another one with the same record waits.
func TestRecordsInFlightAreAwaited(t *testing.T) {
	for _, test := range []struct {
		name    string
		outcome collect.OutcomeState
		want    collect.Tally // of the one that waited, without Bytes
	}{
		{"acknowledged", collect.Delivered, collect.Tally{Duplicate: 2}},
		{"refused", collect.Refused, collect.Tally{Delivered: 2}},
		{"left open", collect.Open, collect.Tally{Delivered: 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t)
				release := make(chan struct{})
				to := &sink{t: t, script: func(_ context.Context, n int, open []string) ([]collect.OutcomeState, error) {
					if n > 1 {
						return all(open, collect.Delivered), nil
					}
					<-release
					if test.outcome == collect.Open {
						return nil, &collect.Fault{Verdict: collect.JudgesUs, Err: context.Canceled}
					}
					return all(open, test.outcome), nil
				}}
				d := delivery(to, s)
				raws := recs("r", 2)
				var group sync.WaitGroup
				group.Go(func() { _, _ = d.Deliver(t.Context(), parcel("1"), read(raws...)) })
				synctest.Wait()
				group.Go(func() {
					tally, err := d.Deliver(t.Context(), parcel("2"), read(raws...))
					if tally.Bytes = 0; err != nil || tally != test.want {
						t.Errorf("%+v, %v", tally, err)
					}
				})
				synctest.Wait()
				if n := to.count(); n != 1 {
					t.Errorf("%d sends while the first is under way", n)
				}
				close(release)
				group.Wait()
				same(t, to.got(), raws...)
			})
		})
	}
}

func TestWaitingForAnotherContentEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		release := make(chan struct{})
		to := &sink{t: t, script: func(_ context.Context, _ int, open []string) ([]collect.OutcomeState, error) {
			<-release
			return all(open, collect.Delivered), nil
		}}
		d := delivery(to, s)
		raws := recs("r", 2)
		var group sync.WaitGroup
		group.Go(func() { _, _ = d.Deliver(t.Context(), parcel("1"), read(raws...)) })
		synctest.Wait()
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if _, err := d.Deliver(ctx, parcel("2"), read(raws...)); err == nil {
			t.Error("delivered what is in flight")
		}
		close(release)
		group.Wait()
		same(t, to.got(), raws...)
	})
}

// Contents that hold and want each other's records, in any order, end, and every
// record is delivered once.
func TestContentsThatWantEachOthersRecords(t *testing.T) {
	s, to := open(t), &sink{t: t, full: 3}
	to.script = func(_ context.Context, n int, open []string) ([]collect.OutcomeState, error) {
		states := all(open, collect.Delivered)
		if n%3 == 0 { // a part of the batch needs a second Send
			states[0] = collect.Open
			return states, &collect.Fault{RetryAfter: 1, Err: errStore}
		}
		return states, nil
	}
	d := delivery(to, s)
	raws := recs("r", 30)
	var group sync.WaitGroup
	for content := range 8 {
		mine := slices.Clone(raws)
		rand.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
		group.Go(func() {
			for range 20 {
				tally, err := d.Deliver(t.Context(), parcel(fmt.Sprint(content)), read(mine...))
				if err == nil {
					if tally.Records() != 30 {
						t.Errorf("content %d: %+v", content, tally)
					}
					return
				}
			}
			t.Errorf("content %d does not end", content)
		})
	}
	group.Wait()
	same(t, to.got(), raws...)
	if n := identities(t, s); n != 30 {
		t.Errorf("%d identities stored", n)
	}
}

// Who cannot read the row that another process put in its way has not read it:
// what that one delivered is still met as a duplicate later.
func TestARowThatCouldNotBeReadIsReadLater(t *testing.T) {
	s, to := open(t), &sink{t: t}
	deaf := &deafStore{store: s}
	ours, other := delivery(to, deaf), delivery(to, s)
	ours.Seen.Shared = true
	deliver := func(d *collect.Delivery, id string, raws ...string) (collect.Tally, error) {
		return d.Deliver(t.Context(), parcel(id), read(raws...))
	}
	to.script = func(_ context.Context, n int, open []string) ([]collect.OutcomeState, error) {
		if n == 1 { // our post is under way, and the hour was read before
			if _, err := deliver(other, "1", recs("other", 2)...); err != nil {
				t.Error(err)
			}
			deaf.deaf = true
		}
		return all(open, collect.Delivered), nil
	}
	if _, err := deliver(ours, "2", recs("ours", 1)...); err == nil {
		t.Fatal("the other's row was read")
	}
	deaf.deaf = false
	if tally, err := deliver(ours, "3", recs("other", 2)...); err != nil || tally.Duplicate != 2 {
		t.Errorf("%+v, %v", tally, err)
	}
}

// A deafStore cannot list while it is deaf.
type deafStore struct {
	*store
	deaf bool
}

func (s *deafStore) List(ctx context.Context, kind, partition, from string) iter.Seq2[collect.Row, error] {
	if s.deaf {
		return func(yield func(collect.Row, error) bool) { yield(collect.Row{}, errStore) }
	}
	return s.store.List(ctx, kind, partition, from)
}
