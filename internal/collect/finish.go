package collect

import (
	"context"
	"fmt"
)

// A finish writes a content's end, now that all of its records are settled, and in the
// same transaction the rows of identities that it gets, if it gets any.
type finish func(Tally, []*draft) error

// finish saves what waits, whoever delivered it, and writes the content's end. Where the
// store is ours alone, the last identities and the end are one write: a commit is most of
// what a small content costs there.
func (r *carriage) finish(ctx context.Context, end finish) error {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), settleTime) // as in [carriage.send]
	defer done()
	if r.tally.Duplicate > 0 { // what we left out is stored before we say that we ended
		order := r.Seen.landings.Add(1)
		if len(r.drafts) > 0 {
			order = r.drafts[0].order
		}
		for _, sp := range r.spans {
			if err := sp.settleBefore(ctx, order); err != nil {
				return fmt.Errorf("wait for record identities: %w", err)
			}
		}
	}
	if err := r.save(ctx); err != nil || end == nil {
		return err
	}
	r.unload() // whoever works meanwhile needs the memory
	err := end(r.tally, r.drafts)
	refused := false
	for _, d := range r.drafts {
		refused = refused || !d.stored
		d.withdraw()
	}
	if err != nil || !refused {
		return err
	}
	return r.save(ctx)
}
