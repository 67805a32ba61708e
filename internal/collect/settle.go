package collect

import (
	"context"
	"errors"
	"strings"
	"sync"
)

// A destinationError is a failure of the sink, not of the source or the store.
type destinationError struct{ error }

func (e destinationError) Unwrap() error { return e.error }

// send sends the batch, remembers what became of its records, and empties it.
func (r *carriage) send(ctx context.Context) error {
	if len(r.aboard) == 0 {
		return nil
	}
	err := sendRetry.Do(ctx, r.batch.Send)
	switch {
	case err == nil:
		r.brake.off()
	case ctx.Err() == nil:
		r.brake.on(err)
		err = destinationError{err}
	}
	// Whatever happened to ctx, what was acknowledged is remembered now: if we
	// crash here, these records are delivered once more.
	settling, done := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer done()
	err = errors.Join(err, r.settle(settling))
	r.batch.Reset()
	close(r.landing)
	r.landing = make(chan struct{})
	return err
}

// settle sorts the batch by outcome: acknowledged ids go into memory first, so
// that nothing that fails below lets them be sent again by this process.
func (r *carriage) settle(ctx context.Context) error {
	delivered, open := map[*hour][]identity{}, map[*hour][]identity{}
	var refused []int
	for i, p := range r.aboard {
		switch r.batch.Outcome(i).State {
		case Delivered:
			delivered[p.hour] = append(delivered[p.hour], p.id)
			r.count(p)
		case Refused:
			refused = append(refused, i)
			fallthrough
		default:
			open[p.hour] = append(open[p.hour], p.id)
		}
	}
	for h, ids := range delivered {
		h.land(ids, true)
	}
	var err error
	for _, i := range refused {
		err = errors.Join(err, r.bury(ctx, r.aboard[i].ordinal, r.batch.Raw(i), r.batch.Outcome(i).Reason))
	}
	for h, ids := range open {
		h.land(ids, false)
	}
	r.aboard = r.aboard[:0]
	return errors.Join(err, r.save(ctx))
}

func (r *carriage) count(p passenger) {
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

// save stores the identities that wait in the hours this content met: its own,
// and those of others that it filtered against.
func (r *carriage) save(ctx context.Context) error {
	var (
		mu    sync.Mutex
		group sync.WaitGroup
		slots = make(chan struct{}, rowsAtOnce)
		errs  error
	)
	for _, h := range r.hours {
		if h.pending() == 0 {
			continue
		}
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := h.save(ctx); err != nil {
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
	for _, p := range r.aboard {
		p.hour.land([]identity{p.id}, false)
	}
	close(r.landing)
	for _, h := range r.hours {
		r.Seen.giveBack(h)
	}
}

// idOf is the Id of a record that is kept, for people who look for it.
func idOf(raw []byte) string {
	var s scanner
	if _, err := s.value(append(raw[:len(raw):len(raw)], ' ')); err != nil {
		return ""
	}
	return strings.ToValidUTF8(string(text(s.members[memberID])), "�")
}
