package collect

import (
	"context"
	"errors"
	"iter"
	"time"
)

// Errors of a [Store]. Any other error means that the outcome is not known, or
// that nothing happened; both are temporary.
var (
	// ErrNotFound: there is no such row or payload.
	ErrNotFound = errors.New("not found")
	// ErrExists: the row to insert is there already.
	ErrExists = errors.New("exists already")
	// ErrChanged: the row is not at the version that the caller read, or is gone.
	ErrChanged = errors.New("changed by somebody else")
	// ErrLimit: the row, batch or key is larger than Table Storage takes. It is a
	// bug of the caller, and every implementation refuses it alike.
	ErrLimit = errors.New("over the limit of the store")
)

// A Store keeps small documents ("rows") and larger payloads. Writes are durable
// once they return, and every write of a row is a compare-and-swap: whoever
// replaces a row has read it.
//
// Two implementations are judged by one suite: Table Storage with blobs, and
// the embedded store. Limits are those of real Table Storage for both.
type Store interface {
	// Get reads one row. ErrNotFound.
	Get(ctx context.Context, key Key) (Row, error)
	// Insert writes a row that must not exist and returns its version. ErrExists.
	Insert(ctx context.Context, row Row) (version string, err error)
	// Replace writes all fields of a row that must still be at row.Version, and
	// returns its new version. ErrChanged, also if the row is gone.
	Replace(ctx context.Context, row Row) (version string, err error)
	// Delete removes a row that must still be at the version; with version "" it
	// removes whatever is there. A row that is gone is no error. ErrChanged.
	Delete(ctx context.Context, key Key, version string) error
	// List yields the rows of a partition in row order (by byte), beginning with
	// the first one not less than from. A partition never written to is empty.
	List(ctx context.Context, kind, partition, from string) iter.Seq2[Row, error]
	// Partitions yields the names of a kind's partitions that hold rows, in order
	// (by byte), beginning with the first one not less than from.
	Partitions(ctx context.Context, kind, from string) iter.Seq2[string, error]
	// Batch applies up to 100 writes in one partition of one kind, all or none.
	// Errors are those of the single writes; ErrLimit for more than 100 writes,
	// more than 3.5 MB, two partitions, or one row twice.
	Batch(ctx context.Context, writes []Write) error
	// BatchThen applies a batch, which may be empty, and once it is durable each of
	// the writes of then by itself, in no order and of any kind and partition. A store
	// with transactions makes all of it durable at once. The error is the batch's, and
	// means that nothing of then was tried; else there is an outcome for each.
	BatchThen(ctx context.Context, batch, then []Write) ([]Written, error)

	// PutPayload writes a payload, replacing one of that name: names are made
	// from the content, so that a repeated put writes the same bytes.
	PutPayload(ctx context.Context, name string, body []byte) error
	// Payload reads a payload. ErrNotFound.
	Payload(ctx context.Context, name string) ([]byte, error)
	// DeletePayload removes a payload. One that is gone is no error.
	DeletePayload(ctx context.Context, name string) error

	// Wake lets a worker look at a content's row at a time, wherever workers wait
	// for messages. It is a hint that may be lost, doubled or late: the due row is
	// the truth.
	Wake(ctx context.Context, content Key, at time.Time) error

	// Close lets go of files and connections.
	Close() error
}

// A Key names a row. All parts are made with [EscapeKey].
type Key struct {
	// Kind is the table's name: letters and digits only.
	Kind, Partition, Row string
}

// A Row is a small document: at most 1 MiB, 250 fields and 64 KiB a field
// (a string 32,768 UTF-16 units).
type Row struct {
	Key
	// Version is opaque; it is set by Get, List, Insert and Replace.
	Version string
	Fields  Fields
}

// Fields are a row's values: string, int64, bool, time.Time (UTC, 100 ns) or
// []byte. Names are letters and digits and begin with a letter; the names
// PartitionKey, RowKey, Timestamp, Nonce and those with a leading "odata" are taken.
type Fields map[string]any

// A Write is one part of a batch.
type Write struct {
	Op  Op
	Row Row // for OpDelete the key and, unless anything may be deleted, the version
}

// Written is what became of a [Write]: as of the single call of its name.
type Written struct {
	Version string
	Err     error
}

// Op says what a [Write] does.
type Op uint8

// The writes of a batch; each follows the rules of the single call of its name.
const (
	OpInsert Op = iota
	OpReplace
	OpDelete
)
