package collect

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

const (
	// overdueFirst is how late a content is when its message counts as lost;
	// overdueAgain is when the next one does.
	overdueFirst = 2 * time.Minute
	overdueAgain = 2 * time.Minute
	// messageSlack is how early a message may come: the queue's clock is not ours.
	messageSlack = 5 * time.Second
)

// Requeue tells workers again of contents that nobody came for: their messages
// were lost, or were taken by processes that died. before is when it was called
// last, so that each content is told of once in [overdueAgain]; most bounds how
// many: those behind them wait for their next turn. It settles left-over due rows
// on the way.
func (l *Ledger) Requeue(ctx context.Context, tenant string, before, now time.Time, most int) (told int, err error) {
	var errs []error
	for due, err := range l.Due(ctx, tenant, now.Add(-overdueFirst)) {
		if err != nil {
			return told, errors.Join(append(errs, err)...)
		}
		if told >= most {
			break
		}
		late := now.Sub(due.At)
		if rung(late) == rung(before.Sub(due.At)) && late < math.MaxInt64 { // a name may state the year 1, or none
			continue
		}
		again, err := l.overdue(ctx, due, now)
		if err == nil && again {
			told++
			err = l.Store.Wake(ctx, due.Content, now)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("queue an overdue content again: %w", err))
		}
	}
	return told, errors.Join(errs...)
}

// rung counts how often a content that is so late has been told of again.
func rung(late time.Duration) int {
	if late < overdueFirst {
		return 0
	}
	return 1 + int((late-overdueFirst)/overdueAgain)
}

// overdue reports whether somebody must look at the content. A due row that leads
// to nothing is settled once it is old.
func (l *Ledger) overdue(ctx context.Context, due Due, now time.Time) (bool, error) {
	row, err := l.Store.Get(ctx, due.Content)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, l.settleOld(ctx, due)
	case errors.Is(err, ErrLimit): // no row has such a key
		return false, l.settle(ctx, due)
	case err != nil:
		return false, err
	}
	c := contentOf(row)
	switch {
	case c.leased(now): // in hand, be it our own
		return false, nil
	case c.Key() != due.Content, c.State != Pending, c.Due.After(due.At):
		return false, l.settleOld(ctx, due)
	}
	return true, nil
}
