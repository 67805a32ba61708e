package collect

import (
	"context"
	"fmt"
)

// A finish writes a content's end, now that all of its records are settled, and the row
// of identities that it gets, if it gets one, in the same transaction.
type finish func(Tally, *draft) error

// finish saves what waits, whoever delivered it, and writes the content's end. Where the
// store is ours alone, the last row of identities and the end are one write: a commit is
// most of what a small content costs there.
func (r *carriage) finish(ctx context.Context, end finish) error {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), settleTime) // as in [carriage.send]
	defer done()
	if waiting := r.waiting(); r.ending && len(waiting) == 1 {
		if ended, err := r.finishWith(ctx, waiting[0], end); ended || err != nil {
			return err
		}
	}
	if err := r.save(ctx); err != nil || end == nil {
		return err
	}
	return end(r.tally, nil)
}

// finishWith writes the span's next row with the end, unless somebody saved all that
// waited by now, or one row does not take it.
func (r *carriage) finishWith(ctx context.Context, sp *span, end finish) (ended bool, err error) {
	if err := sp.enter(ctx); err != nil {
		return false, fmt.Errorf("wait for record identities: %w", err)
	}
	defer sp.leave()
	d := sp.draft()
	if d == nil || !d.all {
		return false, nil
	}
	if err := end(r.tally, d); err != nil || d.stored {
		return true, err
	}
	return true, sp.saveHeld(ctx) // the row was refused, and the end was not
}
