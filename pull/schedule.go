package pull

import (
	"cmp"
	"slices"
	"time"

	"azcollector/internal/collect"
)

// furthest is how far back is asked: the API refuses a window that begins more
// than 7 days ago (Management Activity API reference, "List available content"),
// and five minutes are for the request to arrive.
const furthest = 7*24*time.Hour - 5*time.Minute

// idleRequests is the most that a pass over a tenant asks when nothing happens.
// The API's base quota is 2,000 a minute (reference, "API throttling").
const idleRequests = 10

// edge is the far end of what the source still lists.
func edge(now time.Time) time.Time { return now.UTC().Add(-furthest) }

// again says how often a window is listed that was listed completely: contents
// turn up late, but the older the rarer. Ages are those of its end.
var again = []struct{ age, every time.Duration }{
	{time.Hour, 0}, // the current and the last hour: every pass
	{2 * time.Hour, 15 * time.Minute},
	{24 * time.Hour, 6 * time.Hour},
	{furthest, 24 * time.Hour},
}

// A window is one whole hour of one type that is to be listed.
type window struct {
	*reading
	begin    time.Time
	failures int // since it last could be listed
	// late is how much time has passed since it was listed last, as a multiple of
	// how often it is to be: relative, for else a week's worth of windows that
	// became due together would hold up those that are due every quarter of an hour.
	late float64
}

// A schedule is what a pass over a tenant is to list, each part in the order to do so.
type schedule struct {
	fresh    []window // the current and the last hours
	unlisted []window // what was never listed completely
	relist   []window // what was, long enough ago
	room     int      // how many of relist the pass may ask for
}

func plan(readings []*reading, now time.Time) (s schedule) {
	for _, r := range readings {
		for begin := r.cursor.Begin; begin.Before(now); begin = begin.Add(collect.Window) {
			w := window{reading: r, begin: begin, failures: r.memory.failures(begin)}
			end := begin.Add(collect.Window)
			every := interval(now.Sub(end))
			switch listed := r.cursor.Listed(begin); {
			case every == 0 && r.memory.others(begin, listed, now):
			case every == 0:
				s.fresh = append(s.fresh, w)
			case listed.Before(end):
				s.unlisted = append(s.unlisted, w)
			case now.Sub(listed) >= every:
				w.late = float64(now.Sub(listed)) / float64(every)
				s.relist = append(s.relist, w)
			}
		}
	}
	// Those that failed lately come last: they may end the type's turn or use up
	// the room, and would keep us from the others for as long as they fail.
	slices.SortStableFunc(s.unlisted, func(a, b window) int {
		return cmp.Or(cmp.Compare(a.failures, b.failures), a.begin.Compare(b.begin))
	})
	slices.SortStableFunc(s.relist, func(a, b window) int {
		return cmp.Or(cmp.Compare(a.failures, b.failures), cmp.Compare(b.late, a.late))
	})
	s.ration()
	return s
}

func interval(age time.Duration) time.Duration {
	for _, a := range again {
		if age < a.age {
			return a.every
		}
	}
	return again[len(again)-1].every
}

// ration keeps what is listed again within the budget. If the current and last
// hours use it up, one last hour makes room: the one listed latest, so that none
// has to twice in a row.
func (s *schedule) ration() {
	s.room = idleRequests - len(s.fresh)
	if s.room > 0 || len(s.relist) == 0 {
		return
	}
	latest := -1
	for i, w := range s.fresh {
		complete := !w.listed().Before(w.begin.Add(collect.Window))
		if complete && (latest < 0 || w.listed().After(s.fresh[latest].listed())) {
			latest = i
		}
	}
	if latest >= 0 {
		s.fresh = slices.Delete(s.fresh, latest, latest+1)
		s.room = 1
	}
}

func (w window) listed() time.Time { return w.cursor.Listed(w.begin) }
