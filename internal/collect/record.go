package collect

import (
	"context"
	"iter"
	"time"
)

// A Record is one audit record, byte for byte as its source wrote it.
//
// Its slices are borrowed from the reader that yielded it and are overwritten
// when the next record is asked for; whoever keeps one copies it.
type Record struct {
	// Raw is the record's JSON, verbatim: nothing is decoded and encoded again.
	Raw []byte
	// ID is the value of the top-level member "Id", unescaped; empty if there is none.
	ID []byte
	// Type is the value of the top-level member "RecordType" in decimal digits; empty if there is none.
	Type []byte
	// Workload is the value of the top-level member "Workload", the service it is of; empty if there is none.
	Workload []byte
	// Time is when the event happened, in UTC: the record's CreationTime or,
	// with Undated set, the time its content was created.
	Time time.Time
	// Undated says that the record states no time that can be read.
	Undated bool
	// Ordinal counts the records of a content from 0.
	Ordinal int
	// Defect says why these bytes are no record at all. They go to the dead
	// letters with this reason and never to a destination.
	Defect string
}

// A Source reads one content's records. A yielded error ends the sequence and
// is usually a [*Fault]. With salvage set it does not give up at the first
// malformed byte: it yields what is whole, and the rest as records with a Defect.
type Source func(ctx context.Context, content Content, salvage bool) iter.Seq2[Record, error]
