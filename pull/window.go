package pull

import (
	"context"
	"time"

	"azcollector/internal/collect"
)

// spare is how much of the edge's five minutes may be used up by what lies between
// two requests, so that a pass leaves no gap of seconds at the edge.
const spare = 2 * time.Minute

// list lists windows one after the other, some at the most and none after a time
// (zero: whenever), and saves their cursors now and then.
func (l *Lister) list(ctx context.Context, windows []window, most int, until time.Time) {
	for _, w := range windows {
		if ctx.Err() != nil || most <= 0 {
			return
		}
		if w.stopped {
			continue
		}
		if !until.IsZero() && !time.Now().Before(until) {
			w.cut = true
			continue
		}
		most--
		l.window(ctx, w)
		if w.unsaved >= saveEvery && ctx.Err() == nil {
			w.unsaved = 0
			if err := w.cursor.Save(ctx, l.Store); err != nil {
				l.Report(Listing{Tenant: w.tenant, Type: w.contentType, Err: err})
				w.errs = append(w.errs, err)
			}
		}
	}
}

// window lists one window. Its cursor learns of it only when everything in it is
// in the ledger, and what of it cannot be listed any more is kept as a gap.
func (l *Lister) window(ctx context.Context, w window) {
	now := l.Now().UTC() // before the request: what becomes available during it may be missed
	was := known(w.cursor, w.begin)
	from, to := cut(w.begin, was, now)
	if !from.Before(to) {
		return // it slid past the edge meanwhile: the next pass gives it up
	}
	h := &harvest{offer: l.Offer, took: func(c collect.Content, o collect.Offered) {
		w.memory.record(w.begin, c.ID)
		l.count(c, o)
	}}
	if interval(now.Sub(w.begin.Add(collect.Window))) == 0 {
		h.skip = l.recorded(ctx, w)
	}
	err := h.gather(ctx, l.Contents(ctx, w.tenant, w.contentType, from, to))
	if err == nil && from.After(was) {
		err = l.note(ctx, missed(w.cursor, was, from))
	}
	if ctx.Err() != nil {
		return // nobody's failure; the next pass lists it again
	}
	if err == nil {
		w.succeed(w.begin, now)
	} else {
		w.fail(w.begin, err)
	}
	if err != nil || h.fresh > 0 {
		l.Report(Listing{Tenant: w.tenant, Type: w.contentType, From: from, To: to, Listed: h.listed, Fresh: h.fresh, Err: err})
	}
}

// recallAfter is how many contents of a window are offered one by one before the
// ledger's whole day is read instead: a page of a thousand rows costs as much as one.
const recallAfter = 64

// recorded says which contents of a window the ledger has. A process that was just
// started remembers none.
func (l *Lister) recorded(ctx context.Context, w window) func(collect.Content) bool {
	unknown := 0
	return func(c collect.Content) bool {
		if w.memory.knows(w.begin, c.ID) {
			return true
		}
		if unknown++; unknown != recallAfter || l.Known == nil {
			return false
		}
		for known, err := range l.Known(ctx, w.tenant, w.contentType, w.begin) {
			if err != nil {
				break // then they are offered one by one
			}
			if known.Created.Truncate(collect.Window).Equal(w.begin) {
				w.memory.record(w.begin, known.ID)
			}
		}
		return w.memory.knows(w.begin, c.ID)
	}
}

// cut is what of a window can be asked for: from the edge, and until now. What is
// wanted of it begins at was, and if that is hardly behind the edge it is asked for.
func cut(begin, was, now time.Time) (from, to time.Time) {
	from, to = begin, begin.Add(collect.Window)
	if far := edge(now); from.Before(far) {
		from = far
	}
	if gap := from.Sub(was); gap > 0 && gap < spare {
		from = was
	}
	if to.After(now) {
		to = now
	}
	return from, to
}

func (l *Lister) count(c collect.Content, o collect.Offered) {
	if o.Fresh && l.bell.heard(feed{c.Tenant, c.Type}, c.ID) {
		o.Agreed = true
	}
	if l.Count != nil {
		l.Count(c.Type, o)
	}
}
