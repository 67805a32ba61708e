package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// A destinationError is a failure of the sink, not of the source or the store.
type destinationError struct{ error }

func (e destinationError) Unwrap() error { return e.error }

// A sourceError is a failure of the source alone: sink and store took what it gave.
type sourceError struct{ error }

func (e sourceError) Unwrap() error { return e.error }

// send sends the batch, remembers what became of its records, and empties it.
func (r *carriage) send(ctx context.Context) error {
	if len(r.aboard) == 0 {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	lasting, end := linger(ctx, sendGrace)
	err := sendRetry.Do(ctx, func(context.Context) error { return r.batch.Send(lasting) })
	end()
	if doubt := r.doubt(); err == nil {
		err = doubt
	}
	switch {
	case err == nil:
		r.brake.off()
	case ctx.Err() == nil:
		r.brake.on(err, r.began)
		err = destinationError{err}
	}
	// Whatever happened to ctx, what was acknowledged is remembered now: if we
	// crash here, these records are delivered once more.
	settling, done := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer done()
	err = errors.Join(err, r.settle(settling, err == nil))
	r.batch.Reset()
	close(r.landing)
	r.landing = make(chan struct{})
	return err
}

// sendGrace is how long a post under way may go on once we are asked to stop: its
// records may be taken already, and an answer that nobody waits for means that
// they are sent again.
const sendGrace = 5 * time.Second

// linger returns a context that ends a grace later than ctx.
func linger(ctx context.Context, grace time.Duration) (lasting context.Context, end func()) {
	lasting, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(grace, func() { cancel(context.Cause(ctx)) })
	})
	return lasting, func() {
		stop()
		cancel(nil)
	}
}

// unlikelyMany records refused, and none ever taken, say more about our settings
// (a wrong stream refuses everything) than about so many records.
const unlikelyMany = 8

// doubt says why an outcome that the sink reports as a success is not believed.
func (r *carriage) doubt() error {
	var states [Refused + 1]int
	for i := range r.aboard {
		states[r.batch.Outcome(i).State]++
	}
	if states[Delivered] > 0 {
		r.proven.Store(true)
	}
	switch n := len(r.aboard); {
	case states[Open] > 0:
		return fmt.Errorf("send records: sink %s settled all but %d of %d records without saying why", r.Sink.Name(), states[Open], n)
	case states[Refused] == n && n > unlikelyMany && !r.proven.Load():
		return &Fault{Verdict: JudgesUs, Err: fmt.Errorf("sink %s has taken nothing since the start and refuses all of %d records, so its settings are likelier wrong: %s",
			r.Sink.Name(), n, Brief(r.batch.Outcome(0).Reason))}
	}
	return nil
}

// settle sorts the batch by outcome: acknowledged ids go into memory first, so
// that nothing that fails below lets them be sent again by this process. Records
// refused by a sink that failed otherwise are buried too, unless it is in doubt.
func (r *carriage) settle(ctx context.Context, believed bool) error {
	type refusal struct {
		ordinal int
		raw     []byte
		reason  string
	}
	var refused []refusal
	var flow Flow
	now := r.now()
	for i := range r.aboard {
		p := &r.aboard[i]
		switch o := r.batch.Outcome(i); o.State {
		case Delivered:
			p.delivered = true
			r.count(p)
			flow.add(p, len(r.batch.Raw(i)), r.content.Created, now)
		case Refused:
			if believed || r.proven.Load() {
				refused = append(refused, refusal{p.ordinal, r.batch.Raw(i), o.Reason})
			}
		}
	}
	from := origin{content: r.key, at: time.Now()}
	order := r.Seen.landings.Add(1)
	together := r.ending && believed && len(refused) == 0
	for _, sp := range r.spans {
		if together {
			r.drafts = append(r.drafts, sp.landDrafts(r.aboard, from, order)...)
		} else {
			sp.land(r.aboard, from)
		}
	}
	r.Meter.count(func(s *Stats) { s.flow(r.content.Type).merge(&flow, 1) })
	err := each(refused, func(one refusal) error {
		return r.bury(ctx, one.ordinal, one.raw, one.reason, true)
	})
	if !together {
		err = errors.Join(r.save(ctx), err)
	}
	for _, sp := range r.spans {
		sp.release(r.aboard)
	}
	r.aboard = r.aboard[:0]
	return err
}

// longestWorkload is far above any name that Microsoft documents.
const longestWorkload = 48

// workload is the name that a record's events are counted under.
func (r *carriage) workload(name []byte) string {
	if known, ok := r.services[string(name)]; ok { // no copy is made for the question
		return known
	}
	plain := func(c byte) bool {
		return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '-' || c == '.'
	}
	known := string(name)
	switch {
	case known == "":
		known = "unknown"
	case len(known) > longestWorkload || len(r.services) >= mostWorkloads || slices.ContainsFunc(name, func(c byte) bool { return !plain(c) }):
		return otherWorkload
	}
	r.services[string(name)] = known
	return known
}

func (r *carriage) count(p *passenger) {
	r.tally.Delivered++
	switch p.verdict {
	case deliverRevised:
		r.tally.Revised++
	case deliverUnchecked:
		r.tally.Unchecked++
	}
	if p.undated {
		r.tally.Undated++
	}
}

// save stores the identities that wait in the spans this content met: its own,
// and those of others that it filtered against.
func (r *carriage) save(ctx context.Context) error {
	return each(r.waiting(), func(sp *span) error { return sp.save(ctx) })
}

func (r *carriage) waiting() (spans []*span) {
	for _, sp := range r.spans {
		if sp.waiting.Load() > 0 {
			spans = append(spans, sp)
		}
	}
	return spans
}

// each calls f for all, [rowsAtOnce] at a time, and joins the errors.
func each[T any](all []T, f func(T) error) error {
	var (
		mu    sync.Mutex
		group sync.WaitGroup
		slots = make(chan struct{}, rowsAtOnce)
		errs  error
	)
	for _, one := range all {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := f(one); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = errors.Join(errs, err)
			}
		})
	}
	group.Wait()
	return errs
}

// close lets go of everything held, whatever happened.
func (r *carriage) close() {
	for _, d := range r.drafts {
		d.withdraw()
	}
	r.unload()
	close(r.landing)
	for _, sp := range r.spans {
		r.Seen.giveBack(sp)
	}
}

// unload lets go of the batch and of what is held in it.
func (r *carriage) unload() {
	if r.load == nil {
		return
	}
	for i := range r.aboard {
		r.aboard[i].delivered = false
	}
	for _, sp := range r.spans {
		sp.release(r.aboard)
	}
	r.batch.Reset()
	clear(r.aboard[:cap(r.aboard)]) // they hold spans
	r.aboard = r.aboard[:0]
	r.loads.Put(r.load)
	r.load = nil
}

// idOf is the Id of a record that is kept, for people who look for it.
func idOf(raw []byte) string {
	var s scanner
	// No copy for a byte behind it, which only a number would need: a record may be large.
	if _, err := s.value(raw); err != nil {
		return ""
	}
	return strings.ToValidUTF8(string(text(s.members[memberID])), "\uFFFD")
}
