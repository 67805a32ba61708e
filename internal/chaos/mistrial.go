package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Hardware under a virtual machine is shared, and others on it may have most of the
// processors for minutes. Then every patience ends early, whatever the collector does: what
// goes wrong meanwhile is a mistrial. It is told, counted, and held again.
const (
	starved     = 0.3 // of the processor time that this machine wanted went to others
	mostTrials  = 4   // the last one counts in any case
	longestRest = time.Minute
)

// A court holds trials, and those again that were none.
type court struct {
	mistrials atomic.Int64
	read      func() processors
}

func newCourt() *court { return &court{read: readProcessors} }

// hold holds a trial until it goes well, or counts; wrong is what it came to otherwise.
func (c *court) hold(ctx context.Context, name string, trial func() (wrong []string)) {
	for n := 1; ; n++ {
		before := c.read()
		wrong := trial()
		taken := c.read().takenSince(before)
		if len(wrong) == 0 || taken < starved || n == mostTrials || ctx.Err() != nil {
			return
		}
		c.mistrials.Add(1)
		fmt.Fprintf(os.Stderr, "chaos: %s: does not count, for others had %.0f %% of the processors: %s\n", name, 100*taken, strings.Join(wrong, "; "))
		c.rest(ctx)
	}
}

// rest waits until this machine has its processors again, or for a minute.
func (c *court) rest(ctx context.Context) {
	for end := time.Now().Add(longestRest); time.Now().Before(end); {
		before := c.read()
		select {
		case <-time.After(5 * time.Second):
		case <-ctx.Done():
			return
		}
		if c.read().takenSince(before) < starved {
			return
		}
	}
}

// processors is how long, in the kernel's ticks, they worked since the machine began: for
// it, and for others while it wanted them.
type processors struct{ ours, theirs uint64 }

// readProcessors asks the kernel. One that does not tell has never been deprived.
func readProcessors() processors {
	text, _ := os.ReadFile("/proc/stat")
	return parseProcessors(string(text))
}

// parseProcessors reads the first line: cpu user nice system idle iowait irq softirq steal,
// and more that is counted in those already.
func parseProcessors(text string) (p processors) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return processors{}
	}
	for i, to := range map[int]*uint64{1: &p.ours, 2: &p.ours, 3: &p.ours, 6: &p.ours, 7: &p.ours, 8: &p.theirs} {
		n, err := strconv.ParseUint(fields[i], 10, 64)
		if err != nil {
			return processors{}
		}
		*to += n
	}
	return p
}

// takenSince is the share of what was wanted since before that others had.
func (p processors) takenSince(before processors) float64 {
	wanted := float64(p.ours - before.ours + p.theirs - before.theirs)
	if wanted == 0 {
		return 0
	}
	return float64(p.theirs-before.theirs) / wanted
}
