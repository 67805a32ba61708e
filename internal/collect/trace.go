package collect

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// A Sighting is a delivery of a record with some Id.
type Sighting struct {
	// Span is the partition of "recordids" that knows it.
	Span string
	// Content is the row of the content it was delivered with, and At when that
	// was acknowledged; Known says whether both are.
	Content Key
	At      time.Time
	Known   bool
}

// FindRecord looks for a record's Id among what was delivered for a tenant, the
// latest spans of event time first. Every identity kept is read: progress is
// told of each span.
func FindRecord(ctx context.Context, store Store, tenant, id string, progress func(span string)) iter.Seq2[Sighting, error] {
	return func(yield func(Sighting, error) bool) {
		wanted := idBytes(Record{ID: []byte(id)}, "")
		spans, err := Partitions(ctx, store, kindIDs, tenant)
		if err != nil {
			yield(Sighting{}, fmt.Errorf("look for a record: %w", err))
			return
		}
		for _, span := range slices.Backward(spans) {
			progress(span)
			for row, err := range store.List(ctx, kindIDs, span, "") {
				if err != nil {
					yield(Sighting{}, fmt.Errorf("look for a record: %w", err))
					return
				}
				for _, s := range sightings(row, wanted) {
					if !yield(s, nil) {
						return
					}
				}
			}
		}
	}
}

func sightings(row Row, id [16]byte) (found []Sighting) {
	ids, _ := row.Fields["IDs"].([]byte)
	origins, _ := row.Fields["Origins"].([]byte)
	for n := range len(ids) / identitySize {
		if identityAt(ids, n).id != id {
			continue
		}
		s := Sighting{Span: row.Partition}
		if o, ok := originAt(origins, n); ok {
			s.Content, s.At, s.Known = o.content, o.at, true
		}
		found = append(found, s)
	}
	return found
}

// Partitions lists the partitions of a kind that are a tenant's own: those whose
// name begins with it and goes on.
func Partitions(ctx context.Context, store Store, kind, tenant string) (own []string, err error) {
	prefix := EscapeKey(tenant) + "|"
	for name, err := range store.Partitions(ctx, kind, prefix) {
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(name, prefix) {
			break
		}
		own = append(own, name)
	}
	return own, nil
}

// Find looks for a content by the source's id, in all types and days.
func (l *Ledger) Find(ctx context.Context, tenant, id string, types []string) (found []Content, err error) {
	days, err := Partitions(ctx, l.Store, kindContent, tenant)
	if err != nil {
		return nil, fmt.Errorf("look for a content: %w", err)
	}
	for _, day := range slices.Backward(days) {
		for _, contentType := range types {
			c, err := l.Content(ctx, Key{kindContent, day, EscapeKey(contentType, id)})
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return found, err
			}
			found = append(found, c)
		}
	}
	return found, nil
}

// Content reads one row of the ledger. ErrNotFound.
func (l *Ledger) Content(ctx context.Context, key Key) (Content, error) {
	row, err := l.Store.Get(ctx, key)
	if err != nil {
		return Content{}, fmt.Errorf("read ledger: %w", err)
	}
	return contentOf(row), nil
}
