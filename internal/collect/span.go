package collect

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// rowIdentities is how many identities a row holds: 60,000 of the 65,536 bytes
// that Table Storage takes in one property.
const rowIdentities = 2500

const (
	// unsavedRow stands in a filter for identities that are in no row yet.
	unsavedRow = ^uint32(0)
	// lastRow is the greatest number that we take for one of ours.
	lastRow = 1 << 31
)

// A span holds the identities of a tenant's records of [spanLength] of event time.
//
// Its rows are a log: where others write it too, row n+1 is inserted only by who has
// read row n, so a process that goes on reading where it stopped misses nothing. If we crash between a delivery and its row, the records are delivered
// once more; nothing else can repeat them.
type span struct {
	seen      *Seen
	partition string

	// Guarded by seen.mu.
	borrowed int
	used     int64

	// waiting is the length of unsaved, to be read without mu.
	waiting atomic.Int64

	mu      sync.Mutex
	filter  filter
	partial bool                       // the filter lacks ids for want of memory
	flights map[[16]byte]chan struct{} // ids being delivered, and when that is decided
	unsaved []identity                 // acknowledged, not stored yet
	origins []origin                   // whose they are, in the same order
	drafts  []*draft                   // acknowledged as well, and about to be stored
	next    uint32                     // the number of the next row

	// rows is held by the one who reads rows or writes what waits; a channel, since
	// whoever waits for the store must be able to stop waiting.
	rows  chan struct{}
	fresh time.Time

	loaded atomic.Bool // once its rows were read
}

func newSpan(s *Seen, partition string) *span {
	return &span{
		seen: s, partition: partition, rows: make(chan struct{}, 1),
		filter:  filter{seed: maphash.MakeSeed()},
		flights: map[[16]byte]chan struct{}{},
	}
}

// A verdict says what to do with a record.
type verdict uint8

const (
	deliverNew       verdict = iota // nobody delivered it: held by the asker now
	deliverRevised                  // its Id was delivered with other bytes: held by the asker now
	deliverUnchecked                // there is no memory to tell: held by the asker now
	skipDuplicate                   // delivered before
	awaitOther                      // being delivered: ask again when the channel closes
)

// look decides about a record and, if it is to be delivered, holds its id until
// landing closes. With awaitOther the channel to wait for is returned; whoever
// waits must hold nothing meanwhile, or two contents would wait for each other. room is
// for the rows that it examines.
func (s *span) look(ctx context.Context, id identity, landing chan struct{}, room []uint32) (verdict, chan struct{}, error) {
	var examined []uint32
	revised := false
	for {
		g := s.tryHold(&id, landing, examined, room[:0])
		revised = revised || g.revised
		switch {
		case g.other != nil:
			return awaitOther, g.other, nil
		case g.known:
			return skipDuplicate, nil, nil
		case len(g.rows) > 0: // examined below, then asked again
		case revised:
			return deliverRevised, nil, nil
		case g.partial:
			return deliverUnchecked, nil, nil
		default:
			return deliverNew, nil, nil
		}
		for _, row := range g.rows {
			ids, err := s.seen.row(ctx, s, row)
			if err != nil && !errors.Is(err, ErrNotFound) { // a row that was swept knows nobody
				return 0, nil, fmt.Errorf("look up record identities: %w", err)
			}
			for n := range len(ids) / identitySize {
				if at := identityAt(ids, n); at == id {
					return skipDuplicate, nil, nil
				} else if at.id == id.id {
					revised = true
				}
			}
			examined = append(examined, row)
		}
	}
}

// A glance is what memory alone tells about an id.
type glance struct {
	other   chan struct{} // closes when its delivery elsewhere is decided
	rows    []uint32      // to examine before it can be held
	known   bool
	revised bool
	partial bool
}

// tryHold holds the id unless somebody delivers it, it is known, or there are
// rows to examine first.
func (s *span) tryHold(id *identity, landing chan struct{}, examined, room []uint32) glance {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := glance{other: s.flights[id.id], rows: room, partial: s.partial}
	if g.other != nil {
		return g
	}
	s.filter.rows(&id.id, func(row uint32) bool {
		switch d := s.draft(row); {
		case d != nil:
			g.compare(id, d.ids)
		case row == unsavedRow:
			g.compare(id, s.unsaved)
		case !slices.Contains(examined, row) && !slices.Contains(g.rows, row):
			g.rows = append(g.rows, row)
		}
		return !g.known
	})
	if !g.known && len(g.rows) == 0 {
		s.flights[id.id] = landing
	}
	return g
}

func (g *glance) compare(id *identity, with []identity) {
	for i := range with {
		g.known = g.known || with[i] == *id
		g.revised = g.revised || with[i].id == id.id
	}
}

// keep goes on holding an id, until another landing closes.
func (s *span) keep(id identity, landing chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flights[id.id] = landing
}

