package main

import (
	"path"
	"slices"
	"testing"

	"azcollector/internal/sim"
)

// kept are cells of the lanes with a state that can be broken: what is got over quickly,
// of every service and of every kind of fault. The others are for scripts/soak.
var kept = []string{
	"table-read/404", "table-insert/lost-ack", "queue-count/timeout", "queue-take/401",
	"payload-put/reset-after", "payload-get/html", "payload-get/empty", "payload-delete/refused", "state-file/full",
}

func TestStateThatBreaks(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the real program and a storage emulator")
	}
	lanes := []lane{storage(), disk()}
	m := &matrix{Parallel: len(kept), Only: kept}
	cells := m.cells(lanes)
	want := len(kept)
	if why := lanes[1].operations[0].without["full"]; why != "" {
		t.Logf("no disk is filled: %s", why)
		want--
	}
	if len(cells) != want {
		t.Fatalf("%d cells, want %d", len(cells), want)
	}
	noneRed(t, m, cells)
}

// Each operation that the simulator can break is a row, and each names what failed.
func TestStorageLaneIsWhole(t *testing.T) {
	lane := storage()
	var rows []string
	for _, op := range lane.operations {
		rows = append(rows, op.op)
		if len(op.told) == 0 || op.most == 0 {
			t.Errorf("%s: nothing is asked of the log, or of the rate", op.name)
		}
	}
	if !slices.Equal(rows, sim.StorageOps()) {
		t.Errorf("rows %q, want %q", rows, sim.StorageOps())
	}
	for _, name := range kept {
		if op, _ := path.Split(name); op != "state-file/" && !slices.Contains(rows, path.Dir(op+"x")) {
			t.Errorf("%s is no cell", name)
		}
	}
}
