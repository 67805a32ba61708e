package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/sim"
	"azcollector/internal/state"
	"azcollector/internal/state/azurite"
)

// openStorage is the state as the collector under test has it.
func openStorage(t *testing.T, connection string) *state.Azure {
	t.Helper()
	store, err := state.OpenAzure(state.AzureOptions{ConnectionString: connection})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// contentsOf reads the ledger.
func contentsOf(t *testing.T, store collect.Store, tenant string) (all []collect.Content) {
	t.Helper()
	ledger := &collect.Ledger{Store: store}
	for days := range 2 {
		for c, err := range ledger.Contents(t.Context(), tenant, time.Now().AddDate(0, 0, -days)) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, c)
		}
	}
	return all
}

// Every form in which the host calls a timer's function starts the real room, and
// the reply is one that the host reads, log lines included.
func TestTimersUnderTheHost(t *testing.T) {
	t.Parallel()
	world := newWorld(t)
	storage := azurite.Start(t)
	h := underHost(t, world, storage)
	for i, c := range []struct {
		name, binding, info string
	}{
		{"the first run", "timer", timerFirst},
		{"a later run", "timer", timerStatus},
		{"without a monitor", "timer", timerUnmonitored},
		{"under another name", "myTimer", timerStatus},
	} {
		t.Run(c.name, func(t *testing.T) {
			listed := world.Calls().Lists
			if got := h.send("pull", timerEnvelope("pull", c.binding, c.info)); got.status != 200 || got.logs == nil {
				t.Errorf("pull: status %d, logs %q", got.status, got.logs)
			}
			if world.Calls().Lists == listed {
				t.Error("pull has listed nothing")
			}
			got := h.send("master", timerEnvelope("master", c.binding, c.info))
			beats := slices.DeleteFunc(got.logs, func(line string) bool { return !strings.HasPrefix(line, "info: heartbeat ") })
			if got.status != 200 || len(beats) != 1 {
				t.Errorf("master: status %d, heartbeats in the logs %q", got.status, beats)
			}
			if n := len(world.AlertLogic.CheckIns()); n != i+1 {
				t.Errorf("%d check-ins after %d runs", n, i+1)
			}
		})
	}
	world.RequireClean(t)
}

// A content is collected whatever the message looks like that names it.
func TestMessagesUnderTheHost(t *testing.T) {
	t.Parallel()
	world := newWorld(t)
	storage := azurite.Start(t)
	h := underHost(t, world, storage)
	queue := newQueueTrigger(t, storage)
	store := openStorage(t, storage)
	tenant := world.Settings()["APP_TENANT_ID"]
	for _, c := range []struct {
		name     string
		envelope func(t *testing.T, message string) []byte
	}{
		{"as the host sends it", func(t *testing.T, m string) []byte { return queueEnvelope(t, m, 1) }},
		{"encoded by its producer", func(t *testing.T, m string) []byte { return queueEnvelope(t, string(marshal(t, m)), 2) }},
		{"as an object", func(t *testing.T, m string) []byte { return envelopeOf(t, "msg", json.RawMessage(m)) }},
		{"as bytes", func(t *testing.T, m string) []byte { return envelopeOf(t, "msg", []byte(m)) }},
		{"under another name", func(t *testing.T, m string) []byte { return envelopeOf(t, "myQueueItem", m) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			world.Offer(sim.Offer{ContentType: "Audit.General", Records: onlyRecord(c.name), Unpushed: true})
			if got := h.send("pull", timerEnvelope("pull", "timer", timerStatus)); got.status != 200 {
				t.Fatalf("pull: status %d", got.status)
			}
			queue.empty() // the message is ours to write
			all := contentsOf(t, store, tenant)
			open := slices.IndexFunc(all, func(c collect.Content) bool { return c.State == collect.Pending })
			if open < 0 {
				t.Fatal("pull recorded nothing")
			}
			got := h.send("content", c.envelope(t, string(collect.Message(all[open].Key()))))
			if got.status != 200 || len(got.logs) != 1 || !strings.HasPrefix(got.logs[0], "info: collected ") {
				t.Errorf("status %d, logs %q", got.status, got.logs)
			}
			if r := world.Book.Report(); r.Lost != 0 || r.Duplicates != 0 {
				t.Errorf("the answer came before the record: %+v", r)
			}
		})
	}
	world.RequireClean(t)
}

// onlyRecord is a record that no other test has.
func onlyRecord(mark string) [][]byte {
	return [][]byte{fmt.Appendf(nil, `{"Id":%q,"CreationTime":"%s","RecordType":25}`, mark, time.Now().UTC().Format("2006-01-02T15:04:05"))}
}

