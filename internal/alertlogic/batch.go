package alertlogic

import (
	"azcollector/internal/collect"
)

// A batch holds records as encoded messages, one after another, so that a
// record's bytes are copied once and then only compressed.
type batch struct {
	sink     *Ingest
	buf      []byte
	spans    []span
	outcomes []collect.Outcome
	open     []int   // scratch of Send: the open records
	work     [][]int // scratch of Send: runs still to be sent, the next one last
}

// A span says where in the buffer a message lies, and in it the record's JSON.
type span struct{ start, raw, rawEnd, end int }

// Add appends a record if it is likely to fit into the same post as the others.
func (b *batch) Add(r collect.Record) bool {
	size := messageSize(r)
	if len(b.spans) > 0 && len(b.buf)+size > b.sink.budget() {
		return false
	}
	at := span{start: len(b.buf)}
	b.buf, at.raw = appendMessage(b.buf, r)
	at.rawEnd, at.end = at.raw+len(r.Raw), len(b.buf)
	b.spans = append(b.spans, at)
	b.outcomes = append(b.outcomes, collect.Outcome{})
	return true
}

func (b *batch) Len() int                      { return len(b.spans) }
func (b *batch) Outcome(i int) collect.Outcome { return b.outcomes[i] }

func (b *batch) Raw(i int) []byte {
	at := b.spans[i]
	return b.buf[at.raw:at.rawEnd:at.rawEnd]
}

func (b *batch) Reset() {
	if cap(b.buf) > keepBuffer {
		b.buf = nil
	}
	clear(b.outcomes) // lets go of the reasons
	b.buf, b.spans, b.outcomes = b.buf[:0], b.spans[:0], b.outcomes[:0]
}

// message is the i-th record as an encoded message with its tag.
func (b *batch) message(i int) []byte { return b.buf[b.spans[i].start:b.spans[i].end] }

// size is what a run's messages weigh, encoded.
func (b *batch) size(run []int) int {
	n := 0
	for _, i := range run {
		n += len(b.message(i))
	}
	return n
}

// prefix is how many records of a run weigh at most so many bytes; at least one.
func (b *batch) prefix(run []int, most int) int {
	n := 0
	for k, i := range run {
		n += len(b.message(i))
		if k > 0 && n > most {
			return k
		}
	}
	return len(run)
}

func (b *batch) settle(run []int, o collect.Outcome) {
	for _, i := range run {
		b.outcomes[i] = o
	}
}
