package collect

import "context"

// A Sink is a destination for records. It alone knows its limits, so it decides
// when a batch is full, and it splits what turns out too large: split, never drop.
type Sink interface {
	// Name is the setting's value that chooses this sink, such as "alertlogic".
	Name() string
	// Acknowledgement says what [Delivered] is worth here: "accepted" (the
	// destination answered 2xx), "flushed" (on the disk), "sent" (nothing).
	Acknowledgement() string
	// NewBatch returns an empty batch. It is used by one goroutine at a time.
	NewBatch() Batch
}

// A Batch holds records of one content on their way to a [Sink].
type Batch interface {
	// Add copies the record in and reports whether it did; false means that the
	// batch is full and must be sent and reset first. An empty batch takes any record.
	Add(Record) bool
	// Len is the number of records added since the last Reset.
	Len() int
	// Send tries to settle every record that is still [Open]. The error, if any,
	// says why some are still open; calling Send again goes on with just those,
	// so that what was acknowledged is never sent twice. It does not retry and
	// does not wait. A *Fault that judges the payload is never returned: the
	// batch is bisected until the culprit stands alone, and that one is [Refused].
	Send(context.Context) error
	// Outcome is what became of the i-th record added.
	Outcome(i int) Outcome
	// Raw is the i-th record's JSON, verbatim, valid until Reset.
	Raw(i int) []byte
	// Reset empties the batch for the next records, keeping its memory.
	Reset()
}

// An Outcome is what became of one record in a [Batch].
type Outcome struct {
	State OutcomeState
	// Reason says why a record was refused, for people: "400: invalid timestamp".
	Reason string
}

// OutcomeState enumerates what can become of a record in a [Batch].
type OutcomeState uint8

const (
	// Open records have no outcome yet: nobody acknowledged or refused them.
	Open OutcomeState = iota
	// Delivered records are acknowledged by the destination.
	Delivered
	// Refused records will never be taken by the destination: they become dead letters.
	Refused
)
