package collect

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// kindIDs holds the identities of delivered records, see [span].
const kindIDs = "recordids"

// defaultSeenMemory bounds the filters of all spans together (docs/design.md,
// "record identities"): about three million records.
const defaultSeenMemory = 32 << 20

// Seen remembers which records were delivered, exactly and durably, for all
// tenants. It keeps a filter of each span it needs in memory and looks doubts up
// in the store. What is beyond its memory is delivered and counted as unchecked.
type Seen struct {
	Store Store
	// Shared says that other processes deliver into the same store.
	Shared bool
	// Memory bounds the filters, in bytes; 0: 32 MiB.
	Memory int

	mu    sync.Mutex
	spans map[string]*span
	used  int // bytes of all filters
	clock int64
	cache rowCache

	landings atomic.Int64 // how often records were acknowledged so far

	prints atomic.Pointer[fingerprint] // once its key was read
}

// borrow returns a span that knows all that was stored in it before since.
func (s *Seen) borrow(ctx context.Context, partition string, since time.Time) (*span, error) {
	s.mu.Lock()
	if s.spans == nil {
		s.spans = map[string]*span{}
	}
	sp := s.spans[partition]
	if sp == nil {
		sp = newSpan(s, partition)
		s.spans[partition] = sp
	}
	sp.borrowed++
	s.clock++
	sp.used = s.clock
	s.mu.Unlock()

	if err := sp.refresh(ctx, since); err != nil {
		s.giveBack(sp)
		return nil, err
	}
	return sp, nil
}

// giveBack lets the span be forgotten, unless it holds what could not be stored
// yet: that waits in memory until a later content stores it.
func (s *Seen) giveBack(sp *span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sp.borrowed--
}

// reserve takes n bytes out of the memory, forgetting spans nobody uses, and
// reports whether there were as many.
func (s *Seen) reserve(n int) bool {
	limit := s.Memory
	if limit == 0 {
		limit = defaultSeenMemory
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.used+n > limit {
		var oldest *span
		for _, sp := range s.spans {
			if sp.borrowed == 0 && sp.waiting.Load() == 0 && (oldest == nil || sp.used < oldest.used) {
				oldest = sp
			}
		}
		if oldest == nil {
			return false
		}
		delete(s.spans, oldest.partition)
		s.used -= oldest.filter.bytes()
	}
	s.used += n
	return true
}

// row returns the identities stored in one row, from the store or a small cache:
// the duplicates of one content mostly lie in one row.
func (s *Seen) row(ctx context.Context, sp *span, number uint32) ([]byte, error) {
	which := rowOf{sp.partition, number}
	if ids, ok := s.cache.get(which); ok {
		return ids, nil
	}
	row, err := s.Store.Get(ctx, sp.key(number))
	if err != nil {
		return nil, err
	}
	ids, _ := row.Fields["IDs"].([]byte)
	s.cache.put(which, ids)
	return ids, nil
}

// rowOf names a row without making a key of it.
type rowOf struct {
	partition string
	number    uint32
}

// A rowCache keeps the last rows read, 60 KB each at the most.
type rowCache struct {
	mu   sync.Mutex
	rows [32]rowOf
	ids  [32][]byte
	next int
}

func (c *rowCache) get(which rowOf) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.rows {
		if c.rows[i] == which {
			return c.ids[i], true
		}
	}
	return nil, false
}

func (c *rowCache) put(which rowOf, ids []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows[c.next], c.ids[c.next] = which, ids
	c.next = (c.next + 1) % len(c.rows)
}
