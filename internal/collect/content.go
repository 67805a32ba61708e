package collect

import "time"

// A Content is one parcel of records at the source, and its row in the ledger.
type Content struct {
	Tenant string // GUID, lower case
	Type   string // such as "Audit.Exchange"
	ID     string // the source's contentId
	URI    string // a stranger's word: checked again before each use

	// Created and Expires stand on the source's clock. Of a content that only a
	// notification told of they are ours (when we heard of it, and a week on).
	Created, Expires time.Time
	// Found is when the ledger first heard of it, or it was reopened, on our clock: from
	// then on it waits for us.
	Found time.Time
	// Listed says that the source's own list offered it, so its dates are facts.
	Listed bool

	State    State
	Attempts int64 // fetches begun
	// Broken counts the attempts that ended in a body that is no complete array,
	// BrokenSince is the first of them.
	Broken      int64
	BrokenSince time.Time
	// Theirs says that the source did not give it at the last attempt, so that what it
	// waits for is not us.
	Theirs bool
	// Unknown says that only a notification told of it, and that the source had no such
	// content at the last attempt.
	Unknown bool

	Due        time.Time // when the row in "due" brings it back
	Owner      string    // who works on it, until LeaseUntil
	LeaseUntil time.Time

	Tally
	// Acknowledged says what the delivery is worth, per sink: "alertlogic accepted".
	Acknowledged string
	LastError    string
	Finished     time.Time
}

// State is where a content stands in the ledger.
type State string

const (
	// Pending contents are still to be delivered, wholly or in part.
	Pending State = "pending"
	// Done contents have every record delivered, filtered or dead-lettered.
	Done State = "delivered"
	// Dead contents have every record in the dead letters.
	Dead State = "dead"
	// Gone contents expired at the source before they were read: a loss, counted.
	Gone State = "expired"
)

// States are all there are, in the order of a content's life.
var States = []State{Pending, Done, Dead, Gone}

// A Tally counts what became of a content's records.
type Tally struct {
	Delivered int64 // acknowledged by the destination
	Duplicate int64 // filtered: the same record was delivered before
	Filtered  int64 // filtered by a named rule
	Dead      int64 // kept as dead letters
	Revised   int64 // of the delivered: known Id, other bytes
	Unchecked int64 // of the delivered: no memory was left to look for duplicates
	Undated   int64 // of the delivered: no readable CreationTime
	Bytes     int64 // of all records, verbatim
}

// Records is the number of records accounted for.
func (t Tally) Records() int64 { return t.Delivered + t.Duplicate + t.Filtered + t.Dead }
