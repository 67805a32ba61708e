package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"azcollector/internal/sim"
)

// An outcome is what became of one cell.
type outcome struct {
	Lane, Operation, Fault string
	Struck                 int           // requests that met the fault
	Held                   time.Duration // how long it held
	Quiet                  bool          // all was well while it did
	Recovered              bool
	Recovery               time.Duration
	Unheard                error      `json:"-"` // why a notification was not answered 200
	Ended                  bool       // the collector ended by itself
	Report                 sim.Report // of the records
	Lost                   int        // of them, those that are no dead letters either
	Pending, Expired, Dead int        // contents, contents and records, by the state
	Canary                 int        // requests at an address that nobody was told of
	Flaws                  []string   // the simulator's complaints
	WhileHeld, Complaints  []string   // lines of the log, from warnings on
	Peak                   int64      // of memory, in bytes
	Log                    string

	Colour  colour
	Reasons []string // why it is red, or amber
}

// A colour is what a cell comes to.
type colour string

const (
	green colour = "green" // as if there had been no fault
	amber colour = "amber" // as it should be, which is not the same
	red   colour = "red"   // not as it should be, or not looked at
)

const (
	// Lines that a fault may cost: so many for each request that met it, and so many a
	// second, because contents wait and timers run whatever is asked for.
	linesPerStrike = 2
	linesPerSecond = 30
)

// judge gives an outcome its colour.
func (c cell) judge(o *outcome) {
	o.Reasons = slices.Concat(c.looked(o), c.kept(o), c.behaved(o))
	o.Colour = green
	if len(o.Reasons) > 0 {
		o.Colour = red
		return
	}
	if why := c.why(); why != "" {
		o.Colour, o.Reasons = amber, []string{why}
	}
}

// looked: a cell in which nothing happened shows nothing.
func (c cell) looked(o *outcome) (wrong []string) {
	if o.Struck == 0 {
		wrong = append(wrong, "the fault met no request")
	}
	if o.Report.Published == 0 {
		wrong = append(wrong, "no record was published")
	}
	if !o.Recovered {
		wrong = append(wrong, fmt.Sprintf("not back to normal within %v", max(recoverWithin, c.lane.within)))
	}
	return wrong
}

// kept: every record is delivered once, or a dead letter where that is right.
func (c cell) kept(o *outcome) (wrong []string) {
	r, unjudged := o.Report, o.Dead
	if c.fault.letters {
		unjudged = 0
	}
	for _, count := range []struct {
		n    int
		text string
	}{
		{o.Lost, "records are lost"}, {unjudged, "records are dead letters, and nobody judged them"},
		{r.Duplicates, "records arrived twice without need"}, {r.Unknown, "records arrived that nobody published"},
		{o.Pending, "contents are still pending"}, {o.Expired, "contents count as expired"},
	} {
		if count.n > 0 {
			wrong = append(wrong, fmt.Sprintf("%d %s", count.n, count.text))
		}
	}
	if r.Repeated > 0 && !(c.fault.unacked && c.operation.op == sim.OpIngest) {
		wrong = append(wrong, fmt.Sprintf("%d records came again although their acknowledgement could be heard", r.Repeated))
	}
	return wrong
}

// behaved: what others saw of the collector, and what it said.
func (c cell) behaved(o *outcome) (wrong []string) {
	if o.Canary > 0 {
		wrong = append(wrong, fmt.Sprintf("%d requests went to an address out of an answer", o.Canary))
	}
	for _, flaw := range o.Flaws {
		wrong = append(wrong, "the simulator complains: "+flaw)
	}
	if o.Unheard != nil {
		wrong = append(wrong, "a notification was not answered 200: "+o.Unheard.Error())
	}
	if o.Ended {
		wrong = append(wrong, "the collector ended by itself")
	}
	if rate := o.rate(); rate > c.operation.most {
		wrong = append(wrong, fmt.Sprintf("%.1f requests a second while the fault held, more than %.0f", rate, c.operation.most))
	}
	if !o.Quiet && !c.named(o.WhileHeld) {
		wrong = append(wrong, fmt.Sprintf("no line of the log names what failed (one of %q)", c.told()))
	}
	if most := linesPerStrike*o.Struck + int(linesPerSecond*(o.Held+o.Recovery).Seconds()); len(o.Complaints) > most {
		wrong = append(wrong, fmt.Sprintf("%d warnings and errors in the log, more than %d", len(o.Complaints), most))
	}
	return wrong
}

// rate is how many requests a second met the fault.
func (o *outcome) rate() float64 {
	return float64(o.Struck) / max(o.Held, leastHeld).Seconds()
}

func (c cell) named(lines []string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		return slices.ContainsFunc(c.told(), func(word string) bool { return strings.Contains(line, word) })
	})
}
