package alertlogic

import (
	"azcollector/internal/collect"
)

// A batch holds records as encoded messages, one after another, so that a
// record's bytes are copied once and then only compressed.
type batch struct {
	sink     *Ingest
	memory   pieces // a message lies in one piece
	size     int    // of all messages
	spans    []span
	outcomes []collect.Outcome
	open     []int   // scratch of Send: the open records
	work     [][]int // scratch of Send: runs still to be sent, the next one last
}

// A span says where in a piece a message lies, and in it the record's JSON.
type span struct{ piece, start, raw, rawEnd, end int }

// Add appends a record if it is likely to fit into the same post as the others.
func (b *batch) Add(r collect.Record) bool {
	size := messageSize(r)
	if len(b.spans) > 0 && b.size+size > b.sink.budget() {
		return false
	}
	b.memory.extend(size)
	at := span{piece: len(b.memory) - 1}
	piece := &b.memory[at.piece]
	at.start = len(*piece)
	*piece, at.raw = appendMessage(*piece, r)
	at.rawEnd, at.end = at.raw+len(r.Raw), len(*piece)
	b.size += size
	b.spans = append(b.spans, at)
	b.outcomes = append(b.outcomes, collect.Outcome{})
	return true
}

func (b *batch) Len() int                      { return len(b.spans) }
func (b *batch) Outcome(i int) collect.Outcome { return b.outcomes[i] }

func (b *batch) Raw(i int) []byte {
	at := b.spans[i]
	return b.memory[at.piece][at.raw:at.rawEnd:at.rawEnd]
}

func (b *batch) Reset() {
	b.memory.giveBack()
	clear(b.outcomes) // lets go of the reasons
	b.size, b.spans, b.outcomes = 0, b.spans[:0], b.outcomes[:0]
}

// messages is the run's first record and those that lie right behind it, as encoded
// messages with their tags, and how many they are.
func (b *batch) messages(run []int) (encoded []byte, n int) {
	first := b.spans[run[0]]
	end := first.end
	for n = 1; n < len(run); n++ {
		next := b.spans[run[n]]
		if next.piece != first.piece || next.start != end {
			break
		}
		end = next.end
	}
	return b.memory[first.piece][first.start:end], n
}

// weight is what a run's messages weigh, encoded.
func (b *batch) weight(run []int) int {
	n := 0
	for _, i := range run {
		n += b.spans[i].weight()
	}
	return n
}

func (s span) weight() int { return s.end - s.start }

// prefix is how many records of a run weigh at most so many bytes; at least one.
func (b *batch) prefix(run []int, most int) int {
	n := 0
	for k, i := range run {
		n += b.spans[i].weight()
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
