package pull

import (
	"time"

	"azcollector/internal/collect"
)

// aheadBy is how far a cursor's times may lie after now before somebody's clock was
// wrong: the source's is known to seconds only, and its servers differ a little.
const aheadBy = collect.Window

// mend takes out of a cursor what was written while a clock was ahead. Believed, it
// would call hours listed that are still to come, and give up a week that can be
// listed. What it says of the past stays, the rest is listed again.
// It reports whether there was any.
func mend(c *collect.Cursor, now time.Time) (ahead bool) {
	begin, horizon := c.Begin, now.Add(aheadBy)
	ahead = begin.After(now) || c.Run.After(horizon)
	listed := map[time.Time]time.Time{}
	for at := begin; at.Before(now.Add(furthest)); at = at.Add(collect.Window) {
		switch when := c.Listed(at); {
		case when.After(horizon):
			ahead = true
		case !when.IsZero():
			listed[at] = when
		}
	}
	if !ahead {
		return false
	}
	c.Run = now
	rebuild(c, begin, listed, begin.After(edge(now)), now)
	return true
}

// reach gives a cursor back what it gave up though it can be listed still, and reports
// whether there was any. One window is the difference between two processes' clocks.
func reach(c *collect.Cursor, begin, now time.Time) bool {
	if c.Begin.Sub(begin) <= collect.Window {
		return false
	}
	listed := map[time.Time]time.Time{}
	for at := c.Begin; at.Before(now.Add(furthest)); at = at.Add(collect.Window) {
		if when := c.Listed(at); !when.IsZero() {
			listed[at] = when
		}
	}
	rebuild(c, begin, listed, !begin.After(edge(now)), now)
	return true
}

// rebuild lets a cursor begin somewhere, or with what the source still lists, and know
// of some windows.
func rebuild(c *collect.Cursor, begin time.Time, listed map[time.Time]time.Time, atEdge bool, now time.Time) {
	c.Forget(c.Begin.Add(aLifetime))
	if c.Begin = begin; atEdge {
		beginAtEdge(c, now)
	}
	for at, when := range listed {
		c.Note(at, when)
	}
}

// aLifetime is more windows than a row has room for (64 KiB, 4 bytes each): to forget
// so much is to forget all.
const aLifetime = 16384 * collect.Window

// beginAtEdge makes a cursor begin with what the source still lists. What lies before
// was never asked for, or was given up, and is no gap.
func beginAtEdge(c *collect.Cursor, now time.Time) {
	far := edge(now)
	c.Begin = far.Truncate(collect.Window)
	c.Note(c.Begin, far)
}
