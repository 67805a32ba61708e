package sim

import (
	"net/http"
	"slices"
	"time"
)

// Calls counts what the client asked of the management API.
type Calls struct {
	Starts, Stops, Lists, Pages, Blobs int
	// Refetched counts the contents asked for again after a whole answer.
	Refetched int
}

// asked is a request that arrived, whether or not a fault met it.
type asked struct {
	op string
	at time.Time
}

// Calls tells what the client asked of the management API so far.
func (w *World) Calls() Calls {
	w.feed.mu.Lock()
	defer w.feed.mu.Unlock()
	return w.feed.calls
}

// Earliest is the beginning of the oldest window that the client asked a list of;
// zero: of none.
func (w *World) Earliest() time.Time {
	w.feed.mu.Lock()
	defer w.feed.mu.Unlock()
	return w.feed.earliest
}

// ListTimes tells when, by the world's clock, the client asked for lists and
// their further pages and for anything about subscriptions, faults included; of
// these operations only, if some are named. Blobs and /notifications are not noted.
func (w *World) ListTimes(ops ...string) []time.Time {
	w.feed.mu.Lock()
	defer w.feed.mu.Unlock()
	var times []time.Time
	for _, a := range w.feed.asked {
		if len(ops) == 0 || slices.Contains(ops, a.op) {
			times = append(times, a.at)
		}
	}
	return times
}

// dated stamps every answer, faults included, with the API's own clock and what
// else the real one sends ([OBS] reference, section 2.8).
func (f *feed) dated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.note(feedOp(r))
		h := w.Header()
		h.Set("Date", f.now().Format(http.TimeFormat))
		h.Set("Cache-Control", "no-cache")
		h.Set("Pragma", "no-cache")
		h.Set("Expires", "-1")
		h.Set("Server", "Microsoft-IIS/10.0")
		next.ServeHTTP(w, r)
	})
}

// note keeps when an operation was asked for, and what the client can know of the
// API's clock.
func (f *feed) note(op string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told.tell(f.now())
	switch op {
	case OpList, OpPage, OpSubscriptionsList, OpStart, OpStop:
		f.asked = append(f.asked, asked{op, f.w.o.Now()})
	}
}
