package pull

import (
	"context"
	"errors"
	"fmt"
	"time"

	"azcollector/internal/collect"
)

const (
	// saveEvery bounds how many windows a killed process lists again.
	saveEvery = 8
	// patience is how many windows of a type may fail one after the other before
	// the others are left to the next pass: the API is down then.
	patience = 3
)

// A reading is one type's cursor during a pass.
type reading struct {
	feed
	memory *memory
	cursor *collect.Cursor

	unsaved int
	inRow   int   // failures one after the other
	stopped bool  // nothing more is asked in this pass
	cut     bool  // windows were left to the next pass
	failure error // the last one
	errs    []error
}

// open reads the cursors and gives up what is out of reach. A type whose cursor
// cannot be read is left out; the error says why.
func (l *Lister) open(ctx context.Context, tenant string, types []string) ([]*reading, error) {
	var readings []*reading
	var errs []error
	for _, contentType := range types {
		f := feed{tenant, contentType}
		c, err := l.load(ctx, f)
		if err == nil {
			err = l.giveUp(ctx, c)
		}
		if err != nil {
			if ctx.Err() == nil {
				l.Report(Listing{Tenant: tenant, Type: contentType, Err: err})
			}
			errs = append(errs, err)
			continue
		}
		readings = append(readings, &reading{feed: f, memory: l.remember(f), cursor: c})
	}
	return readings, errors.Join(errs...)
}

func (l *Lister) load(ctx context.Context, f feed) (*collect.Cursor, error) {
	c, err := collect.LoadCursor(ctx, l.Store, f.tenant, f.contentType)
	now := l.Now().UTC()
	ahead := false
	switch {
	case err == nil && !c.Begin.IsZero():
		ahead = mend(c, now)
	case err != nil && !errors.Is(err, collect.ErrNotFound):
		return nil, err
	default:
		c = &collect.Cursor{Tenant: f.tenant, Type: f.contentType, Begin: now.Add(-l.Lookback).Truncate(collect.Window)}
		if c.Begin.Before(edge(now)) {
			beginAtEdge(c, now)
		}
	}
	if again := reach(c, l.remember(f).began(c.Begin, now), now); (ahead || again) && l.Odd != nil {
		l.Odd(f.tenant, f.contentType)
	}
	return c, nil
}

func (r *reading) fail(begin time.Time, err error) {
	r.failure = err
	r.inRow++
	r.stopped = r.inRow >= patience || judgesType(err)
	r.memory.fail(begin)
	r.errs = append(r.errs, fmt.Errorf("list %s of %s: %w", r.contentType, begin.Format(time.RFC3339), err))
}

func (r *reading) succeed(begin, at time.Time) {
	r.cursor.Note(begin, at)
	r.unsaved++
	r.inRow = 0
	r.memory.succeed(begin, at)
}

// conclude lets the cursor tell how the pass went.
func (r *reading) conclude(now time.Time) {
	c := r.cursor
	c.Run = now
	if r.failure == nil && r.cut {
		return // what failed before comes last, and its turn did not come
	}
	if r.failure == nil {
		c.FailingSince, c.LastError, c.LastCode = time.Time{}, "", ""
		return
	}
	if c.FailingSince.IsZero() {
		c.FailingSince = now
	}
	c.LastError, c.LastCode = r.failure.Error(), codeOf(r.failure)
}

// close saves the cursor. If we are killed before, the windows are listed again.
func (l *Lister) close(ctx context.Context, r *reading) error {
	if ctx.Err() == nil {
		if err := r.cursor.Save(ctx, l.Store); err != nil {
			l.Report(Listing{Tenant: r.tenant, Type: r.contentType, Err: err})
			r.errs = append(r.errs, err)
		}
	}
	return errors.Join(r.errs...)
}

func codeOf(err error) string {
	if f, ok := errors.AsType[*collect.Fault](err); ok {
		return f.Code
	}
	return ""
}

// judgesType reports whether no window of the type can be listed: there is no
// subscription, it is disabled, or the permission is missing (Management Activity
// API reference, "Errors").
func judgesType(err error) bool {
	switch codeOf(err) {
	case "AF20022", "AF20023", "AF10001":
		return true
	}
	return false
}
