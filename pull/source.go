package pull

import (
	"context"
	"iter"
	"time"

	"azcollector/internal/collect"
)

// A Source is where contents are listed, and the ledger that is to have them.
type Source struct {
	// Synchronise makes Now known to be the source's clock.
	Synchronise func(ctx context.Context, tenant string) error
	// Now is the source's clock, never ahead of it.
	Now func() time.Time
	// Contents lists what was created from one time until another, at most a day
	// later, to the last page or an error.
	Contents func(ctx context.Context, tenant, contentType string, from, to time.Time) iter.Seq2[collect.Content, error]
	// Offer records one content. It is called by several goroutines at a time.
	Offer func(context.Context, collect.Content) (collect.Offered, error)
}
