package main

import (
	"fmt"
	"strings"
	"time"
)

// A tallied run is all its cells' outcomes, added up.
type tallied struct {
	seed     uint64
	took     time.Duration
	injected map[string]int // requests that met a fault, by its name
	colours  map[colour]int
	cells    int
	contents int
	records  int
	lost     int
	dead     int
	twice    int // without need
	again    int // because an acknowledgement was lost
	peak     int64
	fastest  float64 // requests a second that met a fault
	recovery []time.Duration
}

func tally(outcomes []outcome, took time.Duration, seed uint64) *tallied {
	t := &tallied{seed: seed, took: took, cells: len(outcomes), injected: map[string]int{}, colours: map[colour]int{}}
	for i := range outcomes {
		o := &outcomes[i]
		t.injected[o.Fault] += o.Struck
		t.colours[o.Colour]++
		t.contents += o.Report.Announced
		t.records += o.Report.Published
		t.lost += o.Lost
		t.dead += o.Dead
		t.twice += o.Report.Duplicates
		t.again += o.Report.Repeated
		t.peak = max(t.peak, o.Peak)
		t.fastest = max(t.fastest, o.rate())
		t.recovery = append(t.recovery, o.Recovery)
	}
	return t
}

// figures are what the run adds to a total.
func (t *tallied) figures(outcomes []outcome) figures {
	f := figures{
		Command: "matrix", Runs: t.cells, Faults: t.injected, Contents: t.contents, Records: t.records,
		Lost: t.lost, Duplicates: t.twice, Peak: t.peak, Recovery: t.recovery,
	}
	for i := range outcomes {
		o := &outcomes[i]
		text := fmt.Sprintf("%s/%s: %s", o.Operation, o.Fault, strings.Join(o.Reasons, "; "))
		switch o.Colour {
		case red:
			f.Red = append(f.Red, text+" (log "+o.Log+")")
		case amber:
			f.Amber = append(f.Amber, text)
		}
	}
	return f
}

// line is the run in one sentence.
func (t *tallied) line() string {
	middle, most := spread(t.recovery)
	return fmt.Sprintf("%d cells in %v (%v a cell): %d green, %d amber, %d red; %d contents, %d records: "+
		"lost %d, dead letters %d, duplicates %d (and %d after a lost acknowledgement); "+
		"time to recover: median %v, most %v; most requests a second while a fault held %.0f; peak memory %d MB; seed %d",
		t.cells, t.took.Round(time.Second), (t.took / time.Duration(max(1, t.cells))).Round(10*time.Millisecond),
		t.colours[green], t.colours[amber], t.colours[red], t.contents, t.records,
		t.lost, t.dead, t.twice, t.again, short(middle), short(most), t.fastest, (t.peak+1<<20-1)>>20, t.seed)
}

func short(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
