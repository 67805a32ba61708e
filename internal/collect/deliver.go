package collect

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"
)

// settleTime is what remains to remember what was acknowledged, once the context
// of a delivery has ended.
const settleTime = 20 * time.Second

// sendRetry bridges hiccups of a destination. What lasts longer goes back to the
// ledger, so that a content does not hold memory while it waits.
var sendRetry = Retry{Attempts: 3, First: 300 * time.Millisecond, Most: 2 * time.Second, Patience: 5 * time.Second}

// A Delivery carries contents' records to a sink.
type Delivery struct {
	Sink Sink
	Seen *Seen
	// Store keeps dead letters.
	Store Store
	// Meter counts what is delivered; nil: nobody does.
	Meter *Meter
	// Now is the source's clock; nil: ours.
	Now func() time.Time

	brake  brake
	proven atomic.Bool // the sink has taken a record since we started
	loads  sync.Pool   // empty ones; nothing that they grew to stays for long: a pool is emptied with the garbage
}

// Deliver carries one content's records: those delivered before are filtered, the
// others sent in batches, and what the sink acknowledged is remembered before
// the next batch is begun. It returns what became of the records up to the error.
func (d *Delivery) Deliver(ctx context.Context, c Content, records iter.Seq2[Record, error]) (Tally, error) {
	return d.deliver(ctx, c, records, nil)
}

// deliver delivers, and ends with finish unless that is nil.
func (d *Delivery) deliver(ctx context.Context, c Content, records iter.Seq2[Record, error], end finish) (Tally, error) {
	run := &carriage{
		Delivery: d, content: c, key: c.Key(), began: time.Now(),
		load: d.empty(), landing: make(chan struct{}), spans: map[int64]*span{}, services: map[string]string{},
	}
	defer run.close()
	defer run.foresee(ctx)()
	var err error
	if run.prints, err = d.Seen.fingerprint(ctx); err != nil {
		return run.tally, err
	}
	for rec, err := range records {
		if err != nil {
			// What arrived whole goes now: the source may never get further, and
			// the next attempt filters it.
			if failed := run.send(ctx); failed != nil {
				return run.tally, errors.Join(err, failed)
			}
			return run.tally, sourceError{err}
		}
		if err := run.take(ctx, rec); err != nil {
			return run.tally, err
		}
	}
	run.ending = end != nil && !d.Seen.Shared
	if err := run.send(ctx); err != nil {
		return run.tally, err
	}
	return run.tally, run.finish(ctx, end)
}

// now is the source's clock: what it says of creation and expiration is meant by it.
func (d *Delivery) now() time.Time {
	if d.Now == nil {
		return time.Now()
	}
	return d.Now()
}

// acknowledgement is what a finished content's row says of its delivery.
func (d *Delivery) acknowledgement() string { return d.Sink.Name() + " " + d.Sink.Acknowledgement() }

// A load is what is sent together. It is empty at first and keeps its memory for the
// next content.
type load struct {
	batch  Batch
	aboard []passenger // the records in the batch, in order
}

func (d *Delivery) empty() *load {
	if l, ok := d.loads.Get().(*load); ok {
		return l
	}
	return &load{batch: d.Sink.NewBatch()}
}

// A carriage is one content on its way.
type carriage struct {
	*Delivery
	*load
	content  Content
	key      Key
	began    time.Time
	tally    Tally
	spans    map[int64]*span
	prints   *fingerprint
	tag      [16]byte          // room for it
	landing  chan struct{}     // closes when the batch's outcome is known
	services map[string]string // the names of workloads met, each kept once
	ending   bool              // what is sent now is the last, and stored with the content's end
	drafts   []*draft          // what is stored with the end
	rows     [4]uint32         // room for what one look examines: more have the same id only by chance
	mu       sync.Mutex        // those who bury side by side count in the tally
}

type passenger struct {
	id        identity
	span      *span
	at        time.Time // of the event
	ordinal   int
	verdict   verdict
	undated   bool
	delivered bool // acknowledged
	workload  string
}

// take filters one record or puts it into the batch.
func (r *carriage) take(ctx context.Context, rec Record) error {
	r.tally.Bytes += int64(len(rec.Raw))
	if rec.Defect != "" {
		return r.bury(ctx, rec.Ordinal, rec.Raw, rec.Defect, false)
	}
	sp, err := r.span(ctx, rec)
	if err != nil {
		return err
	}
	id := identity{idBytes(rec, r.key.Row), r.prints.of(rec.Raw, &r.tag)}
	p := passenger{id: id, span: sp, at: rec.Time, ordinal: rec.Ordinal, undated: rec.Undated, workload: r.workload(rec.Workload)}
	for {
		var other chan struct{}
		if p.verdict, other, err = sp.look(ctx, p.id, r.landing, r.rows[:]); err != nil {
			return err
		}
		if p.verdict != awaitOther {
			break
		}
		// Nothing is held while we wait. If it is our own batch that carries the
		// twin, sending it closes the channel.
		if err := r.send(ctx); err != nil {
			return err
		}
		select {
		case <-other:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if p.verdict == skipDuplicate {
		r.tally.Duplicate++
		return nil
	}
	added := r.batch.Add(rec)
	if !added {
		err = r.send(ctx)
	}
	r.aboard = append(r.aboard, p) // close lets go of it if we fail here
	if !added {
		sp.keep(p.id, r.landing)
	}
	switch {
	case err == nil && !added && !r.batch.Add(rec):
		err = fmt.Errorf("send records: sink %s takes no record into an empty batch", r.Sink.Name())
	case err == nil && len(rec.Raw) > largeBuffer/2:
		err = r.send(ctx) // while its reader holds the memory for such
	}
	return err
}

// foresee lets the spans that are likely needed be read while the source is still
// asked. Most records happened shortly before their content was made.
func (r *carriage) foresee(ctx context.Context) (end func()) {
	if !r.Seen.Shared {
		return func() {} // nobody else writes them, so they are hardly ever read
	}
	ctx, cancel := context.WithCancel(ctx)
	var readers sync.WaitGroup
	for _, ago := range []time.Duration{0, time.Hour} {
		readers.Go(func() {
			partition := spanOf(r.content.Tenant, Record{Time: r.content.Created.UTC().Add(-ago)})
			if sp, err := r.Seen.borrow(ctx, partition, r.began); err == nil { // an error meets whoever needs the span
				r.Seen.giveBack(sp)
			}
		})
	}
	return func() { cancel(); readers.Wait() }
}

func (r *carriage) span(ctx context.Context, rec Record) (*span, error) {
	key := spanKey(rec)
	if sp := r.spans[key]; sp != nil {
		return sp, nil
	}
	sp, err := r.Seen.borrow(ctx, spanOf(r.content.Tenant, rec), r.began)
	if err != nil {
		return nil, err
	}
	r.spans[key] = sp
	return sp, nil
}

func (r *carriage) bury(ctx context.Context, ordinal int, raw []byte, reason string, replayable bool) error {
	if err := bury(ctx, r.Store, r.content, ordinal, raw, reason, replayable); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tally.Dead++
	return nil
}
