package pull

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"azcollector/internal/collect"
)

// A Prover compares what the source offers with the ledger, and says what is
// missing. It writes nothing but what Repair is told to.
type Prover struct {
	Source
	Tenant string
	Types  []string
	// Recorded yields the ledger's contents of a day (UTC).
	Recorded func(ctx context.Context, tenant string, day time.Time) iter.Seq2[collect.Content, error]
	// Store keeps the gaps and cursors.
	Store collect.Store
	// Retry is how often a window is listed that cannot be.
	Retry collect.Retry
	// Progress is told before each request; nil: nobody looks.
	Progress func(done, total int, what string)
}

// An inspection is one run of a prover. The source is listed first and the ledger
// read afterwards, so that what pull takes meanwhile is not missing.
type inspection struct {
	*Prover
	proof   *Proof
	types   []*inventory
	done    int
	total   int
	stopped map[*inventory]bool // nothing more of the type can be listed
	inRow   map[*inventory]int
}

// Run proves the contents created from since (inclusive) until a time (exclusive):
// as far as the source still lists them by comparison, before that by what the
// ledger says was lost. If ctx ends while listing, the proof holds up to its Until,
// from where it can be taken up, and comes with an error.
func (p *Prover) Run(ctx context.Context, since, until time.Time) (*Proof, error) {
	if err := p.Retry.Do(ctx, func(ctx context.Context) error { return p.Synchronise(ctx, p.Tenant) }); err != nil {
		return nil, err
	}
	now := p.Now().UTC()
	proof := &Proof{Tenant: p.Tenant, Since: since.UTC(), Until: until.UTC()}
	proof.clamp(edge(now), now)
	if !proof.Listed.Before(proof.Until) {
		return nil, fmt.Errorf("prove from %s until %s: the source lists from %s until %s only", since.UTC().Format(time.RFC3339),
			until.UTC().Format(time.RFC3339), edge(now).Format(time.RFC3339), now.Format(time.RFC3339))
	}
	i := &inspection{Prover: p, proof: proof, stopped: map[*inventory]bool{}, inRow: map[*inventory]int{}}
	for _, contentType := range p.Types {
		i.types = append(i.types, newInventory(contentType))
	}
	interrupted := i.list(ctx)
	if err := i.compare(ctx, interrupted != nil); err != nil {
		proof.Until, proof.Types = proof.Since, nil
		return proof, errors.Join(interrupted, err)
	}
	return proof, interrupted
}

// list takes stock of the source: of every window all types, so that an
// interruption leaves a stretch that is proved whole.
func (i *inspection) list(ctx context.Context) error {
	p := i.proof
	first := p.Listed.Truncate(collect.Window)
	i.total = len(i.types) * int((p.Until.Sub(first)+collect.Window-1)/collect.Window)
	for begin := first; begin.Before(p.Until); begin = begin.Add(collect.Window) {
		found := make([][]collect.Content, len(i.types))
		for n, t := range i.types {
			found[n] = i.window(ctx, t, begin)
			if ctx.Err() != nil {
				p.Until = later(begin, p.Listed)
				p.doubt("It was interrupted: nothing from %s on was looked at.", p.Until.Format(time.RFC3339))
				return fmt.Errorf("prove from %s on: %w", p.Until.Format(time.RFC3339), context.Cause(ctx))
			}
		}
		for n, t := range i.types {
			for _, c := range found[n] {
				if p.covers(c.Created) {
					t.add(c)
				}
			}
		}
	}
	return nil
}

// window lists one window of a type. What came before an error is true.
func (i *inspection) window(ctx context.Context, t *inventory, begin time.Time) (found []collect.Content) {
	if i.Progress != nil {
		i.Progress(i.done, i.total, t.name+" "+begin.Format(time.RFC3339))
	}
	i.done++
	if i.stopped[t] {
		return nil
	}
	was := later(begin, i.proof.Listed)
	from, to := cut(begin, was, i.Now().UTC())
	if from.After(was) { // it took so long that the edge went by
		i.proof.unlisted(t.name, was, earlier(from, begin.Add(collect.Window)), errOutOfReach)
	}
	if !from.Before(to) {
		return nil
	}
	err := i.Retry.Do(ctx, func(ctx context.Context) error {
		found = nil
		for c, err := range i.Contents(ctx, i.Tenant, t.name, from, to) {
			if err != nil {
				return err
			}
			found = append(found, c)
		}
		return nil
	})
	if err == nil || ctx.Err() != nil {
		i.inRow[t] = 0
		return found
	}
	end := earlier(to, i.proof.Until)
	if i.inRow[t]++; i.inRow[t] >= patience || judgesType(err) {
		i.stopped[t] = true
		end = i.proof.Until
	}
	i.proof.unlisted(t.name, later(from, was), end, err)
	return found
}

// compareTime is how long an interrupted proof may go on reading the ledger.
const compareTime = 30 * time.Second

// compare reads the ledger's days around the range: what was only announced is
// filed under the day when it was heard of.
func (i *inspection) compare(ctx context.Context, interrupted bool) error {
	if interrupted {
		var done context.CancelFunc
		ctx, done = context.WithTimeout(context.WithoutCancel(ctx), compareTime)
		defer done()
	}
	const day = 24 * time.Hour
	p, now := i.proof, i.Now()
	types := map[string]*inventory{}
	for _, t := range i.types {
		types[t.name] = t
	}
	for at := p.Since.Truncate(day).Add(-day); !at.After(p.Until.Add(day)); at = at.Add(day) {
		for row, err := range i.Recorded(ctx, i.Tenant, at) {
			if err != nil {
				return fmt.Errorf("read what was recorded on %s: %w", at.Format(time.DateOnly), err)
			}
			t := types[row.Type]
			switch {
			case t == nil, t.match(row), !p.covers(row.Created), p.isUnlisted(row.Type, row.Created):
			case row.Created.Before(p.Listed):
				t.unlistable(row)
			default:
				t.unoffered(row)
			}
		}
	}
	for _, t := range i.types {
		p.Types = append(p.Types, t.conclude(i.Tenant, now))
	}
	if err := i.gaps(ctx); err != nil {
		return err
	}
	p.doubtAlways()
	return nil
}

// gaps adds those that overlap the range: the ledger's, and what passed out of
// reach since pull ran last, which nobody has noted yet.
func (i *inspection) gaps(ctx context.Context) error {
	p := i.proof
	for gap, err := range collect.Gaps(ctx, i.Store, i.Tenant) {
		if err != nil {
			return err
		}
		if slices.Contains(i.Prover.Types, gap.Type) {
			p.gap(gap)
		}
	}
	for _, contentType := range i.Prover.Types {
		c, err := collect.LoadCursor(ctx, i.Store, i.Tenant, contentType)
		if errors.Is(err, collect.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		for _, gap := range beyond(c, p.Listed) {
			p.gap(gap)
		}
	}
	return nil
}

// Repair offers what is missing to the ledger and returns how many there are to
// collect now. A proof keeps at most [maxMissing] of a type: prove again afterwards.
func (p *Prover) Repair(ctx context.Context, proof *Proof) (fresh int, err error) {
	h := &harvest{offer: p.Offer}
	err = h.gather(ctx, func(yield func(collect.Content, error) bool) {
		for _, t := range proof.Types {
			for _, c := range t.MissingContents {
				if !yield(c, nil) {
					return
				}
			}
		}
	})
	if err != nil {
		return h.fresh, fmt.Errorf("repair: %w", err)
	}
	return h.fresh, nil
}
