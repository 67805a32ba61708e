package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// ErrRefused says that the destination refused a dead letter once more.
var ErrRefused = errors.New("refused again")

// ErrDamaged says that a dead letter holds no record to deliver, whoever tries.
var ErrDamaged = errors.New("its payload holds no record; look at it, then drop it")

// ErrBusy says that somebody else replays a dead letter at this moment.
var ErrBusy = errors.New("somebody else replays it")

// replayHold is how long a letter is left to who replays it, and rests if that
// fails otherwise than by a refusal.
const replayHold = 10 * time.Minute

// Replay delivers a dead letter like any other record and, once it is
// acknowledged or found to be delivered already, forgets it. If we crash in
// between, the next replay finds a duplicate.
func (d *Delivery) Replay(ctx context.Context, letter DeadLetter) error {
	err := d.hold(ctx, &letter)
	var tally Tally
	if err == nil {
		tally, err = d.replay(ctx, letter)
	}
	if err == nil && tally.Delivered+tally.Duplicate == 0 {
		err = ErrRefused
	}
	if errors.Is(err, ErrRefused) || errors.Is(err, ErrDamaged) {
		if failed := d.rest(ctx, letter); failed != nil {
			err = failed
		}
	}
	if err != nil {
		return fmt.Errorf("replay dead letter %s: %w", letter.Name, err)
	}
	if err := letter.strike(ctx, d.Store); err != nil {
		return err
	}
	return errors.Join(d.risen(ctx, letter, tally), letter.burn(ctx, d.Store))
}

// hold keeps other processes from the letter: both would deliver it, and count it.
func (d *Delivery) hold(ctx context.Context, letter *DeadLetter) (err error) {
	letter.Next = time.Now().UTC().Add(replayHold)
	letter.row.Fields = letter.fields()
	letter.row.Version, err = d.Store.Replace(ctx, letter.row)
	if errors.Is(err, ErrChanged) {
		return ErrBusy
	}
	return err
}

func (d *Delivery) replay(ctx context.Context, letter DeadLetter) (Tally, error) {
	content, err := d.origin(ctx, letter)
	if err != nil {
		return Tally{}, err
	}
	raw, err := d.Store.Payload(ctx, letter.Payload)
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrLimit), err == nil && !json.Valid(raw):
		return Tally{}, ErrDamaged
	case err != nil:
		return Tally{}, err
	}
	array := io.MultiReader(strings.NewReader("["), bytes.NewReader(raw), strings.NewReader("]"))
	return d.Deliver(ctx, content, func(yield func(Record, error) bool) {
		for record, err := range SplitRecords(array, content.Created, false) {
			record.Ordinal = int(letter.Ordinal)
			if !yield(record, err) {
				return
			}
		}
	})
}

// origin is the content that the letter came with; one that was swept is made up
// of what the letter says, so that it has the same name: should the record be
// refused again, it is kept as this letter and not as another one.
func (d *Delivery) origin(ctx context.Context, letter DeadLetter) (Content, error) {
	row, err := d.Store.Get(ctx, letter.Content)
	if err == nil {
		if c := contentOf(row); c.Key() == letter.Content {
			return c, nil
		}
	}
	if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrLimit) {
		return Content{}, err
	}
	day := letter.Content.Partition
	c := Content{Tenant: letter.Tenant, Type: letter.ContentType, ID: letter.ContentID}
	c.Created, _ = time.Parse("20060102", day[strings.LastIndexByte(day, '|')+1:])
	if c.Key() != letter.Content {
		return Content{}, fmt.Errorf("%w: its row names no content", ErrDamaged)
	}
	return c, nil
}

// rest puts the next replay off.
func (d *Delivery) rest(ctx context.Context, letter DeadLetter) error {
	pause := replayMost
	if letter.Replays < 4 { // 3 h, 9 h, 27 h, 81 h
		pause = replayFirst
		for range letter.Replays + 1 {
			pause *= 3
		}
	}
	letter.Replays++
	letter.Next = time.Now().UTC().Add(min(pause, replayMost))
	letter.row.Fields = letter.fields()
	_, err := d.Store.Replace(ctx, letter.row)
	if errors.Is(err, ErrChanged) {
		return nil // somebody else tried it as well
	}
	return err
}

// risen corrects what the content's row counts. If we crash before, the row
// counts one dead letter too many.
func (d *Delivery) risen(ctx context.Context, letter DeadLetter, tally Tally) error {
	for {
		row, err := d.Store.Get(ctx, letter.Content)
		if errors.Is(err, ErrNotFound) {
			return nil // swept
		}
		if err != nil {
			return fmt.Errorf("count a replayed dead letter: %w", err)
		}
		c := contentOf(row)
		if c.Key() != letter.Content || c.Tally.Dead == 0 || c.State == Pending {
			return nil // its next attempt counts
		}
		c.Tally.Dead--
		c.Delivered += tally.Delivered
		c.Duplicate += tally.Duplicate
		if c.State == Dead { // what expired half way stays expired
			c.State, c.Acknowledged = Done, d.acknowledgement()
		}
		row.Fields = c.fields()
		if _, err = d.Store.Replace(ctx, row); errors.Is(err, ErrChanged) {
			continue
		}
		if err != nil {
			return fmt.Errorf("count a replayed dead letter: %w", err)
		}
		return nil
	}
}

// ReplayDue tries a tenant's dead letters again whose time has come, until the
// destination or the store fails, or ctx ends: the rest stays due. A damaged letter
// costs itself only.
func (d *Delivery) ReplayDue(ctx context.Context, tenant string) (tried, delivered int, err error) {
	now := time.Now()
	var damaged error
	for letter, err := range DeadLetters(ctx, d.Store, tenant) {
		if ctx.Err() != nil {
			return tried, delivered, damaged
		}
		if err != nil {
			return tried, delivered, errors.Join(damaged, err)
		}
		if !letter.Replayable || letter.Next.After(now) {
			continue
		}
		tried++
		switch err := d.Replay(ctx, letter); {
		case err == nil:
			delivered++
		case errors.Is(err, ErrDamaged):
			damaged = errors.Join(damaged, err)
		case ctx.Err() != nil:
			return tried, delivered, damaged
		case !errors.Is(err, ErrRefused) && !errors.Is(err, ErrBusy):
			return tried, delivered, errors.Join(damaged, err)
		}
	}
	return tried, delivered, damaged
}
