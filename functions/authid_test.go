package main

import (
	"testing"

	"azcollector/internal/collect"
	"azcollector/internal/state"
)

func TestAuthIDIsGeneratedOnceAndRotated(t *testing.T) {
	store, err := state.OpenEmbedded(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	const tenant = "11111111-2222-3333-4444-555555555555"
	load := func(setting string) []string {
		t.Helper()
		ids := newAuthIDs(store, tenant, setting)
		if err := ids.load(t.Context()); err != nil {
			t.Fatal(err)
		}
		return ids.accepted()[tenant]
	}

	first := load("")
	if len(first) != 1 || len(first[0]) < guessable {
		t.Fatalf("generated %q", first)
	}
	if again := load(""); len(again) != 1 || again[0] != first[0] {
		t.Errorf("second start accepts %q, want the kept %q", again, first)
	}
	if rotated := load("a-new-secret-of-the-settings"); len(rotated) != 2 || rotated[0] != "a-new-secret-of-the-settings" || rotated[1] != first[0] {
		t.Errorf("after a rotation %q is accepted, want the new one and %q", rotated, first)
	}

	// A day after the rotation the old one is nobody's any more.
	key := collect.Key{Kind: "tenant", Partition: collect.EscapeKey(tenant), Row: "webhook"}
	row, err := store.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	ids := newAuthIDs(store, tenant, "")
	if err := ids.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ids.rotated = ids.rotated.Add(-rotationGrace)
	if accepted := ids.accepted()[tenant]; len(accepted) != 1 || accepted[0] != row.Fields["AuthID"] {
		t.Errorf("a day later %q is accepted", accepted)
	}
}