// Whoever can write to the queue can make us look at a row, and at nothing else:
// not an address is taken from a message, and none that is not the tenant's own
// from a row. The handler lives on.
func TestHostileMessages(t *testing.T) {
	t.Parallel()
	world := newWorld(t)
	storage := azurite.Start(t)
	queue := newQueueTrigger(t, storage)
	store := openStorage(t, storage)
	tenant, canary := world.Settings()["APP_TENANT_ID"], world.URL(sim.Canary)
	const stranger = "99999999-2222-3333-4444-555555555555"
	audit := "/api/v1.0/%s/activity/feed/audit/20261121000000000000001$x$y"
	plant := func(tenant, id, uri string) string {
		t.Helper()
		c := collect.Content{Tenant: tenant, Type: "Audit.General", ID: id, URI: uri, Created: time.Now(), Expires: time.Now().Add(time.Hour)}
		if _, err := (&collect.Ledger{Store: store, Sole: true}).Offer(t.Context(), c); err != nil { // sole: it queues nothing
			t.Fatal(err)
		}
		return string(collect.Message(c.Key()))
	}
	moved := func() string { // a row under a name that is not its own
		t.Helper()
		c := collect.Content{Tenant: tenant, Type: "Audit.General", ID: "moved", URI: canary + fmt.Sprintf(audit, tenant), Created: time.Now()}
		row, err := store.Get(t.Context(), keyOf(t, plant(tenant, "moved", c.URI)))
		if err != nil {
			t.Fatal(err)
		}
		row.Row = "another"
		if _, err := store.Insert(t.Context(), row); err != nil {
			t.Fatal(err)
		}
		return string(collect.Message(row.Key))
	}
	h := underHost(t, world, storage)
	// No token is asked for: that would be counted, and is refused.
	for _, op := range []string{sim.OpToken, sim.OpAIMS, sim.OpBlob, sim.OpIngest} {
		world.Dial.Set(sim.Rule{Op: op, Kind: sim.Status, Status: 500})
	}
	for name, c := range map[string]struct {
		message string
		status  int // 500: the invocation fails, and the host puts the message aside in the end
	}{
		"no JSON":                        {"fetch this", 500},
		"an address":                     {canary + fmt.Sprintf(audit, tenant), 500},
		"an address in JSON":             {fmt.Sprintf(`{"contentUri":%q}`, canary+fmt.Sprintf(audit, tenant)), 500},
		"an array":                       {`[{"partition":"a","row":"b"}]`, 500},
		"numbers for names":              {`{"partition":1,"row":2}`, 500},
		"60 KB of no JSON":               {strings.Repeat("x", 60<<10), 500},
		"no such row":                    {`{"partition":"` + tenant + `|20261121","row":"Audit.General|none"}`, 200},
		"no such row, and an address":    {fmt.Sprintf(`{"partition":"a","row":"b","uri":%q,"URI":%q,"kind":"config"}`, canary, canary), 200},
		"another table":                  {`{"partition":"../tenant","row":"webhook') or (PartitionKey ne '"}`, 200},
		"60 KB of name":                  {`{"partition":"` + strings.Repeat("x", 60<<10) + `","row":"b"}`, 200},
		"no name that a table can have":  {`{"partition":"a\u0000/\\#?","row":"\u0001"}`, 200},
		"a row of another tenant":        {plant(stranger, "a", world.URL(sim.Management)+fmt.Sprintf(audit, stranger)), 200},
		"a row with a foreign host":      {plant(tenant, "b", canary+fmt.Sprintf(audit, tenant)), 200},
		"a row with another's address":   {plant(tenant, "c", world.URL(sim.Management)+fmt.Sprintf(audit, stranger)), 200},
		"a row under a name not its own": {moved(), 200},
	} {
		t.Run(name, func(t *testing.T) {
			if got := h.send("content", queueEnvelope(t, c.message, 1)); got.status != c.status {
				t.Errorf("status %d, want %d", got.status, c.status)
			}
		})
	}
	if faults := world.Dial.Counts(); len(faults) > 0 || world.Calls().Blobs > 0 || len(world.CanaryHits()) > 0 {
		t.Errorf("somebody was asked: %v, %+v, canary %+v", faults, world.Calls(), world.CanaryHits())
	}
	world.Dial.Clear()
	queue.empty()
	world.Offer(sim.Offer{ContentType: "Audit.General", Records: onlyRecord("after all that"), Unpushed: true})
	h.send("pull", timerEnvelope("pull", "timer", timerStatus))
	soon(t, "the next content arrives", func() bool {
		queue.turn(h.fakeHost)
		return world.Book.Report().Lost == 0
	})
	world.RequireClean(t)
}

func keyOf(t *testing.T, message string) collect.Key {
	t.Helper()
	key, err := collect.ReadMessage([]byte(message))
	if err != nil {
		t.Fatal(err)
	}
	return key
}
