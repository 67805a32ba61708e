package sim

import "time"

// The collector's own rule, not the API's: it lists whole UTC hours, so that
// asking again asks the same question. What is not whole is the far edge, that
// stands a safe way behind the oldest start there may be, and the current hour,
// that ends at the API's now in whole seconds.
const (
	edgeRoom  = 10 * time.Minute
	nowBehind = 2 * time.Minute
	nowAhead  = 5 * time.Second
)

// judgeWindow complains about a list that asks for other windows. The lock is the
// caller's.
func (f *feed) judgeWindow(kind string, from, to time.Time) {
	starts, ends := whole(from), whole(to)
	for _, now := range f.told.clocks(f.now()) {
		edge := now.Add(-furthest)
		starts = starts || between(edge.Add(-nowAhead), from, edge.Add(edgeRoom))
		ends = ends || between(now.Add(-nowBehind), to, now.Add(nowAhead))
	}
	if !starts {
		f.complain("list: %s was listed from %s, which is neither a whole UTC hour nor 7 days ago", kind, from.Format(time.RFC3339))
	}
	if !ends {
		f.complain("list: %s was listed until %s, which is neither a whole UTC hour nor now (%s)", kind, to.Format(time.RFC3339), f.now().Format(time.RFC3339))
	}
}

func between(first, t, last time.Time) bool { return !t.Before(first) && !t.After(last) }

func whole(t time.Time) bool { return t.Equal(t.Truncate(time.Hour)) }

// leapGrace is how long the client may go by what it was told before the API's
// clock leapt: five of its runs.
const leapGrace = 5 * time.Minute

// told is what the client can know of the API's clock: how far that was ahead of
// the real one, which the client has too, in the answers so far.
type told struct {
	ahead, before time.Duration
	leapt         time.Time // by the real clock: when ahead took the place of before
	once          bool      // it was told anything
}

func (t *told) tell(now time.Time) {
	clock := time.Now()
	ahead := now.Sub(clock)
	if !t.once {
		t.once, t.ahead = true, ahead
		return
	}
	if (ahead - t.ahead).Abs() > nowAhead {
		t.before, t.ahead, t.leapt = t.ahead, ahead, clock
	}
}

// clocks are the times that the client may take for the API's now.
func (t *told) clocks(now time.Time) []time.Time {
	clock, all := time.Now(), []time.Time{now}
	if t.once && (now.Sub(clock)-t.ahead).Abs() > nowAhead { // it leapt while this request was answered
		all = append(all, clock.Add(t.ahead))
	}
	if !t.leapt.IsZero() && clock.Sub(t.leapt) <= leapGrace {
		all = append(all, clock.Add(t.before))
	}
	return all
}
