package collect

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrLost says that a content belongs to another process now.
var ErrLost = errors.New("lease went to another process")

// A Claim is our lease on a content. Every change of its row goes through it.
type Claim struct {
	ledger *Ledger

	mu      sync.Mutex // renewing and finishing meet here
	content Content
	version string
}

// Content is the row as we wrote or read it last.
func (c *Claim) Content() Content {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.content
}

// Take claims what a due row brings back, or settles the row if it is left over.
// Without a claim and an error there is nothing to do: the content is finished,
// or in another process's hands.
func (l *Ledger) Take(ctx context.Context, due Due) (*Claim, error) {
	row, err := l.Store.Get(ctx, due.Content)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, l.settleOld(ctx, due)
	case errors.Is(err, ErrLimit): // no row has such a key
		return nil, l.settle(ctx, due)
	case err != nil:
		return nil, fmt.Errorf("read due content: %w", err)
	}
	c := contentOf(row)
	if unfinished(row, c) {
		l.odd(OddState, c)
	}
	switch {
	case c.Key() != due.Content:
		l.odd(OddRow, c)
		return nil, errors.Join(fmt.Errorf("row %s in table %s names another content: left alone", row.Row, kindContent), l.settle(ctx, due))
	case l.held(c, time.Now()):
		return nil, nil
	case c.State != Pending, c.Due.After(due.At): // finished, or resting until its own due row's time
		return nil, l.settleOld(ctx, due)
	}
	if c.leasedTooLong(time.Now()) {
		l.odd(OddLease, c)
	}
	claim := &Claim{ledger: l, content: c, version: row.Version}
	if err := claim.Renew(ctx); errors.Is(err, ErrLost) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return claim, nil
}

// held reports whether a living process other than the asker works on c.
func (l *Ledger) held(c Content, now time.Time) bool {
	return c.Owner != l.Owner && !l.Sole && c.leased(now)
}

// settleOld deletes a due row that no content row names. While it is young its
// writer may still be between the two rows, and it is left alone.
func (l *Ledger) settleOld(ctx context.Context, due Due) error {
	if time.Since(due.At) <= orphanAge {
		return nil
	}
	return l.settle(ctx, due)
}

// settle deletes a due row, if it was one that led here and not a message.
func (l *Ledger) settle(ctx context.Context, due Due) error {
	if due.row == (Key{}) {
		return nil
	}
	if err := l.Store.Delete(ctx, due.row, ""); err != nil {
		return fmt.Errorf("delete settled due row: %w", err)
	}
	return nil
}

// Renew keeps the content ours for another lease time.
func (c *Claim) Renew(ctx context.Context) error {
	return c.update(ctx, func(row *Content) {
		row.Owner, row.LeaseUntil = c.ledger.Owner, stamp(time.Now().Add(LeaseTime))
	})
}

// stale says that the lease may end before a renewal gets through.
func (c *Claim) stale() bool {
	return time.Until(c.Content().LeaseUntil) < LeaseTime/2
}

// Finish writes the content's end and deletes its due row, or leaves that to
// [Ledger.tidy]. If we crash between the two, the due row is settled later.
func (c *Claim) Finish(ctx context.Context, change func(*Content)) error {
	return c.finish(ctx, nil, change)
}

// finish also writes rows of identities, in the transaction of a store that has such, and
// says of each whether it was written.
func (c *Claim) finish(ctx context.Context, ids []*draft, change func(*Content)) error {
	var left error
	err := c.rewrite(ctx, func(row *Content) {
		change(row)
		row.Owner, row.LeaseUntil, row.Theirs, row.Unknown, row.Finished = "", time.Time{}, false, false, time.Now().UTC()
	}, func(end Content, row Row) (string, error) {
		due, later := dueOf(end).Key, c.ledger.leftovers.wanted()
		var then []Write
		for _, d := range ids {
			then = append(then, Write{OpInsert, d.row})
		}
		if !later {
			then = append(then, Write{OpDelete, Row{Key: due}})
		}
		written, err := c.ledger.Store.BatchThen(ctx, []Write{{OpReplace, row}}, then)
		if err != nil {
			return "", err
		}
		for i, d := range ids {
			if written[i].Err == nil {
				d.written()
			}
		}
		if later {
			c.ledger.leftovers.add(due)
		} else {
			left = written[len(ids)].Err
		}
		return "", nil // nobody writes through this claim again
	})
	if err != nil {
		return err
	}
	if left != nil {
		return fmt.Errorf("delete due row: %w", left)
	}
	return nil
}

// Postpone gives the content back, due again after a delay. The new due row is
// written first and the old one deleted last, so that a crash leaves at least one.
func (c *Claim) Postpone(ctx context.Context, delay time.Duration, change func(*Content)) error {
	before := c.Content()
	after := before
	change(&after) // the due row says some of it too
	after.Due = stamp(time.Now().Add(delay))
	if err := c.ledger.insertDue(ctx, &after); err != nil {
		return fmt.Errorf("record when the content is due: %w", err)
	}
	err := c.update(ctx, func(row *Content) {
		change(row)
		row.Owner, row.LeaseUntil, row.Due = "", time.Time{}, after.Due
	})
	if err != nil {
		return err
	}
	c.ledger.wake(ctx, before.Key(), after.Due)
	if err := c.ledger.Store.Delete(ctx, dueOf(before).Key, ""); err != nil {
		return fmt.Errorf("delete old due row: %w", err)
	}
	return nil
}

func (c *Claim) update(ctx context.Context, change func(*Content)) error {
	return c.rewrite(ctx, change, func(_ Content, row Row) (string, error) { return c.ledger.Store.Replace(ctx, row) })
}

// rewrite changes the row. If it was changed meanwhile but is still ours (the
// source's list brought better facts, or our last write arrived though it seemed
// to fail), the change is made to the new row.
func (c *Claim) rewrite(ctx context.Context, change func(*Content), write func(Content, Row) (version string, err error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		next := c.content
		change(&next)
		version, err := write(next, Row{Key: c.content.Key(), Version: c.version, Fields: next.fields()})
		if err == nil {
			c.content, c.version = next, version
			return nil
		}
		if !errors.Is(err, ErrChanged) {
			return fmt.Errorf("write ledger: %w", err)
		}
		row, err := c.ledger.Store.Get(ctx, c.content.Key())
		if err != nil && !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("read ledger: %w", err)
		}
		now := contentOf(row)
		if err != nil || now.State != Pending || now.Owner != c.ledger.Owner {
			return ErrLost
		}
		c.content.URI, c.content.Created, c.content.Expires, c.content.Listed = now.URI, now.Created, now.Expires, now.Listed
		c.version = row.Version
	}
}
