package sim

import (
	"slices"
	"time"
)

// A Window is a stretch of time: From is in it, To is not.
type Window struct{ From, To time.Time }

// A coverage is the union of windows, kept apart and in order.
type coverage struct{ windows []Window }

func (c *coverage) add(w Window) {
	if !w.From.Before(w.To) {
		return
	}
	var kept []Window
	for _, o := range c.windows {
		if o.To.Before(w.From) || w.To.Before(o.From) {
			kept = append(kept, o)
			continue
		}
		if o.From.Before(w.From) {
			w.From = o.From
		}
		if o.To.After(w.To) {
			w.To = o.To
		}
	}
	c.windows = append(kept, w)
	slices.SortFunc(c.windows, func(a, b Window) int { return a.From.Compare(b.From) })
}

// gaps are the stretches of w that are not covered.
func (c *coverage) gaps(w Window) []Window {
	var gaps []Window
	for _, o := range c.windows {
		if !o.To.After(w.From) {
			continue
		}
		if !o.From.Before(w.To) {
			break
		}
		if w.From.Before(o.From) {
			gaps = append(gaps, Window{w.From, o.From})
		}
		w.From = o.To
	}
	if w.From.Before(w.To) {
		gaps = append(gaps, w)
	}
	return gaps
}

// Unlisted tells the stretches between from and to that the client has not yet
// listed to their last page. What the API answered reaches no further than its
// own clock did then; an answer that a fault kept from the client does not count.
func (w *World) Unlisted(contentType string, from, to time.Time) []Window {
	w.feed.mu.Lock()
	defer w.feed.mu.Unlock()
	c := w.feed.listed[contentType]
	if c == nil {
		c = &coverage{}
	}
	return c.gaps(Window{from.UTC(), to.UTC()})
}

// cover notes a window whose last page the client has.
func (f *feed) cover(kind string, w Window) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.listed[kind]
	if c == nil {
		c = &coverage{}
		f.listed[kind] = c
	}
	c.add(w)
}
