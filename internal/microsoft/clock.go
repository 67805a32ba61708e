package microsoft

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"azcollector/internal/collect"
)

const (
	// knownFor is how long after an answer the API's clock still counts as known.
	knownFor = 10 * time.Minute
	// jump is by how much an answer's Date may differ from what was known, or from
	// our own clock if nothing was, before a second answer has to confirm it: one
	// wrong Date would give up a week of windows.
	jump = time.Hour
	// mostAsked is how often Synchronise asks: once to hear of a jump, once to have
	// it confirmed, and once more if one of the two was wrong.
	mostAsked = 3
)

// A sight is the API's clock as one answer told it. It goes on by the monotonic
// clock, so that whoever sets this machine's clock does not move the API's.
type sight struct {
	date time.Time
	at   time.Time // zero: nothing was seen, and our own clock must do
}

func (s sight) now() time.Time {
	if s.at.IsZero() {
		return time.Now()
	}
	return s.date.Add(time.Since(s.at))
}

func (s sight) agrees(date time.Time) bool { return s.now().Sub(date).Abs() <= jump }

// A remoteClock is what the answers told of the API's clock.
type remoteClock struct {
	mu      sync.Mutex
	known   sight
	doubted sight // the last one, if it jumped and nothing confirmed it yet
}

func (c *remoteClock) observe(resp *http.Response) {
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := sight{date, time.Now()}
	if c.known.agrees(date) || c.doubts() && c.doubted.agrees(date) {
		c.known, c.doubted = seen, sight{}
	} else {
		c.doubted = seen
	}
}

func (c *remoteClock) doubts() bool { return !c.doubted.at.IsZero() }

func (c *remoteClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known.now()
}

// state reports whether the clock is known, and if not, whether that is because
// of an answer that nothing confirmed.
func (c *remoteClock) state() (known, doubtful bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known = !c.doubts() && !c.known.at.IsZero() && time.Since(c.known.at) < knownFor
	return known, c.doubts()
}

// ServerTime is the API's clock as its last answer told it, never ahead of it:
// windows end here, since contentCreated stands on that clock. An answer that is
// more than an hour off what was known counts when a second one agrees with it.
func (f *Feed) ServerTime() time.Time { return f.clock.now().UTC() }

// Skew is the API's clock minus ours: 0 before the first answer, and up to a
// second and the answer's travelling time too small.
func (f *Feed) Skew() time.Duration {
	f.clock.mu.Lock()
	defer f.clock.mu.Unlock()
	known := f.clock.known
	if known.at.IsZero() {
		return 0
	}
	return time.Until(known.now())
}

// Synchronise makes sure that the API's clock is known, for who is about to cut
// time into windows. If no answer told it within the last ten minutes, or the last
// one contradicts what was known, the tenant's subscriptions are listed; a refusal
// tells the time as well as they do.
func (f *Feed) Synchronise(ctx context.Context, tenant string) error {
	known, doubtful := f.clock.state()
	if known {
		return nil
	}
	var err error
	for asked := 0; asked == 0 || doubtful && asked < mostAsked; asked++ {
		_, err = f.Subscriptions(ctx, tenant)
		if known, doubtful = f.clock.state(); known {
			return nil
		}
	}
	switch {
	case err != nil:
	case doubtful:
		err = &collect.Fault{Err: errors.New("its answers have a Date hours apart: check any proxy in between")}
	default:
		err = &collect.Fault{Err: errors.New("the answer has no Date: check any proxy in between")}
	}
	return explain("learn the API's clock", err)
}
