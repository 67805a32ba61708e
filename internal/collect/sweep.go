package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// keepTotals is how long totals and gaps stay: a year, and some to compare.
	keepTotals = 400 * 24 * time.Hour
	// keepStats is how long what was reported stays, to be looked at.
	keepStats = 48 * time.Hour
)

// Sweep deletes a tenant's rows that are older than the retention, and returns how
// many. Contents that are still pending stay, however old, and so do dead letters.
func Sweep(ctx context.Context, store Store, tenant string, now time.Time, retention time.Duration) (swept int, err error) {
	b := broom{store: store, tenant: tenant, now: now.UTC()}
	errs := []error{
		b.partitions(ctx, kindContent, "20060102", 24*time.Hour, retention, func(row Row) bool {
			return contentOf(row).State != Pending
		}),
		b.partitions(ctx, kindIDs, spanLayout, spanLength, retention, func(row Row) bool {
			at, _ := row.Fields["At"].(time.Time) // a late record lies in an old span: its row's own age counts
			return b.now.Sub(at) > retention
		}),
		b.partitions(ctx, kindStats, statsLayout, statsWindow, keepStats, func(Row) bool { return true }),
		b.rows(ctx, kindDaily, EscapeKey(tenant), func(row Row) bool { return b.now.Sub(dailyOf(row).Day) > keepTotals }),
		b.rows(ctx, kindGap, EscapeKey(tenant), func(row Row) bool { return b.now.Sub(gapOf(row).To) > keepTotals }),
	}
	if err := errors.Join(errs...); err != nil {
		return b.swept, fmt.Errorf("sweep old rows: %w", err)
	}
	return b.swept, nil
}

type broom struct {
	store  Store
	tenant string
	now    time.Time
	swept  int
}

// partitions sweeps those that are wholly older than keep: their names end in
// their beginning, and what does not (records without a time) goes by its rows alone.
func (b *broom) partitions(ctx context.Context, kind, layout string, length, keep time.Duration, old func(Row) bool) error {
	all, err := Partitions(ctx, b.store, kind, b.tenant)
	if err != nil {
		return err
	}
	for _, partition := range all {
		begins, err := time.Parse(layout, partition[strings.LastIndexByte(partition, '|')+1:])
		if err == nil && b.now.Sub(begins.Add(length)) <= keep {
			continue
		}
		if err := b.rows(ctx, kind, partition, old); err != nil {
			return err
		}
	}
	return nil
}

func (b *broom) rows(ctx context.Context, kind, partition string, old func(Row) bool) error {
	var writes []Write
	for row, err := range b.store.List(ctx, kind, partition, "") {
		if err != nil {
			return err
		}
		if old(row) {
			writes = append(writes, Write{OpDelete, Row{Key: row.Key, Version: row.Version}})
		}
	}
	for batch := range slices.Chunk(writes, batchRows) {
		err := b.store.Batch(ctx, batch)
		if errors.Is(err, ErrChanged) {
			continue // somebody needs one of them: another time
		}
		if err != nil {
			return err
		}
		b.swept += len(batch)
	}
	return nil
}
