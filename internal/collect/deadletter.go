package collect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"
)

// kindDeadLetter is the index of records that no destination will take.
const kindDeadLetter = "deadletter"

// replayFirst is how long a refused record rests before it is tried again; the
// pauses grow threefold, up to replayMost.
const (
	replayFirst = time.Hour
	replayMost  = 7 * 24 * time.Hour
)

// A DeadLetter is a record kept whole, with the reason. Its name is made of its
// content, its place and its bytes, so that another attempt keeps it once.
type DeadLetter struct {
	Name                           string // short, for people and commands
	Tenant, ContentType, ContentID string
	Content                        Key `json:"-"`
	Ordinal                        int64
	RecordID                       string
	Reason                         string
	Payload                        string // the name of the payload that holds the record
	Bytes                          int64
	Kept                           time.Time
	// Replayable: a destination refused it, and may take it another day. What is
	// no record at all is not.
	Replayable bool
	Replays    int64     // how often that was tried
	Next       time.Time // when it is tried again

	row Row
}

// bury keeps one record: first its bytes, then the row that names them. If we
// crash between the two, the next attempt writes the same payload again.
func bury(ctx context.Context, store Store, c Content, ordinal int, raw []byte, reason string, replayable bool) error {
	sum := sha256.Sum256(raw)
	place := []string{strconv.Itoa(ordinal), hex.EncodeToString(sum[:16])}
	key := c.Key()
	now := time.Now().UTC()
	letter := DeadLetter{
		Tenant: c.Tenant, ContentType: c.Type, ContentID: c.ID, Content: key,
		Ordinal: int64(ordinal), RecordID: Brief(idOf(raw)), Reason: Brief(reason), Bytes: int64(len(raw)), Kept: now,
		Payload:    EscapeKey(append([]string{kindDeadLetter, key.Partition, key.Row}, place...)...),
		Replayable: replayable, Next: now.Add(replayFirst),
	}
	if err := store.PutPayload(ctx, letter.Payload, raw); err != nil {
		return fmt.Errorf("keep dead letter: %w", err)
	}
	row := Row{
		Key:    Key{kindDeadLetter, EscapeKey(c.Tenant), EscapeKey(append([]string{key.Partition, key.Row}, place...)...)},
		Fields: letter.fields(),
	}
	if _, err := store.Insert(ctx, row); err != nil && !errors.Is(err, ErrExists) {
		return fmt.Errorf("keep dead letter: %w", err)
	}
	return nil
}

func (d DeadLetter) fields() Fields {
	return Fields{
		"Tenant": d.Tenant, "ContentType": d.ContentType, "ContentID": d.ContentID,
		"ContentPartition": d.Content.Partition, "ContentRow": d.Content.Row,
		"Ordinal": d.Ordinal, "RecordID": d.RecordID, "Reason": d.Reason,
		"Payload": d.Payload, "Bytes": d.Bytes, "Kept": d.Kept,
		"Replayable": d.Replayable, "Replays": d.Replays, "Next": d.Next,
	}
}

// DeadLetters yields a tenant's dead letters, those of the oldest contents first.
func DeadLetters(ctx context.Context, store Store, tenant string) iter.Seq2[DeadLetter, error] {
	return func(yield func(DeadLetter, error) bool) {
		for row, err := range store.List(ctx, kindDeadLetter, EscapeKey(tenant), "") {
			if err != nil {
				yield(DeadLetter{}, fmt.Errorf("list dead letters: %w", err))
				return
			}
			if !yield(deadLetterOf(row), nil) {
				return
			}
		}
	}
}

func deadLetterOf(row Row) DeadLetter {
	str := func(name string) string { v, _ := row.Fields[name].(string); return v }
	num := func(name string) int64 { v, _ := row.Fields[name].(int64); return v }
	name := sha256.Sum256([]byte(row.Row))
	d := DeadLetter{
		Name: hex.EncodeToString(name[:6]), row: row,
		Tenant: str("Tenant"), ContentType: str("ContentType"), ContentID: str("ContentID"),
		Content: Key{kindContent, str("ContentPartition"), str("ContentRow")},
		Ordinal: num("Ordinal"), RecordID: str("RecordID"), Reason: str("Reason"),
		Payload: str("Payload"), Bytes: num("Bytes"), Replays: num("Replays"),
	}
	d.Kept, _ = row.Fields["Kept"].(time.Time)
	d.Next, _ = row.Fields["Next"].(time.Time)
	d.Replayable, _ = row.Fields["Replayable"].(bool)
	return d
}

// Drop forgets a dead letter, for good. First the row: if we crash then, nothing
// names the payload any more.
func (d DeadLetter) Drop(ctx context.Context, store Store) error {
	if err := d.strike(ctx, store); err != nil {
		return err
	}
	return d.burn(ctx, store)
}

// strike takes the letter off the list.
func (d DeadLetter) strike(ctx context.Context, store Store) error {
	if err := store.Delete(ctx, d.row.Key, d.row.Version); err != nil {
		return fmt.Errorf("drop dead letter: %w", err)
	}
	return nil
}

// burn deletes the record that no row names any more.
func (d DeadLetter) burn(ctx context.Context, store Store) error {
	if err := store.DeletePayload(ctx, d.Payload); err != nil {
		return fmt.Errorf("drop dead letter: %w", err)
	}
	return nil
}
