package collect

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"
)

const (
	// LeaseTime is how long a content belongs to a process that does not renew
	// its lease: how long a killed process delays what it had in hand.
	LeaseTime = 60 * time.Second
	// orphanAge is how overdue a due row must be before it counts as left over.
	// Whoever writes a due row writes its content row much sooner, or gives up.
	orphanAge = 10 * time.Minute
	// rowsAtOnce bounds how many single rows are written at the same time.
	rowsAtOnce = 8
	// batchRows is the most that one batch takes.
	batchRows = 100
)

// A Ledger is the record of every content ever announced, and of what is to be
// done next. A due row is written before the content row that names it and is
// deleted after that one is finished; so a crash anywhere leaves a due row, and
// a due row that is left over is settled by reading its content row.
type Ledger struct {
	Store Store
	// Owner names this process, another name at every start.
	Owner string
	// Sole says that the store belongs to this process alone, so that a lease of
	// another owner is a dead one's.
	Sole bool
}

// stamp is a time as both stores give it back: UTC, in whole milliseconds.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// Announce records contents that a notification told of, already leased to us,
// and returns a claim on each that the ledger lacked. Once it returns without an
// error, everything is durable. With an error the claims are still good.
func (l *Ledger) Announce(ctx context.Context, contents []Content) ([]*Claim, error) {
	began := time.Now()
	for i := range contents {
		c := &contents[i]
		c.State, c.Owner = Pending, l.Owner
		c.LeaseUntil = stamp(began.Add(LeaseTime))
		c.Due = c.LeaseUntil
	}
	if err := l.writeDue(ctx, contents, OpInsert); err != nil {
		return nil, fmt.Errorf("record due contents: %w", err)
	}
	claims, known, err := l.insert(ctx, contents)
	if err == nil && time.Since(began) > orphanAge/2 {
		err = errors.New("took so long that the due rows may count as left over")
	}
	if err != nil {
		return claims, fmt.Errorf("record contents: %w", err)
	}
	// The known ones have due rows of their own. If we crash here, the new ones
	// are left over and settled.
	_ = l.writeDue(ctx, known, OpDelete)
	return claims, nil
}

// insert writes content rows side by side; known are those that were there.
func (l *Ledger) insert(ctx context.Context, contents []Content) (claims []*Claim, known []Content, err error) {
	var (
		mu    sync.Mutex
		group sync.WaitGroup
		slots = make(chan struct{}, rowsAtOnce)
	)
	for _, c := range contents {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			version, failed := l.Store.Insert(ctx, Row{Key: c.Key(), Fields: c.fields()})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case failed == nil:
				claims = append(claims, &Claim{ledger: l, content: c, version: version})
			case errors.Is(failed, ErrExists):
				known = append(known, c)
			default:
				err = errors.Join(err, failed)
			}
		})
	}
	group.Wait()
	return claims, known, err
}

// writeDue inserts or deletes the contents' due rows, in batches per tenant.
func (l *Ledger) writeDue(ctx context.Context, contents []Content, op Op) error {
	writes := map[string][]Write{}
	for _, c := range contents {
		writes[c.Tenant] = append(writes[c.Tenant], Write{op, dueOf(c)})
	}
	for _, all := range writes {
		for len(all) > 0 {
			batch := all[:min(len(all), batchRows)]
			all = all[len(batch):]
			if err := l.writeDueBatch(ctx, batch); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *Ledger) writeDueBatch(ctx context.Context, batch []Write) error {
	err := l.Store.Batch(ctx, batch)
	if !errors.Is(err, ErrExists) {
		return err
	}
	// Another process announced one of them in the same millisecond: one by one.
	for _, w := range batch {
		if _, err := l.Store.Insert(ctx, w.Row); err != nil && !errors.Is(err, ErrExists) {
			return err
		}
	}
	return nil
}

// Offer records a content that the source's own list offers. What the list says
// are facts: they overwrite what a notification said, and reopen the content
// unless it is delivered. It reports whether there is something to collect now.
func (l *Ledger) Offer(ctx context.Context, listed Content) (bool, error) {
	listed.State, listed.Listed, listed.Due = Pending, true, stamp(time.Now())
	row, err := l.Store.Get(ctx, listed.Key())
	if errors.Is(err, ErrNotFound) {
		return l.offerNew(ctx, listed)
	}
	if err != nil {
		return false, fmt.Errorf("read ledger: %w", err)
	}
	c := contentOf(row)
	if c.Listed || c.State == Done {
		return false, nil
	}
	reopen := c.State != Pending
	c.URI, c.Created, c.Expires, c.Listed = listed.URI, listed.Created, listed.Expires, true
	if reopen {
		c.State, c.Due, c.Finished = Pending, listed.Due, time.Time{}
		if err := l.writeDue(ctx, []Content{c}, OpInsert); err != nil {
			return false, fmt.Errorf("reopen content: %w", err)
		}
	}
	row.Fields = c.fields()
	if _, err := l.Store.Replace(ctx, row); err != nil && !errors.Is(err, ErrChanged) {
		return false, fmt.Errorf("record listed content: %w", err)
	} else if err != nil { // somebody works on it; the next listing meets it again
		return false, nil
	}
	return reopen, nil
}

func (l *Ledger) offerNew(ctx context.Context, c Content) (bool, error) {
	if err := l.writeDue(ctx, []Content{c}, OpInsert); err != nil {
		return false, fmt.Errorf("record due content: %w", err)
	}
	_, err := l.Store.Insert(ctx, Row{Key: c.Key(), Fields: c.fields()})
	switch {
	case errors.Is(err, ErrExists):
		return false, nil // announced this moment; our due row is settled as left over
	case err != nil:
		return false, fmt.Errorf("record listed content: %w", err)
	}
	return true, nil
}

// Contents yields a tenant's contents that were created on a day (UTC).
func (l *Ledger) Contents(ctx context.Context, tenant string, day time.Time) iter.Seq2[Content, error] {
	return func(yield func(Content, error) bool) {
		partition := Content{Tenant: tenant, Created: day}.Key().Partition
		for row, err := range l.Store.List(ctx, kindContent, partition, "") {
			if err != nil {
				yield(Content{}, fmt.Errorf("list contents: %w", err))
				return
			}
			if !yield(contentOf(row), nil) {
				return
			}
		}
	}
}
