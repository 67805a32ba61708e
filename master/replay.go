package master

import (
	"context"
	"errors"
	"fmt"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// A Replay tries dead letters again whose time has come.
type Replay struct {
	Tenant string
	// Due is that of [collect.Delivery.ReplayDue].
	Due func(ctx context.Context, tenant string) (tried, delivered int, err error)
	// Report is told what came of it, if any were tried; nil: nobody is.
	Report func(tried, delivered int)
}

// Run stops at the first sign that the destination, or the state, is at fault, and
// when its time is up; what is due stays due. The step's code should be
// [DestinationUnreachable]; a damaged letter is a finding, since the destination
// never saw it.
func (r *Replay) Run(ctx context.Context, _ []collect.Finding) ([]collect.Finding, error) {
	tried, delivered, err := r.Due(ctx, r.Tenant)
	if r.Report != nil && tried > 0 {
		r.Report(tried, delivered)
	}
	damaged, failed := sortOut(err)
	if ctx.Err() != nil {
		failed = nil // the rest is tried the next time
	}
	var found []collect.Finding
	if len(damaged) > 0 {
		found = []collect.Finding{{Code: DeadLetters, Text: wire.Printable(fmt.Sprintf("%d cannot be tried again: %v", len(damaged), errors.Join(damaged...)))}}
	}
	return found, errors.Join(failed...)
}

// sortOut takes joined errors apart.
func sortOut(err error) (damaged, failed []error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			d, f := sortOut(one)
			damaged, failed = append(damaged, d...), append(failed, f...)
		}
		return damaged, failed
	}
	switch {
	case err == nil:
		return nil, nil
	case errors.Is(err, collect.ErrDamaged):
		return []error{err}, nil
	}
	return nil, []error{err}
}
