package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"text/tabwriter"
	"time"

	"azcollector/internal/sim"
	"azcollector/internal/sim/host"
)

const (
	// inFlight is how many contents a process has in hand: what a small instance does.
	inFlight = 4
	// mostPerPost are so few records that a content surely is one post: how many have
	// come is told by counting those.
	mostPerPost = 1000
)

// scale lets 1, 2, ... processes work off one queue over one storage account.
func (b *bench) scale(ctx context.Context) error {
	l := b.load()
	fmt.Fprintf(b.log, "bench: %d contents of %d records each, %d in flight a process, latency %v\n", l.Contents(), b.PerContent, inFlight, b.Latency)
	var all []crew
	for _, n := range b.Scale {
		c, err := b.crew(ctx, l, n)
		if err != nil {
			return fmt.Errorf("measure %d processes: %w", n, err)
		}
		b.line(c)
		fmt.Fprintf(b.log, "bench: %d processes %8.0f contents/s\n", n, c.rate())
		all = append(all, c)
	}
	var failed error
	if b.SVG != "" {
		failed = b.plotCrews(all)
	}
	return errors.Join(failed, b.printCrews(all))
}

// A crew is what so many processes came to.
type crew struct {
	Processes  int
	Contents   int
	Took       time.Duration // from the first message until the last record's post
	Queuing    int64         // storage operations before: listing into ledger and queue
	Operations int64         // storage operations of the work, those of the queue included
	Lost       int
	Duplicates int
	Machine    float64 // how busy all processors were, 1 at the most
	Azurite    float64 // how busy its one thread was
	Wire       float64 // of what the services' latency allows with so many in flight; 0: no latency
	Complaints []string
}

func (c crew) rate() float64 { return float64(c.Contents) / c.Took.Seconds() }

// limit is what was busiest.
func (c crew) limit() (name string, share float64) {
	name, share = "simulated Microsoft and ingest (latency)", c.Wire
	if c.Machine > share {
		name, share = "processors", c.Machine
	}
	if c.Azurite > share {
		name, share = "Azurite", c.Azurite
	}
	return name, share
}

func (b *bench) crew(ctx context.Context, l *sim.Load, n int) (c crew, err error) {
	dir := filepath.Join(b.Dir, fmt.Sprintf("scale-%d", n))
	w, err := b.world()
	if err != nil {
		return c, err
	}
	defer w.Close()
	s, err := b.storage(contender{azurite: true}, dir)
	if err != nil {
		return c, err
	}
	defer s.close()
	q, err := host.OpenQueue(s.settings["AzureWebJobsStorage"])
	if err != nil {
		return c, err
	}
	if err := b.list(ctx, filepath.Join(dir, "list"), l, w, s, q); err != nil {
		return c, fmt.Errorf("fill the queue: %w", err)
	}
	c = crew{Processes: n, Contents: l.Contents(), Queuing: s.count.operations()}

	var hosts []*host.Host
	for i := range n {
		h, stop, err := b.instance(ctx, filepath.Join(dir, fmt.Sprint(i)), w, s)
		if err != nil {
			return c, err
		}
		defer stop()
		hosts = append(hosts, h)
	}
	err = b.work(ctx, &c, l, w, s, q, hosts)
	return c, err
}

// instance starts a collector under a host of its own.
func (b *bench) instance(ctx context.Context, dir string, w *sim.World, s *storage) (*host.Host, func(), error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, fmt.Errorf("make a directory: %w", err)
	}
	p, h, err := host.Open(ctx, b.Collector, dir, authID, append(b.settings(w, s), fmt.Sprint("O365_CONCURRENCY=", inFlight)), inFlight)
	if err != nil {
		return nil, nil, err
	}
	return h, func() { h.Close(); p.Kill() }, nil
}

// list lets a collector put all contents into ledger and queue.
func (b *bench) list(ctx context.Context, dir string, l *sim.Load, w *sim.World, s *storage, q *host.Queue) error {
	w.Stock(l, true)
	h, stop, err := b.instance(ctx, dir, w, s)
	if err != nil {
		return err
	}
	defer stop()
	for began := time.Now(); ; {
		if err := h.Call(ctx, "pull"); err != nil {
			return err
		}
		n, err := q.Waiting(ctx)
		switch {
		case err != nil:
			return err
		case n >= l.Contents():
			return nil
		case time.Since(began) > 10*patience:
			return fmt.Errorf("%d of %d contents are in the queue", n, l.Contents())
		}
	}
}

// work measures from the first message until the last record has arrived.
func (b *bench) work(ctx context.Context, c *crew, l *sim.Load, w *sim.World, s *storage, q *host.Queue, hosts []*host.Host) error {
	ctx, done := context.WithCancelCause(ctx)
	defer done(nil)
	operations := s.count.operations()
	began, machine, azurite := time.Now(), machineTime(), childTime("node")
	var working sync.WaitGroup
	for _, h := range hosts {
		working.Go(func() {
			if err := h.Trigger(ctx, q, inFlight); err != nil {
				done(err)
			}
		})
	}
	j := newJudge(w, l)
	for posts, since := 0, time.Now(); ctx.Err() == nil; {
		if n := j.arrived(); n != posts {
			posts, since = n, time.Now()
		}
		if posts >= l.Contents() || time.Since(since) > patience {
			break
		}
		wait(ctx, look)
	}
	c.Machine, c.Azurite = machineTime().since(machine), childTime("node").since(azurite)
	wait(ctx, quiet+4*b.Latency) // the last rows and messages
	c.Operations = s.count.operations() - operations
	if err := context.Cause(ctx); err != nil {
		return err
	}
	done(nil)
	working.Wait()
	j.read()
	c.Took, c.Lost, c.Duplicates, c.Complaints = j.last.Sub(began), j.missing, j.twice, w.Complaints()
	if b.Latency > 0 { // one after another: the content, then its post
		c.Wire = c.rate() * (2 * b.Latency).Seconds() / float64(len(hosts)*inFlight)
	}
	return nil
}

func (b *bench) printCrews(all []crew) (failed error) {
	t := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "processes\tcontents/s\trecords/s\tops to queue a content\tops to collect it\tlost\tduplicates\tprocessors\tAzurite\twire\tlimit\t")
	for _, c := range all {
		if c.Lost > 0 || len(c.Complaints) > 0 {
			failed = errors.Join(failed, fmt.Errorf("%d processes: lost %d, complaints %q", c.Processes, c.Lost, c.Complaints))
		}
		each := func(n int64) float64 { return float64(n) / float64(c.Contents) }
		name, share := c.limit()
		fmt.Fprintf(t, "%d\t%.1f\t%.0f\t%.1f\t%.1f\t%d\t%d\t%.2f\t%.2f\t%.2f\t%s %.2f\t\n", c.Processes, c.rate(), c.rate()*float64(b.PerContent),
			each(c.Queuing), each(c.Operations), c.Lost, c.Duplicates, c.Machine, c.Azurite, c.Wire, name, share)
	}
	return errors.Join(failed, t.Flush())
}

// wait returns early when ctx ends; who waits asks why.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
