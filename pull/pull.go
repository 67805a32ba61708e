// Package pull is the room that asks: it lists what the source offers and puts
// what the ledger lacks into it.
//
// Its one promise: what it listed is in the ledger, as a fact that overrules a
// notification. It fetches no content. (It lists a look-back, once, by hand;
// the cursor and the schedule are not built yet.)
package pull

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"azcollector/internal/collect"
)

// furthest is how far back is asked: the API refuses a window that begins more
// than 7 days ago (Management Activity API reference, "List available content"),
// and five minutes are for the request to arrive.
const furthest = 7*24*time.Hour - 5*time.Minute

// A Lister puts the source's list into the ledger.
type Lister struct {
	Tenants, Types []string
	// Lookback is how far back Run lists.
	Lookback time.Duration
	// Now is the source's clock.
	Now func() time.Time
	// Contents lists what was created from one time until another, at most a day later.
	Contents func(ctx context.Context, tenant, contentType string, from, to time.Time) iter.Seq2[collect.Content, error]
	// Offer records one content and reports whether there is something to collect.
	Offer func(context.Context, collect.Content) (bool, error)
	// Report is told what one window of whole UTC hours held.
	Report func(contentType string, from, to time.Time, listed, fresh int)
}

// Run lists every tenant and type, hour by hour. A window that cannot be listed
// costs that window only; the errors are joined.
func (l *Lister) Run(ctx context.Context) error {
	now := l.Now().UTC()
	var errs []error
	for _, tenant := range l.Tenants {
		for _, contentType := range l.Types {
			for from := now.Add(-l.Lookback).Truncate(time.Hour); from.Before(now) && ctx.Err() == nil; from = from.Add(time.Hour) {
				start, to := from, from.Add(time.Hour)
				if to.After(now) {
					to = now
				}
				if edge := l.Now().UTC().Add(-furthest); start.Before(edge) { // anew each time: a slow run slides past it
					start = edge
				}
				if !start.Before(to) {
					continue
				}
				if err := l.window(ctx, tenant, contentType, start, to); err != nil {
					errs = append(errs, fmt.Errorf("list %s from %s to %s: %w", contentType,
						start.Format(time.RFC3339), to.Format(time.RFC3339), err))
				}
			}
		}
	}
	return errors.Join(append(errs, ctx.Err())...)
}

func (l *Lister) window(ctx context.Context, tenant, contentType string, from, to time.Time) error {
	listed, fresh := 0, 0
	for c, err := range l.Contents(ctx, tenant, contentType, from, to) {
		if err != nil {
			return err
		}
		reopened, err := l.Offer(ctx, c)
		if err != nil {
			return err
		}
		listed++
		if reopened {
			fresh++
		}
	}
	l.Report(contentType, from, to, listed, fresh)
	return nil
}
