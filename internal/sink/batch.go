package sink

import (
	"bytes"
	"context"

	"azcollector/internal/collect"
)

const (
	// maxBatch bounds a batch in bytes: one write and one flush.
	maxBatch = 4 << 20
	// keepBuffer is what a batch keeps of its memory for the next records.
	keepBuffer = 8 << 20
)

// A batch holds records as lines. They are written all or none.
type batch struct {
	sink      *JSONL
	lines     []byte
	ends      []int  // where each record ends; its newline follows
	delivered int    // so many from the start
	breaks    bool   // a record holds a line break
	flat      []byte // scratch of Send: the lines without such breaks
}

// Add appends a record as a line.
func (b *batch) Add(r collect.Record) bool {
	if len(b.ends) > 0 && len(b.lines)+len(r.Raw) > maxBatch {
		return false
	}
	b.lines = append(b.lines, r.Raw...)
	b.ends = append(b.ends, len(b.lines))
	b.lines = append(b.lines, '\n')
	b.breaks = b.breaks || bytes.ContainsAny(r.Raw, "\r\n")
	return true
}

func (b *batch) Len() int { return len(b.ends) }

// Send writes the records since the last one delivered. If we are killed after
// the flush and before its outcome is remembered, they are written again.
func (b *batch) Send(ctx context.Context) error {
	if b.delivered == len(b.ends) {
		return nil
	}
	lines := b.lines[b.start(b.delivered):]
	if b.breaks {
		lines = b.flatten()
	}
	if err := b.sink.append(ctx, lines); err != nil {
		return err
	}
	b.delivered = len(b.ends)
	return nil
}

// flatten copies the lines still to be written, with each line break inside a
// record replaced by a space.
func (b *batch) flatten() []byte {
	b.flat = b.flat[:0]
	for i := b.delivered; i < len(b.ends); i++ {
		from := len(b.flat)
		b.flat = append(b.flat, b.Raw(i)...)
		for k := from; k < len(b.flat); k++ {
			if b.flat[k] == '\n' || b.flat[k] == '\r' {
				b.flat[k] = ' '
			}
		}
		b.flat = append(b.flat, '\n')
	}
	return b.flat
}

func (b *batch) Outcome(i int) collect.Outcome {
	if i < b.delivered {
		return collect.Outcome{State: collect.Delivered}
	}
	return collect.Outcome{}
}

func (b *batch) Raw(i int) []byte { return b.lines[b.start(i):b.ends[i]:b.ends[i]] }

// start is where the i-th line begins.
func (b *batch) start(i int) int {
	if i == 0 {
		return 0
	}
	return b.ends[i-1] + 1
}

func (b *batch) Reset() {
	if cap(b.lines) > keepBuffer {
		b.lines = nil
	}
	if cap(b.flat) > keepBuffer {
		b.flat = nil
	}
	b.lines, b.ends, b.delivered, b.breaks = b.lines[:0], b.ends[:0], 0, false
}
