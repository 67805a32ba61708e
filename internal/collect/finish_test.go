package collect_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

// A transactional store writes a batch and what follows in one transaction, as the
// embedded store itself does; a test sees each before it is made, and may refuse it.
type transactional struct {
	*store
	before func(rows []string) error

	mu  sync.Mutex
	all []string // the kinds of rows, by transaction
}

func (s *transactional) BatchThen(ctx context.Context, batch, then []collect.Write) ([]collect.Written, error) {
	var kinds []string
	for _, w := range slices.Concat(batch, then) {
		kinds = append(kinds, w.Row.Kind)
	}
	s.mu.Lock()
	s.all = append(s.all, strings.Join(kinds, " "))
	s.mu.Unlock()
	if s.before != nil {
		if err := s.before(kinds); err != nil {
			return nil, err
		}
	}
	return s.Store.BatchThen(ctx, batch, then)
}

// newTransactional is a plant on such a store.
func newTransactional(t *testing.T, source collect.Source) (*plant, *transactional) {
	p := newPlant(t, source)
	s := &transactional{store: p.store}
	p.Ledger.Store, p.Delivery.Store, p.Delivery.Seen.Store = s, s, s
	return p, s
}

const ended = "content recordids due" // written together

// A content of one batch costs two transactions: one that announces it, and one
// that ends it.
func TestTheEndAndItsIdentitiesAreOneWrite(t *testing.T) {
	for name, c := range map[string]struct {
		records []string
		full    int // records to a batch
		single  int // rows of identities that are written by themselves
		ends    string
	}{
		"one span":         {recs("r", 3), 0, 0, ended},
		"two spans":        {[]string{rec("a", 1, ""), rec("b", 20, "")}, 0, 0, "content recordids recordids due"},
		"two batches":      {recs("r", 15), 10, 1, ended},
		"more than a row":  {recs("r", 2600), 0, 0, "content recordids recordids due"},
		"no record at all": {nil, 0, 0, "content due"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, s := newTransactional(t, func(context.Context, collect.Content, bool) iter.Seq2[collect.Record, error] {
					return read(c.records...)
				})
				p.sink.full = c.full
				stop := p.run(t, time.Minute)
				content := fresh("1")
				<-p.Submit(t.Context(), announce(t, p.Ledger, content))
				stop()
				same(t, p.sink.got(), c.records...)
				if row := get(t, p.store, content); row.State != collect.Done || row.Delivered != int64(len(c.records)) {
					t.Errorf("row %+v", row)
				}
				if want := []string{"due content", c.ends}; !slices.Equal(s.all, want) {
					t.Errorf("transactions %q, want %q", s.all, want)
				}
				if n := s.writes("recordids"); n != c.single {
					t.Errorf("%d rows are written by themselves, want %d", n, c.single)
				}
				knowsAll(t, p.store, c.records)
			})
		})
	}
}

// knowsAll asks another process, which knows what is in the store.
func knowsAll(t *testing.T, s *store, records []string) {
	t.Helper()
	again := &sink{t: t}
	tally, err := delivery(again, s).Deliver(t.Context(), parcel("again"), read(records...))
	if err != nil || tally.Delivered != 0 || tally.Duplicate != int64(len(records)) {
		t.Errorf("another process: %+v, %v", tally, err)
	}
}

// An end that fails takes its identities with it: they wait in memory, the content is
// tried again, and nothing is sent twice.
func TestAnEndThatFailsIsWrittenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := newTransactional(t, one)
		failures := 1
		s.before = func(kinds []string) error {
			if slices.Contains(kinds, "recordids") && failures > 0 {
				failures--
				return errStore
			}
			return nil
		}
		stop := p.run(t, time.Second)
		c := fresh("1")
		p.collect(t, c)
		if row := get(t, p.store, c); row.State != collect.Pending || row.Theirs || row.LastError == "" || row.Owner != "" || time.Until(row.Due) > 10*time.Second {
			t.Errorf("after the first attempt: %+v", row)
		}
		time.Sleep(time.Minute)
		stop()
		row := get(t, p.store, c)
		if row.State != collect.Done || row.Delivered+row.Duplicate < 1 || failures > 0 {
			t.Errorf("in the end: %+v, %d failures to come", row, failures)
		}
		same(t, p.sink.got(), rec("only 1", 10, ""))
		knowsAll(t, p.store, p.sink.got())
	})
}

