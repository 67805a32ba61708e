package collect

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// kindDue says what is to be done next, so that nobody scans the ledger for it.
const kindDue = "due"

// dueLayout sorts by time as text.
const dueLayout = "20060102T150405.000"

// A Due is one row of the "due" table: when somebody is to look at a content.
type Due struct {
	At      time.Time
	Content Key
	// Created is when its content was created, zero if the row does not say.
	Created time.Time
	// Found is when its content was found, zero if the row does not say.
	Found time.Time
	// Theirs says that its content waits for the source and not for us.
	Theirs bool
	// Unknown says that its content was only announced, and that the source has none such.
	Unknown bool
	row     Key
}

// dueOf is the due row of a content at its Due time.
func dueOf(c Content) Row {
	key := c.Key()
	return Row{
		Key: Key{
			Kind:      kindDue,
			Partition: EscapeKey(c.Tenant),
			Row:       EscapeKey(c.Due.UTC().Format(dueLayout), key.Partition, key.Row),
		},
		Fields: Fields{
			"ContentPartition": key.Partition, "ContentRow": key.Row,
			"Created": c.Created, "Found": c.Found, "Theirs": c.Theirs, "Unknown": c.Unknown,
		},
	}
}

// Due yields a tenant's due rows up to a time, the most overdue first.
func (l *Ledger) Due(ctx context.Context, tenant string, until time.Time) iter.Seq2[Due, error] {
	return l.dueBetween(ctx, tenant, "", until)
}

// dueBetween begins with the first row whose name is not less than from.
func (l *Ledger) dueBetween(ctx context.Context, tenant, from string, until time.Time) iter.Seq2[Due, error] {
	return func(yield func(Due, error) bool) {
		for row, err := range l.Store.List(ctx, kindDue, EscapeKey(tenant), from) {
			if err != nil {
				yield(Due{}, fmt.Errorf("list due contents: %w", err))
				return
			}
			d := Due{row: row.Key, Content: Key{Kind: kindContent}}
			// The name decides, for it is what the rows are sorted by: a name that
			// states no time is due at once, and settled if it leads nowhere.
			d.At, _ = time.Parse(dueLayout, row.Row[:min(len(row.Row), len(dueLayout))])
			d.Content.Partition, _ = row.Fields["ContentPartition"].(string)
			d.Content.Row, _ = row.Fields["ContentRow"].(string)
			d.Created, _ = row.Fields["Created"].(time.Time)
			d.Found, _ = row.Fields["Found"].(time.Time)
			d.Theirs, _ = row.Fields["Theirs"].(bool)
			d.Unknown, _ = row.Fields["Unknown"].(bool)
			if d.At.After(until) || !yield(d, nil) {
				return
			}
		}
	}
}
