package main

import (
	"fmt"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/sim"
	"azcollector/internal/state/azurite"
)

// offerSome publishes n contents that are listed and not announced.
func offerSome(world *sim.World, mark string, n int) {
	types := []string{"Audit.General", "Audit.Exchange", "Audit.SharePoint", "Audit.AzureActiveDirectory"}
	for i := range n {
		world.Offer(sim.Offer{ContentType: types[i%len(types)], Records: onlyRecord(fmt.Sprint(mark, i)), Unpushed: true})
	}
}

// age makes every pending content as if so much time had passed since it was due.
func age(t *testing.T, store collect.Store, tenant string, by time.Duration) {
	t.Helper()
	must := func(_ string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := time.Now().UTC().Add(-by).Truncate(time.Millisecond)
	for row, err := range store.List(t.Context(), "due", collect.EscapeKey(tenant), "") {
		must("", err)
		must("", store.Delete(t.Context(), row.Key, row.Version))
	}
	for _, c := range contentsOf(t, store, tenant) {
		if c.State != collect.Pending {
			continue
		}
		row, err := store.Get(t.Context(), c.Key())
		must("", err)
		must(store.Insert(t.Context(), collect.Row{
			Key: collect.Key{Kind: "due", Partition: collect.EscapeKey(tenant),
				Row: collect.EscapeKey(at.Format("20060102T150405.000"), row.Partition, row.Row)},
			Fields: collect.Fields{"ContentPartition": row.Partition, "ContentRow": row.Row},
		}))
		row.Fields["Due"] = at
		must(store.Replace(t.Context(), row))
	}
}

// TestQueueUnderTheHost goes the whole way that a content takes without a webhook:
// the list, the ledger, the queue, the function; and the ways round.
func TestQueueUnderTheHost(t *testing.T) {
	t.Parallel()
	world := newWorld(t)
	storage := azurite.Start(t)
	queue, store := newQueueTrigger(t, storage), openStorage(t, storage)
	tenant := world.Settings()["APP_TENANT_ID"]
	h := underHost(t, world, storage)
	pull := func() {
		t.Helper()
		if got := h.send("pull", timerEnvelope("pull", "timer", timerStatus)); got.status != 200 {
			t.Fatalf("pull: status %d", got.status)
		}
	}
	arrive := func() {
		t.Helper()
		soon(t, "every record arrives", func() bool {
			queue.turn(h.fakeHost)
			return world.Book.Report().Lost == 0
		})
	}

	t.Run("what is listed arrives", func(t *testing.T) {
		offerSome(world, "listed", 12)
		pull()
		if n := queue.waiting(); n != 12 {
			t.Errorf("%d messages for 12 contents", n)
		}
		arrive()
		for queue.waiting() > 0 {
			queue.turn(h.fakeHost)
		}
	})

	t.Run("a message that comes twice fetches nothing", func(t *testing.T) {
		before := world.Calls()
		for _, envelope := range queue.handed {
			if got := h.send("content", envelope); got.status != 200 {
				t.Errorf("status %d", got.status)
			}
		}
		if after := world.Calls(); after != before {
			t.Errorf("asked for more: %+v after %+v", after, before)
		}
	})

	// The source's faults are the ledger's matter, not the queue's: each invocation
	// succeeds, and a new message comes with the content's next attempt.
	t.Run("a content that cannot be fetched is never poison", func(t *testing.T) {
		world.Dial.Set(sim.Rule{Op: sim.OpBlob, Kind: sim.Status, Status: 503})
		offerSome(world, "unwell", 1)
		pull()
		queue.empty()
		for attempt := range maxDequeueCount + 2 {
			all := contentsOf(t, store, tenant)
			for _, c := range all {
				if c.State != collect.Pending {
					continue
				}
				if c.Attempts != int64(attempt) {
					t.Errorf("%d attempts before message %d", c.Attempts, attempt)
				}
				if got := h.send("content", queueEnvelope(t, string(collect.Message(c.Key())), int64(attempt+1))); got.status != 200 {
					t.Errorf("status %d", got.status)
				}
			}
			age(t, store, tenant, 0) // so that the next attempt need not be waited for
		}
		world.Dial.Clear()
		pull()
		age(t, store, tenant, 3*time.Minute)
		arrive()
	})

	// The handler fails whatever it is called for; the host gives up on its
	// messages. The ledger does not.
	t.Run("what became poison arrives all the same", func(t *testing.T) {
		before := world.Book.Report().Received
		queue.empty()
		offerSome(world, "poisoned", 5)
		pull()
		h.kill()
		h = underHost(t, world, storage, "LOG_LEVEL=loud")
		queue.poisoned = 0
		failed := 0
		soon(t, "the host puts five messages aside", func() bool {
			failed += queue.turn(h.fakeHost)
			return queue.poisoned == 5
		})
		if failed != 5*maxDequeueCount || queue.waiting() != 0 {
			t.Errorf("%d failed invocations, %d messages left", failed, queue.waiting())
		}
		h.kill()
		h = underHost(t, world, storage)
		age(t, store, tenant, 3*time.Minute)
		pull()
		arrive()
		if got := world.Book.Report().Received - before; got != 5 {
			t.Errorf("%d records arrived, want 5", got)
		}
	})

	if r := world.Book.Report(); r.Duplicates != 0 || r.Unknown != 0 {
		t.Errorf("%+v", r)
	}
	world.RequireClean(t)
}

// Two processes on one account at the same moment: a host that scaled out hands the
// same messages to whom it likes, and each content is fetched once.
func TestTwoHandlersOnOneQueue(t *testing.T) {
	t.Parallel()
	world := newWorld(t)
	storage := azurite.Start(t)
	queue := newQueueTrigger(t, storage)
	one, two := underHost(t, world, storage), underHost(t, world, storage)
	offerSome(world, "shared", 8)
	if got := one.send("pull", timerEnvelope("pull", "timer", timerFirst)); got.status != 200 {
		t.Fatalf("pull: status %d", got.status)
	}
	soon(t, "all messages are handed to one", func() bool { queue.turn(one.fakeHost); return len(queue.handed) >= 8 })
	handed := queue.handed[:8]
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, envelope := range handed {
			two.send("content", envelope)
		}
	}()
	for _, envelope := range handed {
		one.send("content", envelope)
	}
	<-done
	soon(t, "every record arrives", func() bool { queue.turn(two.fakeHost); return world.Book.Report().Lost == 0 })
	if calls := world.Calls(); calls.Blobs != 8 {
		t.Errorf("8 contents were fetched %d times", calls.Blobs)
	}
	world.RequireClean(t)
}
