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

// An hour holds the identities of a tenant's records of one hour of event time.
//
// Its rows are a log: row n+1 is inserted only by who has read row n, so a
// process that goes on reading where it stopped misses nothing that another one
// wrote. If we crash between a delivery and its row, the records are delivered
// once more; nothing else can repeat them.
type hour struct {
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

	// rows is held by the one who reads or appends rows; a channel, since whoever
	// waits for the store must be able to stop waiting.
	rows   chan struct{}
	next   uint32
	loaded bool
	fresh  time.Time
}

func newHour(s *Seen, partition string) *hour {
	return &hour{
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
func (h *hour) look(ctx context.Context, id identity, landing chan struct{}, room []uint32) (verdict, chan struct{}, error) {
	var examined []uint32
	revised := false
	for {
		g := h.tryHold(&id, landing, examined, room[:0])
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
			ids, err := h.seen.row(ctx, h, row)
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
func (h *hour) tryHold(id *identity, landing chan struct{}, examined, room []uint32) glance {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := glance{other: h.flights[id.id], rows: room, partial: h.partial}
	if g.other != nil {
		return g
	}
	h.filter.rows(&id.id, func(row uint32) bool {
		if row != unsavedRow && !slices.Contains(examined, row) && !slices.Contains(g.rows, row) {
			g.rows = append(g.rows, row)
		}
		for i := 0; row == unsavedRow && i < len(h.unsaved); i++ {
			g.known = g.known || h.unsaved[i] == *id
			g.revised = g.revised || h.unsaved[i].id == id.id
		}
		return !g.known
	})
	if !g.known && len(g.rows) == 0 {
		h.flights[id.id] = landing
	}
	return g
}

// keep goes on holding an id, until another landing closes.
func (h *hour) keep(id identity, landing chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.flights[id.id] = landing
}

// land ends the hold on ids; the acknowledged ones, which have an origin, are
// remembered at once and wait for save. The caller closes the landing afterwards.
func (h *hour) land(ids []identity, acknowledged *origin) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range ids {
		delete(h.flights, ids[i].id)
		if acknowledged != nil {
			h.unsaved = append(h.unsaved, ids[i])
			h.note(&ids[i].id, unsavedRow)
		}
	}
	if acknowledged != nil {
		acknowledged.n = len(ids)
		h.origins = append(h.origins, *acknowledged)
	}
	h.waiting.Store(int64(len(h.unsaved)))
}

// note adds an id to the filter if there is memory for it.
func (h *hour) note(id *[16]byte, row uint32) {
	if h.filter.full() && !h.seen.reserve(max(256*slotSize, h.filter.bytes())) {
		h.partial = true
		return
	}
	h.filter.add(id, row)
}

// save stores what was acknowledged, by whichever content: those that come
// together are written together.
func (h *hour) save(ctx context.Context) error {
	if err := h.enter(ctx); err != nil {
		return fmt.Errorf("wait for record identities: %w", err)
	}
	defer h.leave()
	for {
		h.mu.Lock()
		batch := slices.Clone(h.unsaved[:min(len(h.unsaved), rowIdentities)])
		origins := encodeOrigins(h.origins, len(batch))
		h.mu.Unlock()
		if len(batch) == 0 {
			return nil
		}
		row := h.next
		err := h.append(ctx, batch, origins)
		if errors.Is(err, ErrExists) { // another process wrote this row: read it, take the next
			if err = h.read(ctx); err == nil { // a row that was not read is not passed over
				h.next = max(h.next, row+1)
			}
		}
		if err != nil {
			return fmt.Errorf("store record identities: %w", err)
		}
	}
}

func (h *hour) enter(ctx context.Context) error {
	select {
	case h.rows <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (h *hour) leave() { <-h.rows }

func (h *hour) append(ctx context.Context, batch []identity, origins []byte) error {
	ids := make([]byte, 0, len(batch)*identitySize)
	for i := range batch {
		ids = batch[i].append(ids)
	}
	row := h.next
	fields := Fields{"IDs": ids, "Origins": origins, "At": time.Now().UTC()}
	if _, err := h.seen.Store.Insert(ctx, Row{Key: h.key(row), Fields: fields}); err != nil {
		return err
	}
	h.next++
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range batch {
		h.filter.move(&batch[i].id, unsavedRow, row)
	}
	h.unsaved = slices.Delete(h.unsaved, 0, len(batch))
	h.origins = dropOrigins(h.origins, len(batch))
	h.waiting.Store(int64(len(h.unsaved)))
	return nil
}

// refresh reads what is new in the store, unless that was done after since.
func (h *hour) refresh(ctx context.Context, since time.Time) error {
	if err := h.enter(ctx); err != nil {
		return fmt.Errorf("wait for record identities: %w", err)
	}
	defer h.leave()
	if h.loaded && (!h.seen.Shared || h.fresh.After(since)) {
		return nil
	}
	return h.read(ctx)
}

func (h *hour) read(ctx context.Context) error {
	began := time.Now()
	for row, err := range h.seen.Store.List(ctx, kindIDs, h.partition, h.key(h.next).Row) {
		if err != nil {
			return fmt.Errorf("read record identities: %w", err)
		}
		n, err := strconv.ParseUint(row.Row, 10, 32)
		if err != nil || n > lastRow || row.Key != h.key(uint32(n)) {
			continue // none of ours: it hinders nobody and proves nothing
		}
		ids, _ := row.Fields["IDs"].([]byte)
		h.mu.Lock()
		for i := range len(ids) / identitySize {
			id := identityAt(ids, i)
			h.note(&id.id, uint32(n))
		}
		h.mu.Unlock()
		h.next = uint32(n) + 1
	}
	h.loaded, h.fresh = true, began
	return nil
}

func (h *hour) key(row uint32) Key {
	return Key{Kind: kindIDs, Partition: h.partition, Row: fmt.Sprintf("%010d", row)}
}
