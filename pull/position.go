package pull

import (
	"context"
	"errors"
	"fmt"
	"time"

	"azcollector/internal/collect"
)

// kindPosition is the kind of the cursors, beside which positions lie.
const kindPosition = "cursor"

// A position is how far the backfill of one type and range came.
type position struct {
	contentType string
	next        time.Time // the first window not taken; zero: none was
	row         collect.Row
}

// positionOf names a position by the range as it was asked for.
func positionOf(tenant, contentType string, since, until time.Time) *position {
	const layout = "20060102T150405Z"
	return &position{contentType: contentType, row: collect.Row{Key: collect.Key{
		Kind:      kindPosition,
		Partition: collect.EscapeKey(tenant),
		Row:       collect.EscapeKey("backfill", contentType, since.UTC().Format(layout), until.UTC().Format(layout)),
	}}}
}

func (p *position) load(ctx context.Context, store collect.Store) error {
	row, err := store.Get(ctx, p.row.Key)
	if errors.Is(err, collect.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read how far it came: %w", err)
	}
	p.row.Version = row.Version
	next, _ := row.Fields["Next"].(time.Time)
	p.next = next.UTC().Truncate(collect.Window)
	return nil
}

func (p *position) save(ctx context.Context, store collect.Store, next time.Time) (err error) {
	p.row.Fields = collect.Fields{"Next": next}
	write := store.Replace
	if p.row.Version == "" {
		write = store.Insert
	}
	p.row.Version, err = write(ctx, p.row)
	if errors.Is(err, collect.ErrExists) || errors.Is(err, collect.ErrChanged) {
		return fmt.Errorf("write how far it came: another process makes the same backfill: %w", err)
	}
	if err != nil {
		return fmt.Errorf("write how far it came: %w", err)
	}
	return nil
}

func (p *position) remove(ctx context.Context, store collect.Store) error {
	if p.row.Version == "" {
		return nil
	}
	if err := store.Delete(ctx, p.row.Key, p.row.Version); err != nil {
		return fmt.Errorf("delete how far it came: %w", err)
	}
	return nil
}
