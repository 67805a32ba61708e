package collect

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Recall brings back what somebody made due in a thousand years, and returns how many
// such due rows there were: nothing of ours rests for so long. If we crash under way,
// the next call goes on.
func (l *Ledger) Recall(ctx context.Context, tenant string, now time.Time) (recalled int, err error) {
	var errs []error
	for due, err := range l.dueBetween(ctx, tenant, EscapeKey(now.Add(RestMost).UTC().Format(dueLayout)), farthest) {
		if err != nil {
			return recalled, errors.Join(append(errs, err)...)
		}
		if err := l.recall(ctx, due, now); err != nil && !Overtaken(err) {
			errs = append(errs, fmt.Errorf("bring back a content: %w", err))
			continue
		}
		recalled++
	}
	return recalled, errors.Join(errs...)
}

// farthest is after any time that a due row can state.
var farthest = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

func (l *Ledger) recall(ctx context.Context, due Due, now time.Time) error {
	row, err := l.Store.Get(ctx, due.Content)
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrLimit):
		return l.settle(ctx, due)
	case err != nil:
		return err
	}
	c := contentOf(row)
	if c.Key() == due.Content && c.State == Pending && c.restsTooLong(now) && !c.leased(now) {
		c.Due, c.Owner, c.LeaseUntil = stamp(now), "", time.Time{}
		if err := l.open(ctx, c, func(c Content) Write {
			return Write{OpReplace, Row{Key: row.Key, Version: row.Version, Fields: c.fields()}}
		}); err != nil {
			return err
		}
	}
	return l.settle(ctx, due) // whoever works on it has a due row of its own
}

// unknownSeen is how many due rows are looked at for unknown contents, five pages of
// Table Storage: they lie within the next hour, behind what is overdue.
const unknownSeen = 5000

// Unknown counts the pending contents that only a notification told of, after a time,
// and that the source did not know when it was asked last; most of them suffice.
func (l *Ledger) Unknown(ctx context.Context, tenant string, after time.Time, most int) (n int, err error) {
	seen := 0
	for due, err := range l.Due(ctx, tenant, farthest) {
		if err != nil {
			return n, err
		}
		if due.Unknown && due.Found.After(after) {
			n++
		}
		if seen++; n >= most || seen >= unknownSeen {
			break
		}
	}
	return n, nil
}
