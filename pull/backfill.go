package pull

import (
	"context"
	"errors"
	"fmt"
	"time"

	"azcollector/internal/collect"
)

// A Backfill offers a stretch of time to the ledger again, whatever the cursors
// say, and does not move them. Killed and run again within a day, for a range that
// begins within what was taken, it goes on where it was.
type Backfill struct {
	Source
	Tenant string
	Types  []string
	// Store keeps how far it came.
	Store collect.Store
	// Retry is how often a window is taken that cannot be listed or recorded.
	Retry collect.Retry
	// Progress is told before each request; nil: nobody looks.
	Progress func(done, total int, what string)
}

// Backfilled says what a run did: what an interrupted one did before is not in it.
type Backfilled struct {
	// Since and Until are whole hours, cut to what the source lists.
	Since, Until time.Time
	// Listed contents, and of these the ones that are to be collected now.
	Listed, Fresh int
}

// Run offers every whole hour that the range touches. A window that cannot be
// listed ends its type's turn, so that nothing is passed over; the other types go on.
func (b *Backfill) Run(ctx context.Context, since, until time.Time) (Backfilled, error) {
	if err := b.Retry.Do(ctx, func(ctx context.Context) error { return b.Synchronise(ctx, b.Tenant) }); err != nil {
		return Backfilled{}, err
	}
	now := b.Now().UTC()
	done := Backfilled{
		Since: later(since.UTC().Truncate(collect.Window), edge(now)),
		Until: earlier(until.UTC().Add(collect.Window-1).Truncate(collect.Window), now),
	}
	if !done.Since.Before(done.Until) {
		return done, fmt.Errorf("backfill from %s until %s: the source lists from %s until %s only", since.UTC().Format(time.RFC3339),
			until.UTC().Format(time.RFC3339), edge(now).Format(time.RFC3339), now.Format(time.RFC3339))
	}
	var positions []*position
	var errs []error
	for n, contentType := range b.Types {
		at := positionOf(b.Tenant, contentType, done.Since)
		positions = append(positions, at)
		if err := b.fill(ctx, n, at, &done); err != nil {
			errs = append(errs, fmt.Errorf("backfill %s: %w", contentType, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	if err := errors.Join(errs...); err != nil {
		return done, err // the positions stay: the next run must know which types are through
	}
	for _, at := range positions {
		errs = append(errs, at.remove(ctx, b.Store))
	}
	return done, errors.Join(errs...)
}

// fill takes the windows of the n-th type from its position on. The position is
// written after each, so a kill costs one window. An hour that is not over counts
// as not taken: a later run finds more in it.
func (b *Backfill) fill(ctx context.Context, n int, at *position, done *Backfilled) error {
	if err := at.load(ctx, b.Store); err != nil {
		return err
	}
	first := done.Since.Truncate(collect.Window)
	each := int((done.Until.Sub(first) + collect.Window - 1) / collect.Window)
	if at.next.After(done.Until.Add(collect.Window)) { // nobody wrote that for this range
		at.next = time.Time{}
	}
	for begin := later(first, at.next); begin.Before(done.Until); begin = begin.Add(collect.Window) {
		if b.Progress != nil {
			b.Progress(n*each+int(begin.Sub(first)/collect.Window), len(b.Types)*each, at.contentType+" "+begin.Format(time.RFC3339))
		}
		from, to := cut(begin, later(begin, done.Since), b.Now().UTC())
		if from.Before(to) {
			if err := b.window(ctx, at.contentType, from, to, done); err != nil {
				return fmt.Errorf("from %s: %w", from.Format(time.RFC3339), err)
			}
		}
		if err := at.save(ctx, b.Store, earlier(begin.Add(collect.Window), to).Truncate(collect.Window)); err != nil {
			return err
		}
	}
	return nil
}

func (b *Backfill) window(ctx context.Context, contentType string, from, to time.Time, done *Backfilled) error {
	return b.Retry.Do(ctx, func(ctx context.Context) error {
		h := &harvest{offer: b.Offer}
		err := h.gather(ctx, b.Contents(ctx, b.Tenant, contentType, from, to))
		done.Fresh += h.fresh
		if err == nil {
			done.Listed += h.listed
			err = context.Cause(ctx) // a listing that was stopped may look like one that ended
		}
		return err
	})
}
