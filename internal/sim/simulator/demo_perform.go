package main

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"azcollector/internal/sim"
)

// An outcome is what the collector says of itself when all is done, or nothing
// more happens.
type outcome struct {
	Ledger ledger
	Proof  proof
	Told   int           // contents that the webhook must have been told of
	Took   time.Duration // from the first publication until the last record arrived
}

// perform runs the collector until everything arrived and is accounted for, or
// nothing happens any more.
func (d *demo) perform(ctx context.Context, out *screen, w *sim.World, c *collector) (end *outcome, err error) {
	s, err := c.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	out.print("waiting until the collector has subscribed ...\n")
	began := time.Now()
	if err := s.ready(ctx, w.CAFile()); err != nil {
		return nil, err
	}
	if err := s.subscribed(ctx, out, w); err != nil {
		return nil, err
	}
	out.print("%d content types after %.1fs; publishing\n\n", len(demoTypes), time.Since(began).Seconds())
	end = &outcome{}
	if end.Took, err = d.collect(ctx, out, w, s); err != nil {
		return nil, err
	}
	out.end()
	out.print("\nwaiting until the collector has nothing left to do, and can prove it ...\n")
	draining, late := context.WithTimeout(ctx, demoPatience)
	defer late()
	_ = w.Drain(draining) // the verdict counts what the collector was not told of
	book := w.Book.Report()
	end.Told = d.told(book.Announced)
	return end, s.settle(ctx, end, book)
}

// told is of how many contents the webhook is told.
func (d *demo) told(published int) int {
	if d.Calm {
		return published
	}
	return published - published/demoDropEvery
}

// collect publishes, and watches until every record arrived, or none does any more.
func (d *demo) collect(ctx context.Context, out *screen, w *sim.World, s *server) (took time.Duration, err error) {
	began := time.Now()
	working, cancel := context.WithCancel(ctx)
	published := make(chan struct{})
	var publisher sync.WaitGroup
	publisher.Go(func() { d.publish(working, w, published) })
	defer publisher.Wait()
	defer cancel()
	err = d.watch(ctx, out, w, s.ended, published)
	return time.Since(began), err
}

// publish offers contents of all four types and closes done behind the last one.
func (d *demo) publish(ctx context.Context, w *sim.World, done chan<- struct{}) {
	dice := rand.New(rand.NewPCG(w.Seed(), 3)) // 3: a stream of its own beside the simulator's
	for left := d.Records; left > 0 && ctx.Err() == nil; {
		n := min(left, contentSize(dice))
		w.PublishSome(demoTypes[dice.IntN(len(demoTypes))], n)
		left -= n
	}
	if ctx.Err() == nil {
		close(done)
	}
}

// contentSize draws evenly on a logarithmic scale: many small contents, some
// large ones, 80 records in the mean.
func contentSize(dice *rand.Rand) int {
	return int(math.Exp(dice.Float64() * math.Log(demoLargest)))
}

// watch shows how far it is until every record arrived. That nothing arrives any
// more is no error here: the verdict says what is missing.
func (d *demo) watch(ctx context.Context, out *screen, w *sim.World, ended, published <-chan struct{}) error {
	ticker := time.NewTicker(demoLook)
	defer ticker.Stop()
	began := time.Now()
	p := progress{Total: d.Records}
	last := began // when something arrived
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
			return errEnded
		case <-ticker.C:
		}
		all := isClosed(published) // before the report, which then has all of them
		report, now := w.Book.Report(), time.Now()
		if report.Received > p.Book.Received {
			last = now
		}
		p.update(report, w.Dial.Counts(), now.Sub(began))
		done := all && report.Lost == 0
		out.progress(&p, done)
		if done || now.Sub(last) > demoPatience {
			return nil
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
