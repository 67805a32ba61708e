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

// staleAfter is when a position counts for nothing: who comes back that late wants
// the whole stretch looked at again.
const staleAfter = 24 * time.Hour

// A position is how far the last backfill of a type came. It holds for a later one
// that begins within what was taken.
type position struct {
	contentType string
	since       time.Time // where the backfill begins
	next        time.Time // the first window not taken; zero: none was
	row         collect.Row
}

func positionOf(tenant, contentType string, since time.Time) *position {
	return &position{contentType: contentType, since: since, row: collect.Row{Key: collect.Key{
		Kind:      kindPosition,
		Partition: collect.EscapeKey(tenant),
		Row:       collect.EscapeKey("backfill", contentType),
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
	since, _ := row.Fields["Since"].(time.Time)
	next, _ := row.Fields["Next"].(time.Time)
	at, _ := row.Fields["At"].(time.Time)
	if !p.since.Before(since) && !p.since.After(next) && time.Since(at) < staleAfter {
		p.since, p.next = since, next.UTC().Truncate(collect.Window)
	}
	return nil
}

func (p *position) save(ctx context.Context, store collect.Store, next time.Time) (err error) {
	p.row.Fields = collect.Fields{"Since": p.since, "Next": next, "At": time.Now().UTC()}
	p.row.Version, err = collect.Swap(ctx, store, p.row)
	if collect.Overtaken(err) {
		return fmt.Errorf("write how far it came: another process makes a backfill: %w", err)
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
