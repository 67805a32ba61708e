package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"azcollector/internal/sim"
	"azcollector/internal/sim/host"
)

const (
	// filledOver is the time that a filled ledger's contents are of: what Microsoft
	// still lists (7 days), less what may pass until it is used.
	filledOver = 7*24*time.Hour - 12*time.Hour
	// filledAtOnce is how many contents one notification brings while it is filled.
	filledAtOnce = 100
)

// fill lets the collector itself make the ledger that its runs begin with, so that
// everything is in it that a real one has.
func (b *bench) fill(ctx context.Context) error {
	began := time.Now()
	filling := *b
	filling.Dir = filepath.Join(b.Dir, "filling")
	filling.Latency, filling.PerNotification, filling.Concurrency, filling.Env = 0, filledAtOnce, 2, nil
	filling.Notifications = "fetch"
	if err := os.MkdirAll(filling.Dir, 0o755); err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	l := sim.NewLoad(sim.LoadOptions{
		Seed: b.Seed + 1, Tenant: tenant, Records: b.Ledger * b.LedgerRecords, PerContent: b.LedgerRecords,
		Row: filledAtOnce, Until: time.Now().Add(-3 * time.Hour), Over: filledOver, Spread: b.Spread,
	})
	w, err := filling.world()
	if err != nil {
		return err
	}
	defer w.Close()
	state := filepath.Join(filling.Dir, "state")
	p, err := host.Start(b.Collector, filling.Dir, filling.settings(w, &storage{settings: map[string]string{"STATE_DIR": state}}))
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := p.Ready(ctx, look); err != nil {
		return err
	}
	h := host.New(p, authID, filling.Concurrency)
	defer h.Close()
	r, err := filling.watch(ctx, contender{}, l, watched{p, h, w, nil})
	if err != nil {
		return p.Explain(err)
	}
	if r.Lost > 0 {
		return fmt.Errorf("fill the ledger: %d of %d records did not arrive", r.Lost, r.Records)
	}
	p.Stop() // in order: what is copied is whole
	b.filled = state
	fmt.Fprintf(b.log, "bench: a ledger of %d contents with %d records, in %v\n", b.Ledger, r.Records, time.Since(began).Round(time.Second))
	return nil
}
