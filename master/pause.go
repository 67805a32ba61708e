package master

import (
	"context"
	"errors"
	"fmt"
	"time"

	"azcollector/internal/collect"
)

func pauseKey(tenant string) collect.Key {
	return collect.Key{Kind: kindTenant, Partition: collect.EscapeKey(tenant), Row: rowPause}
}

// loadPause is before when nothing of the tenant is started; zero: no pause.
func loadPause(ctx context.Context, store collect.Store, tenant string) (time.Time, error) {
	return loadTime(ctx, store, pauseKey(tenant))
}

// keepPause lets nothing of the tenant be started before a time.
func keepPause(ctx context.Context, store collect.Store, tenant string, until time.Time, why string) error {
	err := collect.Put(ctx, store, collect.Row{Key: pauseKey(tenant), Fields: collect.Fields{"At": until, "Why": collect.Brief(why)}})
	if err != nil {
		return fmt.Errorf("write the pause of subscriptions: %w", err)
	}
	return nil
}

// loadTime reads a row's field "At"; zero: there is no such row.
func loadTime(ctx context.Context, store collect.Store, key collect.Key) (time.Time, error) {
	row, err := store.Get(ctx, key)
	if errors.Is(err, collect.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read the row %s: %w", key.Row, err)
	}
	at, _ := row.Fields["At"].(time.Time)
	return at, nil
}
