package collect

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

const (
	// LeaseTime is how long a content belongs to a process that does not renew
	// its lease: how long a killed process delays what it had in hand.
	LeaseTime = 60 * time.Second
	// orphanAge is how overdue a due row must be before it counts as left over.
	// Whoever writes a due row writes its content row in half that time, or gives up.
	orphanAge = 10 * time.Minute
	// rowsAtOnce bounds how many single rows are written at the same time.
	rowsAtOnce = 8
	// batchRows is the most that one batch takes.
	batchRows = 100
)

// A Ledger is the record of every content ever announced, and of what is to be
// done next. A due row is written before the content row that names it and is
// deleted after that one is finished; so a crash anywhere leaves a due row, and
// a due row that is left over is settled by reading its content row. Every due
// row has one writer, who alone counts on it.
type Ledger struct {
	Store Store
	// Owner names this process, another name at every start.
	Owner string
	// Sole says that the store belongs to this process alone, so that a lease of
	// another owner is a dead one's.
	Sole bool
	// Odd is told of what no ledger writes; nil: nobody is.
	Odd func(what string, about Content)
	// Unwoken is told why no worker elsewhere could be told of a content; nil: nobody is.
	Unwoken func(error)

	leftovers leftovers
}

// stamp is a time as both stores give it back: UTC, in whole milliseconds.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// Announce records contents that a notification told of, already leased to us,
// and returns a claim on each that the ledger lacked. Once it returns without an
// error, everything is durable. With an error the claims are still good.
func (l *Ledger) Announce(ctx context.Context, contents []Content) ([]*Claim, error) {
	ctx, done := context.WithTimeout(ctx, orphanAge/2)
	defer done()
	for i := range contents {
		c := &contents[i]
		c.State, c.Owner = Pending, l.Owner
		c.Found = stamp(time.Now())
		c.LeaseUntil = c.Found.Add(LeaseTime)
		c.Due = c.LeaseUntil
	}
	claims, known, err := l.insert(ctx, contents)
	if err != nil {
		return claims, fmt.Errorf("record contents: %w", err)
	}
	// The known ones have due rows of their own. If we crash here, the new ones
	// are left over and settled.
	l.dropDue(ctx, known)
	_ = each(claims, func(c *Claim) error { // should we die, others look when the lease has ended
		content := c.Content()
		l.wake(ctx, content.Key(), content.Due)
		return nil
	})
	return claims, nil
}

// wake tells a worker elsewhere of a content. If that fails, the content is
// overdue one day, and then somebody is told again: see [Ledger.Requeue].
func (l *Ledger) wake(ctx context.Context, content Key, at time.Time) {
	if !l.Sole { // our own workers look at the due rows
		if err := l.Store.Wake(ctx, content, at); err != nil && l.Unwoken != nil && ctx.Err() == nil {
			l.Unwoken(err)
		}
	}
}

// insert writes due rows, in batches per tenant, and the content rows that name them;
// known are those that were there. With an error the claims are still good.
func (l *Ledger) insert(ctx context.Context, contents []Content) (claims []*Claim, known []Content, err error) {
	tenants := map[string][]Content{}
	for _, c := range contents {
		tenants[c.Tenant] = append(tenants[c.Tenant], c)
	}
	for _, all := range tenants {
		for batch := range slices.Chunk(all, batchRows) {
			written, failed := l.enter(ctx, batch, func(c Content) Write {
				return Write{OpInsert, Row{Key: c.Key(), Fields: c.fields()}}
			})
			err = errors.Join(err, failed)
			for i, w := range written {
				switch {
				case w.Err == nil:
					claims = append(claims, &Claim{ledger: l, content: batch[i], version: w.Version})
				case errors.Is(w.Err, ErrExists):
					known = append(known, batch[i])
				default:
					err = errors.Join(err, w.Err)
				}
			}
		}
	}
	return claims, known, err
}

// enter writes due rows of one tenant and then the content rows that name them, and
// leaves their time in Due. Somebody else may have recorded one of them in the same
// millisecond: then the due rows are written singly.
func (l *Ledger) enter(ctx context.Context, batch []Content, write func(Content) Write) ([]Written, error) {
	rows := func() (due, contents []Write) {
		for _, c := range batch {
			due = append(due, Write{OpInsert, dueOf(c)})
			contents = append(contents, write(c))
		}
		return due, contents
	}
	due, contents := rows()
	written, err := l.Store.BatchThen(ctx, due, contents)
	if !errors.Is(err, ErrExists) {
		return written, err
	}
	for i := range batch {
		if err := l.insertDue(ctx, &batch[i]); err != nil {
			return nil, err
		}
	}
	_, contents = rows() // their Due has changed
	return l.Store.BatchThen(ctx, nil, contents)
}

// insertDue writes a content's due row and leaves its time in Due. A due row is
// deleted by who wrote it, so no two contents' writers may count on one: where
// somebody else's stands, ours stands a millisecond later.
func (l *Ledger) insertDue(ctx context.Context, c *Content) error {
	for {
		_, err := l.Store.Insert(ctx, dueOf(*c))
		if !errors.Is(err, ErrExists) {
			return err
		}
		c.Due = c.Due.Add(time.Millisecond)
	}
}

// dropDue deletes due rows that we wrote and no content row names. What cannot
// be deleted now is settled when it is old.
func (l *Ledger) dropDue(ctx context.Context, contents []Content) {
	for _, c := range contents {
		_ = l.Store.Delete(ctx, dueOf(c).Key, "")
	}
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

// Known yields the contents of one type that were created on a day (UTC) and that
// the source's list offered before, by id.
func (l *Ledger) Known(ctx context.Context, tenant, contentType string, day time.Time) iter.Seq2[Content, error] {
	return func(yield func(Content, error) bool) {
		partition := Content{Tenant: tenant, Created: day}.Key().Partition
		for row, err := range l.Store.List(ctx, kindContent, partition, EscapeKey(contentType, "")) {
			if err != nil {
				yield(Content{}, fmt.Errorf("list contents: %w", err))
				return
			}
			c := contentOf(row)
			if c.Type > contentType {
				return
			}
			if c.Type == contentType && c.Listed && !yield(c, nil) {
				return
			}
		}
	}
}
