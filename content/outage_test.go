package content_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/content"
	"azcollector/internal/collect"
	"azcollector/internal/state"
)

const (
	// outage is how long the destination takes nothing, and drained how long after
	// it everything must be there.
	outage  = time.Hour
	drained = 10 * time.Minute
	// A content comes every so often, with some records.
	contentEvery   = 4 * time.Second
	contentRecords = 3
)

// several are a content's records, at different hours of the day before.
func several(_ context.Context, c collect.Content, _ bool) iter.Seq2[collect.Record, error] {
	var raws []string
	for i := range contentRecords {
		at := c.Created.Add(-time.Duration(i) * time.Hour).UTC().Format("2006-01-02T15:04:05")
		raws = append(raws, fmt.Sprintf(`{"Id":"%s/%d","CreationTime":%q,"RecordType":15}`, c.ID, i, at))
	}
	return collect.SplitRecords(strings.NewReader("["+strings.Join(raws, ",")+"]"), c.Created, false)
}

// A site collects into the destination, over a store of its own or a shared one.
type site struct {
	*destination
	ledger    *collect.Ledger
	collector *collect.Collector
}

func newSite(t *testing.T, store collect.Store, sole bool) *site {
	s := &site{destination: newDestination(t), ledger: &collect.Ledger{Store: store, Owner: "site", Sole: sole}}
	s.collector = &collect.Collector{
		Ledger: s.ledger, Source: several, Concurrency: 16,
		Delivery: &collect.Delivery{Sink: s.sink(), Seen: &collect.Seen{Store: store, Shared: !sole}, Store: store},
		Report:   func(context.Context, collect.Content, time.Duration, error) {},
	}
	return s
}

func openEmbedded(t *testing.T) collect.Store {
	t.Helper()
	store, err := state.OpenEmbedded(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// traffic brings contents for as long as the outage lasts, every other one by a
// notification as the webhook has it, the rest by the list. It returns how many.
func (s *site) traffic(t *testing.T) (n int) {
	for ; n < int(outage/contentEvery); n++ {
		time.Sleep(contentEvery)
		c := parcel(fmt.Sprint(n))
		if n%2 == 0 {
			if _, err := s.ledger.Offer(t.Context(), c); err != nil {
				t.Error(err)
			}
			continue
		}
		claims, err := s.ledger.Announce(t.Context(), []collect.Content{c})
		if err != nil {
			t.Error(err)
		}
		s.collector.Submit(t.Context(), claims)
	}
	return n
}

// However long the destination is away, what came meanwhile is there soon after,
// once, and nobody has lent a hand.
func TestIngestAwayForAnHour(t *testing.T) {
	for _, test := range []struct {
		name    string
		sole    bool
		lose    int
		requeue bool // messages alone do, unless some are lost
	}{
		{"a store of our own", true, 0, false},
		{"messages", false, 0, false},
		{"every fifth message lost", false, 5, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := openEmbedded(t)
				q := &queue{Store: store, lose: test.lose}
				if !test.sole {
					store = q
				}
				s := newSite(t, store, test.sole)
				ctx, stop := context.WithCancel(t.Context())
				var running sync.WaitGroup
				if test.sole {
					pool := &content.Pool{Ledger: s.ledger, Collector: s.collector, Tenants: []string{tenant}, Every: time.Second, Report: func(err error) {
						if err != nil {
							t.Errorf("due rows: %v", err)
						}
					}}
					running.Go(func() { _ = pool.Run(ctx) })
				} else {
					handler := &content.Handler{Store: store, Collector: s.collector}
					running.Go(func() { _ = s.collector.Run(ctx) })
					running.Go(func() { q.host(ctx, handler.Handle) })
					if test.requeue {
						running.Go(func() { q.requeue(ctx, s.ledger, func(err error) { t.Errorf("requeue: %v", err) }) })
					}
				}
				s.becomes(unavailable)
				half := time.AfterFunc(outage/2, func() { s.becomes(unreachable) })
				defer half.Stop()
				n := s.traffic(t)
				s.becomes(fine)
				back := time.Now()
				time.Sleep(drained)
				stop()
				running.Wait()
				t.Logf("%d requests; the last record came %s after the destination; messages: %d put, %d left, %d poisoned",
					s.asked, s.last.Sub(back), q.put, len(q.messages), q.poison)
				s.judge(t, n)
				if q.poison > 0 {
					t.Errorf("%d messages are in the poison queue", q.poison)
				}
			})
		})
	}
}

// judge fails unless every record of n contents is there once and the ledger
// says so.
func (s *site) judge(t *testing.T, n int) {
	t.Helper()
	doubled := 0
	for _, copies := range s.taken {
		doubled += copies - 1
	}
	if want := n * contentRecords; len(s.taken) != want || doubled != 0 {
		t.Errorf("the destination has %d records of %d, and %d twice", len(s.taken), want, doubled)
	}
	total, contents := collect.Tally{}, map[collect.State]int{}
	for c, err := range s.ledger.Contents(t.Context(), tenant, time.Now()) {
		if err != nil {
			t.Fatal(err)
		}
		contents[c.State]++
		total.Add(c.Tally)
	}
	total.Bytes = 0
	if want := (collect.Tally{Delivered: int64(n * contentRecords)}); contents[collect.Done] != n || len(contents) != 1 || total != want {
		t.Errorf("the ledger has the contents %v and counts %+v", contents, total)
	}
	for due, err := range s.ledger.Due(t.Context(), tenant, time.Now().AddDate(1, 0, 0)) {
		if err != nil {
			t.Fatal(err)
		}
		t.Errorf("still due: %+v", due)
		break
	}
}
