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
	err := put(ctx, store, pauseKey(tenant), collect.Fields{"At": until, "Why": brief(why)})
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

// put writes a row over whatever is there. If another process writes it at the
// same moment, theirs is as good.
func put(ctx context.Context, store collect.Store, key collect.Key, fields collect.Fields) error {
	row := collect.Row{Key: key, Fields: fields}
	is, err := store.Get(ctx, key)
	switch {
	case errors.Is(err, collect.ErrNotFound):
		_, err = store.Insert(ctx, row)
	case err == nil:
		row.Version = is.Version
		_, err = store.Replace(ctx, row)
	}
	if errors.Is(err, collect.ErrExists) || errors.Is(err, collect.ErrChanged) {
		return nil
	}
	return err
}
