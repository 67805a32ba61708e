package collect

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// reopenAfter is how long a listed content that is expired or dead rests.
const reopenAfter = time.Hour

// Offered says what the ledger made of an offer.
type Offered struct {
	// Fresh: there is something to collect now.
	Fresh bool
	// Agreed: a notification had told of the content under the same id.
	Agreed bool
}

// Offer records a content that the source's own list offers. What the list says
// are facts: they overwrite what a notification said, and reopen the content
// unless it is delivered.
func (l *Ledger) Offer(ctx context.Context, listed Content) (Offered, error) {
	ctx, done := context.WithTimeout(ctx, orphanAge/2)
	defer done()
	for { // again when somebody else changed the row between our reading and writing it
		listed.State, listed.Listed, listed.Due = Pending, true, stamp(time.Now())
		listed.Found = listed.Due
		o, err := l.offer(ctx, listed)
		if !Overtaken(err) {
			return o, err
		}
	}
}

// reopens reports whether the list's word makes work of what came to nothing,
// whatever we made of an answer or of our clock. What the list keeps offering is
// tried once an hour at the most, however often it is listed.
func reopens(c Content) bool {
	switch c.State {
	case Done:
		return false
	case Pending:
		return c.rests(time.Now())
	}
	return !c.Listed || time.Since(c.Finished) >= reopenAfter
}

// rests reports whether a pending content waits for nothing that lasts once the list
// offers it: it was not known to the source, or somebody made it due in a thousand years.
func (c Content) rests(now time.Time) bool {
	return !c.leased(now) && c.Due.After(now) && (c.Unknown || c.restsTooLong(now))
}

func (l *Ledger) offer(ctx context.Context, listed Content) (Offered, error) {
	row, err := l.Store.Get(ctx, listed.Key())
	if errors.Is(err, ErrNotFound) {
		return Offered{Fresh: true}, l.open(ctx, listed, func(c Content) Write {
			return Write{OpInsert, Row{Key: c.Key(), Fields: c.fields()}}
		})
	}
	if err != nil {
		return Offered{}, fmt.Errorf("read ledger: %w", err)
	}
	c := contentOf(row)
	if c.Key() != listed.Key() { // nothing in it is to be believed, and it must not hold up the list
		l.odd(OddRow, listed)
		return Offered{Fresh: true}, l.open(ctx, listed, func(c Content) Write {
			return Write{OpReplace, Row{Key: row.Key, Version: row.Version, Fields: c.fields()}}
		})
	}
	o := Offered{Agreed: !c.Listed}
	before, again := c, reopens(c)
	if unfinished(row, c) {
		l.odd(OddState, c)
	}
	if again && c.restsTooLong(time.Now()) {
		l.odd(OddDue, c)
	}
	if !again {
		if err := l.heal(ctx, c); err != nil {
			return o, err
		}
	}
	if c.Listed && !again && (c.URI == listed.URI && c.Expires.Equal(listed.Expires) || c.State == Done) {
		return o, nil
	}
	c.Tenant, c.Type, c.ID = listed.Tenant, listed.Type, listed.ID
	c.URI, c.Created, c.Expires, c.Listed = listed.URI, listed.Created, listed.Expires, true
	if again {
		o.Fresh = true
		c.State, c.Due, c.Found, c.Finished = Pending, listed.Due, listed.Found, time.Time{}
		c.Unknown, c.Owner, c.LeaseUntil = false, "", time.Time{}
		err := l.open(ctx, c, func(c Content) Write {
			return Write{OpReplace, Row{Key: row.Key, Version: row.Version, Fields: c.fields()}}
		})
		if err == nil && before.State == Pending { // if we crash here, it leads to what is finished, and is settled
			l.dropDue(ctx, []Content{before})
		}
		return o, err
	}
	row.Fields = c.fields()
	if _, err := l.Store.Replace(ctx, row); err != nil {
		return Offered{}, fmt.Errorf("record listed content: %w", err)
	}
	return o, nil
}

// heal gives a pending content its due row back. Only a table that lost rows, or a
// process that slept between its two writes, leaves one without; nobody would ever
// look at it again.
func (l *Ledger) heal(ctx context.Context, c Content) error {
	now := time.Now()
	if c.State != Pending || now.Sub(c.Due) < orphanAge || c.leased(now) {
		return nil
	}
	_, err := l.Store.Insert(ctx, dueOf(c))
	switch {
	case errors.Is(err, ErrExists): // as it should be
		return nil
	case err != nil:
		return fmt.Errorf("record due content: %w", err)
	}
	l.wake(ctx, c.Key(), now)
	return nil
}

// open writes a content's due row, then the content row that names it.
func (l *Ledger) open(ctx context.Context, c Content, write func(Content) Write) error {
	one := []Content{c}
	written, err := l.enter(ctx, one, write)
	if err != nil {
		return fmt.Errorf("record due content: %w", err)
	}
	if Overtaken(written[0].Err) {
		l.dropDue(ctx, one)
	}
	if err := written[0].Err; err != nil {
		return fmt.Errorf("record listed content: %w", err)
	}
	l.wake(ctx, c.Key(), one[0].Due)
	return nil
}
