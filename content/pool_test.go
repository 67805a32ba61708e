package content_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/content"
	"azcollector/internal/collect"
	"azcollector/internal/sink"
	"azcollector/internal/state"
)

const tenant = "11111111-2222-3333-4444-555555555555"

// house puts a pool on an embedded store and a file; source fails until it may not.
func house(t *testing.T, dir string, source collect.Source) (*content.Pool, *collect.Ledger) {
	t.Helper()
	store, err := state.OpenEmbedded(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	to, err := sink.OpenJSONL(filepath.Join(dir, "records.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = to.Close() })
	ledger := &collect.Ledger{Store: store, Owner: time.Now().String(), Sole: true}
	return &content.Pool{
		Ledger: ledger, Tenants: []string{tenant}, Every: time.Second,
		Collector: &collect.Collector{
			Ledger: ledger, Source: source, Concurrency: 2,
			Delivery: &collect.Delivery{Sink: to, Seen: &collect.Seen{Store: store}, Store: store},
			Report:   func(context.Context, collect.Content, time.Duration, error) {},
		},
		Report: func(err error) {
			if err != nil {
				t.Errorf("due rows: %v", err)
			}
		},
	}, ledger
}

func parcel(id string) collect.Content {
	return collect.Content{Tenant: tenant, Type: "Audit.General", ID: id, Created: time.Now(), Expires: time.Now().AddDate(0, 0, 7)}
}

func records(_ context.Context, c collect.Content, _ bool) iter.Seq2[collect.Record, error] {
	return collect.SplitRecords(strings.NewReader(fmt.Sprintf(`[{"Id":%q}]`, c.ID)), c.Created, false)
}

func states(t *testing.T, l *collect.Ledger) (s string) {
	t.Helper()
	for c, err := range l.Contents(t.Context(), tenant, time.Now()) {
		if err != nil {
			t.Fatal(err)
		}
		s += string(c.State) + " "
	}
	return strings.TrimSpace(s)
}

// What a killed process had in hand is collected by the next one at once: its
// leases are void.
func TestPoolTakesOverAfterAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, ledger := house(t, t.TempDir(), records)
		dead := &collect.Ledger{Store: ledger.Store, Owner: "dead", Sole: true}
		if _, err := dead.Announce(t.Context(), []collect.Content{parcel("1"), parcel("2"), parcel("3")}); err != nil {
			t.Fatal(err)
		}
		p.Once = true
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := states(t, ledger); got != "delivered delivered delivered" {
			t.Errorf("states %s", got)
		}
	})
}

func TestPoolTriesAgainUntilItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		tries := 0
		p, ledger := house(t, t.TempDir(), func(ctx context.Context, c collect.Content, salvage bool) iter.Seq2[collect.Record, error] {
			mu.Lock()
			defer mu.Unlock()
			if tries++; tries < 4 {
				return func(yield func(collect.Record, error) bool) { yield(collect.Record{}, errors.New("connection reset")) }
			}
			return records(ctx, c, salvage)
		})
		if o, err := ledger.Offer(t.Context(), parcel("1")); !o.Fresh || err != nil {
			t.Fatal(o.Fresh, err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Errorf("stopped with %v", err)
			}
		})
		time.Sleep(time.Hour)
		stop()
		running.Wait()
		if got := states(t, ledger); got != "delivered" || tries != 4 {
			t.Errorf("states %s after %d tries", got, tries)
		}
	})
}

// Who asked for one look learns that there was none.
func TestPoolOnceSaysThatItCouldNotLook(t *testing.T) {
	p, ledger := house(t, t.TempDir(), records)
	p.Once = true
	if err := ledger.Store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); err == nil {
		t.Error("no error with a closed store")
	}
}
