package master

import (
	"context"
	"fmt"
	"time"

	"azcollector/internal/collect"
)

// Recall brings back contents that somebody made due in a thousand years.
type Recall struct {
	Tenant string
	// Due is that of the ledger: see [collect.Ledger.Recall].
	Due func(ctx context.Context, tenant string, now time.Time) (recalled int, err error)
}

// Run tells of what it brought back: no collector writes such rows.
func (r *Recall) Run(ctx context.Context, _ []collect.Finding) (findings []collect.Finding, err error) {
	n, err := r.Due(ctx, r.Tenant, time.Now())
	if n > 0 {
		findings = append(findings, collect.Finding{Code: StateForged, Text: fmt.Sprintf("%d due rows were further ahead than any content rests", n)})
	}
	return findings, ofState(err)
}