// A number that is taken, by whoever wrote there, is passed over, and the end stands.
func TestIdentitiesWhoseRowIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newTransactional(t, one)
		stop := p.run(t, time.Second)
		first, second := fresh("1"), fresh("2")
		p.collect(t, first)
		taken := collect.Row{Fields: collect.Fields{"IDs": []byte("not ours")}}
		for partition := range p.store.Partitions(t.Context(), "recordids", "") {
			taken.Key = collect.Key{Kind: "recordids", Partition: partition, Row: fmt.Sprintf("%010d", 1)}
		}
		if _, err := p.store.Store.Insert(t.Context(), taken); err != nil {
			t.Fatal(err)
		}
		p.collect(t, second)
		stop()
		if row := get(t, p.store, second); row.State != collect.Done {
			t.Errorf("row %+v", row)
		}
		same(t, p.sink.got(), rec("only 1", 10, ""), rec("only 2", 10, ""))
		knowsAll(t, p.store, p.sink.got())
	})
}

// Contents that end side by side do not keep each other from it.
func TestManyEndSideBySide(t *testing.T) {
	p, s := newTransactional(t, one)
	p.Concurrency = 8
	stop := p.run(t, time.Minute)
	var contents []collect.Content
	for n := range 200 {
		contents = append(contents, fresh(fmt.Sprint(n)))
	}
	<-p.Submit(t.Context(), announce(t, p.Ledger, contents...))
	stop()
	if len(p.sink.got()) != len(contents) {
		t.Errorf("%d records arrived", len(p.sink.got()))
	}
	for _, c := range contents {
		if row := get(t, p.store, c); row.State != collect.Done {
			t.Fatalf("row %+v", row)
		}
	}
	knowsAll(t, p.store, p.sink.got())
	if !slices.Contains(s.all, ended) {
		t.Errorf("none ended with its identities: %q", s.all)
	}
}

// Two contents end while the transaction of the first one is under way.
func TestAnEndDuringAnother(t *testing.T) {
	for name, c := range map[string]struct {
		second string // the record of the second content
		fails  bool   // the first transaction
		waits  bool   // the second content, for the first
	}{
		"other records":             {rec("b", 2, ""), false, false},
		"the same record":           {rec("a", 1, ""), false, true},
		"the same record, no end":   {rec("a", 1, ""), true, true},
		"other records, and no end": {rec("b", 2, ""), true, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, s := newTransactional(t, func(_ context.Context, content collect.Content, _ bool) iter.Seq2[collect.Record, error] {
					if content.ID == fresh("2").ID {
						return read(c.second)
					}
					return read(rec("a", 1, ""))
				})
				p.Concurrency = 1 // who only waits for its end has no content in hand
				first := true
				release := make(chan struct{})
				s.before = func(kinds []string) error {
					if !first || !slices.Contains(kinds, "recordids") {
						return nil
					}
					first = false
					<-release
					if c.fails {
						return errStore
					}
					return nil
				}
				stop := p.run(t, time.Second)
				one, two := fresh("1"), fresh("2")
				oneTried := p.Submit(t.Context(), announce(t, p.Ledger, one))
				synctest.Wait()
				twoTried := p.Submit(t.Context(), announce(t, p.Ledger, two))
				synctest.Wait()
				if waited := get(t, p.store, two).State == collect.Pending; waited != c.waits {
					t.Errorf("waited: %v", waited)
				}
				<-oneTried // nobody waits for an end
				close(release)
				<-twoTried
				time.Sleep(time.Minute) // what failed is tried again
				stop()
				for _, content := range []collect.Content{one, two} {
					if row := get(t, p.store, content); row.State != collect.Done {
						t.Errorf("row %+v", row)
					}
				}
				all := slices.Compact([]string{rec("a", 1, ""), c.second})
				same(t, p.sink.got(), all...)
				knowsAll(t, p.store, all)
			})
		})
	}
}
