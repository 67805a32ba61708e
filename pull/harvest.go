package pull

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"azcollector/internal/collect"
)

const (
	// sideBySide is how many contents of a window are recorded at the same time.
	sideBySide = 16
	// toldErrors is how many of a window's errors are told; the others are counted.
	toldErrors = 16
)

// A harvest is what one listing brings.
type harvest struct {
	offer func(context.Context, collect.Content) (collect.Offered, error)
	skip  func(collect.Content) bool             // nil: everything is offered
	took  func(collect.Content, collect.Offered) // called one at a time; nil: nobody listens

	mu            sync.Mutex
	listed, fresh int
	failed        int
	errs          []error
}

// gather offers every content of a listing. One that cannot be recorded does not
// stop the others. Without an error the listing ended at its last page and all of
// it is in the ledger.
func (h *harvest) gather(ctx context.Context, contents iter.Seq2[collect.Content, error]) error {
	places := make(turn, sideBySide)
	var offering sync.WaitGroup
	for c, err := range contents {
		if err != nil {
			h.fail(err)
			break
		}
		h.listed++
		if h.skip != nil && h.skip(c) {
			continue
		}
		if err := places.take(ctx); err != nil {
			h.fail(err)
			break
		}
		offering.Go(func() {
			defer places.give()
			h.one(ctx, c)
		})
	}
	offering.Wait()
	if more := h.failed - len(h.errs); more > 0 {
		h.errs = append(h.errs, fmt.Errorf("and %d more errors", more))
	}
	return errors.Join(h.errs...)
}

func (h *harvest) one(ctx context.Context, c collect.Content) {
	o, err := h.offer(ctx, c)
	if err != nil {
		h.fail(fmt.Errorf("offer %s: %w", c, err))
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if o.Fresh {
		h.fresh++
	}
	if h.took != nil {
		h.took(c, o)
	}
}

func (h *harvest) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failed++; len(h.errs) < toldErrors {
		h.errs = append(h.errs, err)
	}
}