// land ends the hold on the acknowledged ones of this span: they are remembered at
// once and wait for save. The caller closes the landing afterwards.
func (s *span) land(aboard []passenger, from origin) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.unsaved)
	s.unsaved = s.settle(aboard, s.unsaved, func(int) uint32 { return unsavedRow })
	if from.n = len(s.unsaved) - before; from.n > 0 {
		s.origins = append(s.origins, from)
	}
	s.waiting.Store(int64(len(s.unsaved)))
}

// settle appends the acknowledged ones of this span, which nobody holds from now on; row
// says where the nth of them lies.
func (s *span) settle(aboard []passenger, to []identity, row func(n int) uint32) []identity {
	for i := range aboard {
		if p := &aboard[i]; p.span == s && p.delivered {
			delete(s.flights, p.id.id)
			s.note(&p.id.id, row(len(to)))
			to = append(to, p.id)
		}
	}
	return to
}

// release ends the hold on those that were not acknowledged, as land does.
func (s *span) release(aboard []passenger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range aboard {
		if p := &aboard[i]; p.span == s && !p.delivered {
			delete(s.flights, p.id.id)
		}
	}
}

// note adds an id to the filter if there is memory for it.
func (s *span) note(id *[16]byte, row uint32) {
	if s.filter.full() && !s.seen.reserve(max(256*slotSize, s.filter.bytes())) {
		s.partial = true
		return
	}
	s.filter.add(id, row)
}

// save stores what was acknowledged, by whichever content: those that come
// together are written together.
func (s *span) save(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("wait for record identities: %w", err)
	}
	defer s.leave()
	for {
		n, number, row := s.nextRow()
		if n == 0 {
			return nil
		}
		_, err := s.seen.Store.Insert(ctx, row)
		switch {
		case err == nil:
			s.saved(n, number)
			continue
		case errors.Is(err, ErrExists): // another process wrote this row: read it, take the next
			if err = s.read(ctx, number); err == nil { // a row that was not read is not passed over
				continue
			}
		}
		s.giveUp(number)
		return fmt.Errorf("store record identities: %w", err)
	}
}

// nextRow makes a row of those that wait first. Others may join them meanwhile.
func (s *span) nextRow() (n int, number uint32, row Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n = min(len(s.unsaved), rowIdentities); n > 0 {
		number = s.next
		s.next++
		row = s.row(number, s.unsaved[:n], s.origins)
	}
	return n, number, row
}

// saved says that the first n that waited are in a row.
func (s *span) saved(n int, number uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.move(s.unsaved[:n], unsavedRow, number)
	s.unsaved = slices.Delete(s.unsaved, 0, n)
	s.origins = dropOrigins(s.origins, n)
	s.waiting.Store(int64(len(s.unsaved)))
}

// giveUp gives a number back. Where others write this span, there must be no row that
// is missing: somebody who has read to there would write it, and we not read it.
func (s *span) giveUp(number uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == number+1 { // unless a [draft] has the next, in a store that is ours alone
		s.next = number
	}
}

// move says that they lie elsewhere now.
func (s *span) move(ids []identity, from, to uint32) {
	for i := range ids {
		s.filter.move(&ids[i].id, from, to)
	}
}

// row makes a row of ids, which the first of the origins are of.
func (s *span) row(number uint32, ids []identity, origins []origin) Row {
	raw := make([]byte, 0, len(ids)*identitySize)
	for i := range ids {
		raw = ids[i].append(raw)
	}
	return Row{Key: s.key(number), Fields: Fields{"IDs": raw, "Origins": encodeOrigins(origins, len(ids)), "At": time.Now().UTC()}}
}

func (s *span) enter(ctx context.Context) error {
	select {
	case s.rows <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *span) leave() { <-s.rows }

// refresh reads what is new in the store, unless that was done after since.
func (s *span) refresh(ctx context.Context, since time.Time) error {
	if !s.seen.Shared && s.loaded.Load() {
		return nil // and nobody who writes a row is waited for
	}
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("wait for record identities: %w", err)
	}
	defer s.leave()
	if s.loaded.Load() && (!s.seen.Shared || s.fresh.After(since)) {
		return nil
	}
	s.mu.Lock()
	next := s.next
	s.mu.Unlock()
	return s.read(ctx, next)
}

// read reads the rows from a number on.
func (s *span) read(ctx context.Context, from uint32) error {
	began := time.Now()
	for row, err := range s.seen.Store.List(ctx, kindIDs, s.partition, s.key(from).Row) {
		if err != nil {
			return fmt.Errorf("read record identities: %w", err)
		}
		n, err := strconv.ParseUint(row.Row, 10, 32)
		if err != nil || n > lastRow || row.Key != s.key(uint32(n)) {
			continue // none of ours: it hinders nobody and proves nothing
		}
		ids, _ := row.Fields["IDs"].([]byte)
		s.mu.Lock()
		for i := range len(ids) / identitySize {
			id := identityAt(ids, i)
			s.note(&id.id, uint32(n))
		}
		s.next = max(s.next, uint32(n)+1)
		s.mu.Unlock()
	}
	s.fresh = began
	s.loaded.Store(true)
	return nil
}

func (s *span) key(row uint32) Key {
	return Key{Kind: kindIDs, Partition: s.partition, Row: fmt.Sprintf("%010d", row)}
}
