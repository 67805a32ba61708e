package master

import (
	"context"

	"azcollector/internal/collect"
)

// A Replay tries dead letters again whose time has come.
type Replay struct {
	Tenant string
	// Due is that of [collect.Delivery.ReplayDue].
	Due func(ctx context.Context, tenant string) (tried, delivered int, err error)
	// Report is told what came of it, if any were tried; nil: nobody is.
	Report func(tried, delivered int)
}

// Run stops at the first sign that the destination, or the state, is at fault;
// what is due stays due. The step's code should be [DestinationUnreachable].
func (r *Replay) Run(ctx context.Context, _ []collect.Finding) ([]collect.Finding, error) {
	tried, delivered, err := r.Due(ctx, r.Tenant)
	if r.Report != nil && tried > 0 {
		r.Report(tried, delivered)
	}
	return nil, err
}
