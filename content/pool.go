// Package content is the room that finishes what others began: it brings back
// every content that is due, until each is delivered.
//
// Its one promise: a content in the ledger is tried again, with growing delay,
// whatever became of the process that recorded it. It neither lists nor listens.
package content

import (
	"context"
	"errors"
	"sync"
	"time"

	"azcollector/internal/collect"
)

// A Pool works off the due rows of the ledger.
type Pool struct {
	Ledger    *collect.Ledger
	Collector *collect.Collector
	Tenants   []string
	// Every is the pause between two looks at the due rows.
	Every time.Duration
	// Working says that the Collector runs already: only due contents are brought.
	Working bool
	// Once ends Run when what is due has been tried, instead of when ctx ends.
	Once bool
	// Report is told of every look why due rows could not be read, nil if they
	// could; with Once, Run's error says it.
	Report func(error)
}

// Run collects what is announced or due. It returns after ctx ended and what was
// in hand is given back.
func (p *Pool) Run(ctx context.Context) error {
	working, stop := context.WithCancel(ctx)
	var workers sync.WaitGroup
	if !p.Working {
		workers.Go(func() { _ = p.Collector.Run(working) }) // it has no error but ctx's end
	}
	defer workers.Wait()
	defer stop()

	// What a killed process left is leased to an owner that is no more: with a
	// store of our own we need not wait for its leases to end.
	ahead := time.Duration(0)
	if p.Ledger.Sole {
		ahead = collect.LeaseTime
	}
	for {
		var tried sync.WaitGroup
		var failed error
		for _, tenant := range p.Tenants {
			if err := p.bring(ctx, tenant, time.Now().Add(ahead), &tried); err != nil && ctx.Err() == nil {
				failed = errors.Join(failed, err)
			}
		}
		ahead = 0
		if p.Once {
			tried.Wait()
			return errors.Join(failed, ctx.Err())
		}
		p.Report(failed)
		if collect.Wait(ctx, p.Every) != nil {
			return nil
		}
	}
}

func (p *Pool) bring(ctx context.Context, tenant string, until time.Time, tried *sync.WaitGroup) error {
	for due, err := range p.Ledger.Due(ctx, tenant, until) {
		if err != nil {
			return err
		}
		tried.Add(1)
		if err := p.Collector.Bring(ctx, due, tried.Done); err != nil {
			return err
		}
	}
	return nil
}
