package collect

import (
	"context"
	"slices"
)

// A draft is a row of identities that is written together with the end of the content
// which delivered them, in a store that is ours alone: nobody waits there for the row
// before it, so that contents which end at the same time share a transaction.
//
// A content may wait for the drafts of those that landed earlier, while it has some
// itself: nobody waits for a later one, so they never wait for each other.
type draft struct {
	span    *span
	order   int64 // of the landing
	number  uint32
	ids     []identity
	from    origin
	row     Row
	stored  bool
	settled chan struct{} // closes when the row is stored, or the identities wait for save
}

// landDrafts is [span.land], with rows that they are stored in.
func (s *span) landDrafts(aboard []passenger, from origin, order int64) (drafts []*draft) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.next
	landed := s.settle(aboard, make([]identity, 0, len(aboard)), func(n int) uint32 { return first + uint32(n/rowIdentities) })
	for ids := range slices.Chunk(landed, rowIdentities) {
		from.n = len(ids)
		drafts = append(drafts, &draft{
			span: s, order: order, number: s.next, ids: ids, from: from,
			row: s.row(s.next, ids, []origin{from}), settled: make(chan struct{}),
		})
		s.next++
	}
	s.drafts = append(s.drafts, drafts...)
	return drafts
}

// written says that the row is in the store.
func (d *draft) written() { d.settle(true) }

// withdraw lets the identities wait for save, unless the row is in the store.
func (d *draft) withdraw() { d.settle(false) }

func (d *draft) settle(stored bool) {
	s := d.span
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.drafts, d)
	if i < 0 {
		return // settled before
	}
	s.drafts = slices.Delete(s.drafts, i, i+1)
	if d.stored = stored; !stored {
		s.move(d.ids, d.number, unsavedRow)
		s.unsaved = append(s.unsaved, d.ids...)
		s.origins = append(s.origins, d.from)
		s.waiting.Store(int64(len(s.unsaved)))
	}
	close(d.settled)
}

// draft is the one that becomes a row, nil if none does.
func (s *span) draft(row uint32) *draft {
	for _, d := range s.drafts {
		if d.number == row {
			return d
		}
	}
	return nil
}

// settleBefore waits until no draft of the span is left whose content landed earlier.
func (s *span) settleBefore(ctx context.Context, order int64) error {
	for {
		s.mu.Lock()
		i := slices.IndexFunc(s.drafts, func(d *draft) bool { return d.order < order })
		var earlier *draft
		if i >= 0 {
			earlier = s.drafts[i]
		}
		s.mu.Unlock()
		if earlier == nil {
			return nil
		}
		select {
		case <-earlier.settled:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
