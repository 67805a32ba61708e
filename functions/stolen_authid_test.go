package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/sim"
	"azcollector/internal/state"
)

// Who has the webhook's secret can make noise: thousands of contents that there are not,
// at other hosts, of other tenants, and real ones with wrong dates. What is genuine is
// delivered all the same, nothing goes elsewhere, and what is made up is bounded.
func TestStolenAuthID(t *testing.T) {
	t.Parallel()
	world := newWorld(t)
	dir := t.TempDir()
	v := newVictim(t, world, "", "STATE_DIR="+dir)
	tenant := world.Settings()["APP_TENANT_ID"]

	real := v.offer(3)
	v.announce(t, entryOf(real[0], v.feed()+real[0]), entryOf(real[1], v.feed()+real[1])) // with dates of another century
	v.announce(t,
		entryOf("x1", world.URL(sim.Canary)+"/api/v1.0/"+tenant+"/activity/feed/audit/x1"),
		entryOf("x2", "https://user:password@"+strings.TrimPrefix(v.feed(), "https://")+"x2"),
		entryOf("x3", strings.Replace(v.feed(), tenant, "00000000-0000-4000-8000-000000000001", 1)+"x3"),
		entryOf("x4", v.feed()+"..%2f..%2fx4"),
	)
	v.tells(t, "AZC1109", "4 entries of notifications")
	v.arrives(t)

	// A flood. At some point nothing of it is recorded any more.
	made := 0
	soon(t, "the flood is left to the list", func() bool {
		var entries []string
		for range 100 {
			made++
			id := fmt.Sprintf("made-up-%d", made)
			entries = append(entries, entryOf(id, v.feed()+id))
		}
		v.announce(t, entries...)
		return strings.Contains(v.log.String(), "notification left to the list")
	})
	genuine := v.offer(20)
	v.announce(t, entryOf(genuine[0], v.feed()+genuine[0])) // not recorded either, and listed
	v.arrives(t)
	v.unharmed(t, 0)
	v.interrupt(t)

	held := aged(t, dir, tenant)
	if held > made || held < 500 {
		t.Errorf("the ledger holds %d contents that the thief made up, of %d", held, made)
	}
	t.Logf("%d made up, %d recorded, %d requests for contents", made, held, world.Calls().Blobs)

	// A new process knows at once, by the state; and master tells, a quarter of an hour on.
	v = newVictim(t, world, "", "STATE_DIR="+dir)
	soon(t, "the new process leaves notifications to the list", func() bool {
		v.announce(t, entryOf("one-more", v.feed()+"one-more"))
		return strings.Contains(v.log.String(), "notification left to the list")
	})
	v.tells(t, "AZC1109", "announced contents are not known to Microsoft")
	if strings.Contains(v.log.String(), "AZC1303") {
		t.Error("what the thief made up counts as old")
	}
	v.made = 1000
	v.offer(2)
	v.arrives(t)
	v.unharmed(t, 0)
}

// aged makes what only a notification told of a quarter of an hour older, and returns
// how many of it the source did not know.
func aged(t *testing.T, dir, tenant string) (unknown int) {
	t.Helper()
	store, err := state.OpenEmbedded(dir)
	if err != nil {
		t.Fatalf("open %s: %v", filepath.Base(dir), err)
	}
	defer func() { _ = store.Close() }()
	return tamper(t, store, "due", collect.EscapeKey(tenant), func(row *collect.Row) bool {
		found, _ := row.Fields["Found"].(time.Time)
		row.Fields["Found"] = found.Add(-16 * time.Minute)
		is, _ := row.Fields["Unknown"].(bool)
		return is
	})
}

// Microsoft's own behaviour is no theft: ids that are announced and listed under others,
// contents that it does not have for a while, and some that it never gives.
func TestWhatMicrosoftDoesIsNoTheft(t *testing.T) {
	t.Parallel()
	world := newWorld(t)
	dir := t.TempDir()
	v := newVictim(t, world, "", "STATE_DIR="+dir)
	var announced, late []string
	for range 40 {
		p := world.Offer(sim.Offer{ContentType: "Audit.General", Unpushed: true, Records: v.records()})
		announced = append(announced, entryOf(p.Pushed, v.feed()+p.Pushed))
		late = append(late, p.Pushed)
	}
	world.Forget(late...)
	v.announce(t, announced...)
	v.arrives(t) // by their other ids
	v.interrupt(t)
	if n := aged(t, dir, world.Settings()["APP_TENANT_ID"]); n != 40 {
		t.Errorf("%d contents are not known to the source, want 40", n)
	}
	v = newVictim(t, world, "", "STATE_DIR="+dir)
	v.call(t, "master")
	if strings.Contains(v.log.String(), "AZC1109") || strings.Contains(v.log.String(), "AZC1903") {
		t.Error("what Microsoft does is told as a theft")
	}
	v.unharmed(t, 0)
}
