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

// A DeadLetter is a record kept whole, with the reason. Its name is made of its
// content, its place and its bytes, so that another attempt keeps it once.
type DeadLetter struct {
	Tenant, ContentType, ContentID string
	Content                        Key
	Ordinal                        int64
	RecordID                       string
	Reason                         string
	Payload                        string // the name of the payload that holds the record
	Bytes                          int64
	Kept                           time.Time
}

// bury keeps one record: first its bytes, then the row that names them. If we
// crash between the two, the next attempt writes the same payload again.
func bury(ctx context.Context, store Store, c Content, ordinal int, id string, raw []byte, reason string) error {
	sum := sha256.Sum256(raw)
	place := []string{strconv.Itoa(ordinal), hex.EncodeToString(sum[:16])}
	key := c.Key()
	letter := DeadLetter{
		Tenant: c.Tenant, ContentType: c.Type, ContentID: c.ID, Content: key,
		Ordinal: int64(ordinal), RecordID: brief(id), Reason: brief(reason), Bytes: int64(len(raw)), Kept: time.Now().UTC(),
		Payload: EscapeKey(append([]string{kindDeadLetter, key.Partition, key.Row}, place...)...),
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
	d := DeadLetter{
		Tenant: str("Tenant"), ContentType: str("ContentType"), ContentID: str("ContentID"),
		Content:  Key{kindContent, str("ContentPartition"), str("ContentRow")},
		RecordID: str("RecordID"), Reason: str("Reason"), Payload: str("Payload"),
	}
	d.Ordinal, _ = row.Fields["Ordinal"].(int64)
	d.Bytes, _ = row.Fields["Bytes"].(int64)
	d.Kept, _ = row.Fields["Kept"].(time.Time)
	return d
}
