package main

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// elsewhere is one cell for each class of faults, each at another operation; what is
// asked of the content host and of ingest meets every fault.
var elsewhere = []string{
	"discovery/refused", "token/503", "token/silent-body", "subscriptions-list/403", "start/500", "notifications/empty",
	"list/truncated-length", "list/404", "page/429-bare", "aims/401", "aims/timeout", "endpoints/redirect",
	"register/408", "register/lost-ack", "check-in/html", "check-in/413", "aims/slow-body", "list/reset-after", "endpoints/wrong-type",
}

// TestDelivery runs the cells that decide whether records arrive.
func TestDelivery(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the real program some sixty times")
	}
	m := &matrix{Parallel: 12, Only: append([]string{"ingest/*", "blob/*"}, elsewhere...)}
	cells := m.cells([]lane{remote()})
	if want := 2*len(faults()) + len(elsewhere); len(cells) != want {
		t.Fatalf("%d cells, want %d", len(cells), want)
	}
	noneRed(t, m, cells)
}

// noneRed runs cells with the real program.
func noneRed(t *testing.T, m *matrix, cells []cell) {
	t.Helper()
	o := &options{Dir: t.TempDir(), Keep: true, Seed: 1, court: newCourt()}
	o.Collector = filepath.Join(o.Dir, "azcollector")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", o.Collector, "azcollector/functions").CombinedOutput(); err != nil {
		t.Fatalf("build the collector: %v\n%s", err, out)
	}
	outcomes, err := m.try(t.Context(), o, cells)
	if err != nil {
		t.Fatal(err)
	}
	for i := range outcomes {
		if r := &outcomes[i]; r.Colour == red {
			t.Errorf("%s/%s: %q\nthe log from warnings on: %q", r.Operation, r.Fault, r.Reasons, r.Complaints)
		}
	}
}

// Every class of faults is met somewhere beside ingest and blob.
func TestElsewhereHasEveryClass(t *testing.T) {
	met := map[string]bool{}
	for _, name := range elsewhere {
		met[cellOf(t, name).fault.class] = true
	}
	for _, f := range faults() {
		if !met[f.class] {
			t.Errorf("no cell elsewhere has a fault of the class %s", f.class)
		}
	}
}
