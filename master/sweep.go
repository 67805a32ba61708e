package master

import (
	"context"
	"fmt"
	"time"

	"azcollector/internal/collect"
)

// sweepEvery: what is old does not grow fast, and looking for it costs a look at
// every partition.
const sweepEvery = 6 * time.Hour

// A Sweep deletes what is older than the retention.
type Sweep struct {
	Tenant    string
	Store     collect.Store
	Retention time.Duration
	Now       func() time.Time
	// Report is told how many rows were deleted; nil: nobody is.
	Report func(rows int)
}

// Run sweeps if the last time is six hours ago. If we crash under way, the next
// run goes on.
func (s *Sweep) Run(ctx context.Context, _ []collect.Finding) ([]collect.Finding, error) {
	key := collect.Key{Kind: kindCursor, Partition: collect.EscapeKey(s.Tenant), Row: "sweep"}
	now := s.Now().UTC()
	last, err := loadTime(ctx, s.Store, key)
	if err != nil {
		return nil, ofState(err)
	}
	if now.Sub(last) < sweepEvery && !last.After(now) {
		return nil, nil
	}
	rows, err := collect.Sweep(ctx, s.Store, s.Tenant, now, s.Retention)
	if s.Report != nil && rows > 0 {
		s.Report(rows)
	}
	if err != nil {
		return nil, ofState(err)
	}
	if err := collect.Put(ctx, s.Store, collect.Row{Key: key, Fields: collect.Fields{"At": now}}); err != nil {
		return nil, ofState(fmt.Errorf("remember the sweep: %w", err))
	}
	return nil, nil
}
