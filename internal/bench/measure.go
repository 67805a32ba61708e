package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"azcollector/internal/sim"
	"azcollector/internal/sim/host"
)

const (
	// quiet is how long no post comes until a run is taken to be over; a collector that
	// does less is looked at again.
	quiet = 200 * time.Millisecond
	// patience is how long a record may stay away until it is lost. It covers the
	// longest pause after which a collector tries a content again here.
	patience = 90 * time.Second
	// look is how often we look whether posts come.
	look = 20 * time.Millisecond
	// pullEvery is the schedule of pull/function.json.
	pullEvery = time.Minute
)

// run measures a contender once.
func (b *bench) run(ctx context.Context, c contender, l *sim.Load, pair int) (r result, err error) {
	dir := filepath.Join(b.Dir, fmt.Sprintf("%s-%d", c.name, pair))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return r, fmt.Errorf("make a directory: %w", err)
	}
	w, err := b.world()
	if err != nil {
		return r, err
	}
	defer w.Close()
	s, err := b.storage(c, dir)
	if err != nil {
		return r, err
	}
	defer s.close()
	p, h, err := host.Open(ctx, c.program, dir, authID, b.settings(w, s), b.Concurrency)
	if err != nil {
		return r, err
	}
	defer p.Kill()
	defer h.Close()
	r, err = b.watch(ctx, c, l, watched{p, h, w, s.count})
	if err != nil {
		return r, p.Explain(err)
	}
	r.Contender, r.Pair, r.Contents = c.name, pair, l.Contents()
	return r, nil
}

// What is watched while a run lasts.
type watched struct {
	*host.Process
	host  *host.Host
	world *sim.World
	count *counter
}

// watch sends what there is to send and waits for the last of its records.
func (b *bench) watch(ctx context.Context, c contender, l *sim.Load, at watched) (r result, err error) {
	notifications := arrays(at.world.Stock(l, c.pull), b.PerNotification)
	before, err := at.Usage()
	if err != nil {
		return r, err
	}
	operations := at.count.operations()
	began := time.Now()
	pulled, stop := pulling(ctx, at.host, c.pull)
	took, err := ring(ctx, at.host, notifications, b.Concurrency)
	if err = errors.Join(err, stop()); err != nil {
		return r, err
	}
	j := newJudge(at.world, l)
	after, err := b.await(ctx, c, j, at)
	if err != nil {
		return r, err
	}
	if r.StateOperations = -1; at.count != nil {
		r.StateOperations = at.count.operations() - operations
	}
	r.Records, r.Lost, r.Duplicates, r.Unknown = l.Records, j.missing, j.twice, j.unknown
	r.Posted, r.Posts, r.Pulls = j.bytes, j.posts, *pulled
	r.Took, r.CPU, r.Peak = j.last.Sub(began), after.CPU-before.CPU, after.Peak
	r.AckP50, r.AckP99 = quantile(took, 0.50), quantile(took, 0.99)
	r.Complaints = at.world.Complaints()
	return r, nil
}

// await returns what the run has used once all is quiet and every record here, or
// none has come for too long.
func (b *bench) await(ctx context.Context, c contender, j *judge, at watched) (u host.Usage, err error) {
	calm := quiet + 4*b.Latency // a content is asked for, then posted, each perhaps behind a token
	posts, since := j.arrived(), time.Now()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-at.Ended:
			return u, errors.New("it ended")
		case <-ctx.Done():
			return u, ctx.Err()
		}
		if n := j.arrived(); n != posts {
			posts, since = n, time.Now()
		}
		if time.Since(since) < calm {
			continue
		}
		if u, err = at.Usage(); err != nil {
			return u, err
		}
		j.read()
		done := j.missing == 0 && (!c.pull || at.world.Unfetched() == 0 || b.Notifications == "wake")
		if done || time.Since(since) > patience {
			return u, nil
		}
	}
}

// pulling calls the timer at once, each minute, and once more when stop is called. The
// counter may be read after that.
func pulling(ctx context.Context, h *host.Host, wanted bool) (calls *int, stop func() error) {
	calls = new(int)
	if !wanted {
		return calls, func() error { return nil }
	}
	enough, failed := make(chan struct{}), make(chan error, 1)
	go func() { // stop waits for it
		schedule := time.NewTicker(pullEvery)
		defer schedule.Stop()
		for last := false; ; {
			*calls++
			if err := h.Call(ctx, "pull"); err != nil || last {
				failed <- err
				return
			}
			select {
			case <-schedule.C:
			case <-enough:
				last = true
			}
		}
	}()
	return calls, func() error {
		close(enough)
		return <-failed
	}
}
