package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"azcollector/internal/sim"
	"azcollector/internal/sim/host"
)

// A freezer is a contender that is started again and again on the same state.
type freezer struct {
	contender
	dir           string
	world         *sim.World
	judge         *judge
	notifications [][]byte
	storage       *storage
	took          []time.Duration
}

// cold measures the time from the start of a program until its first notification is
// answered, which is when its one content is delivered.
func (b *bench) cold(ctx context.Context, contenders []contender) error {
	l := sim.NewLoad(sim.LoadOptions{
		Seed: b.Seed, Tenant: tenant, Records: b.Cold * b.PerContent, PerContent: b.PerContent, Until: time.Now(), Spread: b.Spread,
	})
	var all []*freezer
	for _, c := range contenders {
		if c.pull {
			return errors.New("--cold measures notifications: it goes with neither --push-and-pull nor --notifications wake")
		}
		f := &freezer{contender: c, dir: filepath.Join(b.Dir, "cold-"+c.name)}
		err := os.MkdirAll(f.dir, 0o755)
		if err == nil {
			f.world, err = b.world()
		}
		if err != nil {
			return fmt.Errorf("make a world: %w", err)
		}
		defer f.world.Close()
		if f.storage, err = b.storage(c, f.dir); err != nil {
			return err
		}
		defer f.storage.close()
		f.notifications, f.judge = arrays(f.world.Stock(l, false), 1), newJudge(f.world, l)
		all = append(all, f)
	}
	for i := range b.Cold {
		for _, f := range all {
			if err := b.wake(ctx, f, i); err != nil {
				return fmt.Errorf("start %s: %w", f.about, err)
			}
		}
	}
	return b.printCold(all)
}

// soon is how often the port is tried: the Functions host waits 25 ms between two
// tries, which would hide what is measured.
const soon = time.Millisecond

func (b *bench) wake(ctx context.Context, f *freezer, i int) error {
	began := time.Now()
	p, err := host.Start(f.program, f.dir, b.settings(f.world, f.storage))
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := p.Ready(ctx, soon); err != nil {
		return err
	}
	h := host.New(p, authID, 1)
	defer h.Close()
	if err := h.Notify(ctx, f.notifications[i]); err != nil {
		return p.Explain(err)
	}
	f.took = append(f.took, time.Since(began))
	return nil
}

func (b *bench) printCold(all []*freezer) (failed error) {
	t := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tfirst ms\tmedian ms\tmost ms\tratio\tlost\t")
	for _, f := range all {
		f.judge.read()
		if f.judge.missing > 0 {
			failed = errors.Join(failed, fmt.Errorf("%s lost %d records", f.about, f.judge.missing))
		}
		for i, took := range f.took {
			b.line(map[string]any{"contender": f.name, "start": i, "ms": milliseconds(took)})
		}
		first, middle, of := f.took[0], medianOf(f.took), medianOf(all[0].took)
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%.1f\t%.2f\t%d\t\n", f.name, milliseconds(first), milliseconds(middle),
			milliseconds(slices.Max(f.took)), float64(middle)/float64(of), f.judge.missing)
	}
	return errors.Join(failed, t.Flush())
}
