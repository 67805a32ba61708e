package collect_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"azcollector/internal/collect"
)

// A sink is a destination that judges its user by the contract of [collect.Batch]
// and does what a test's script says.
type sink struct {
	t *testing.T
	// full is how many records a batch takes; 0: any number.
	full int
	// script decides about the n-th Send (from 1): an outcome for each open record
	// and the error. nil outcomes leave all of them open. Without a script, or with
	// its second result true, everything is taken.
	script func(ctx context.Context, n int, open []string) ([]collect.OutcomeState, error)

	mu    sync.Mutex
	taken []string // what the destination has, in order
	sends int
}

func (s *sink) Name() string            { return "judge" }
func (s *sink) Acknowledgement() string { return "accepted" }
func (s *sink) NewBatch() collect.Batch { return &batch{sink: s} }

// take is what the destination does with a record, whoever hears of it.
func (s *sink) take(records ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = append(s.taken, records...)
}

func (s *sink) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.taken)
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sends
}

type batch struct {
	sink     *sink
	records  []string
	outcomes []collect.Outcome
	full     bool
	sent     bool
	inUse    atomic.Bool
}

// judge fails the test unless the rule holds, and notices two users at a time.
func (b *batch) judge(rule bool, what string) (done func()) {
	if !b.inUse.CompareAndSwap(false, true) {
		b.sink.t.Error("a batch is used by two goroutines at a time")
	}
	if !rule {
		b.sink.t.Error(what)
	}
	return func() { b.inUse.Store(false) }
}

func (b *batch) Add(r collect.Record) bool {
	defer b.judge(!b.full && !b.sent, "Add to a batch that was full or sent, without Reset")()
	if b.sink.full > 0 && len(b.records) == b.sink.full {
		b.full = true
		return false
	}
	b.records = append(b.records, string(r.Raw))
	b.outcomes = append(b.outcomes, collect.Outcome{})
	return true
}

func (b *batch) Len() int { return len(b.records) }

func (b *batch) Send(ctx context.Context) error {
	defer b.judge(len(b.records) > 0, "Send of an empty batch")()
	b.sent = true
	var open []string
	var where []int
	for i, o := range b.outcomes {
		if o.State == collect.Open {
			open, where = append(open, b.records[i]), append(where, i)
		}
	}
	if len(open) == 0 {
		b.sink.t.Error("Send of a batch that is settled")
	}
	b.sink.mu.Lock()
	b.sink.sends++
	n := b.sink.sends
	b.sink.mu.Unlock()
	states, err := all(open, collect.Delivered), error(nil)
	if b.sink.script != nil {
		states, err = b.sink.script(ctx, n, open)
	}
	for i, state := range states {
		b.outcomes[where[i]] = collect.Outcome{State: state}
		switch state {
		case collect.Delivered:
			b.sink.take(open[i])
		case collect.Refused:
			b.outcomes[where[i]].Reason = "400: refused"
		}
	}
	return err
}

func (b *batch) Outcome(i int) collect.Outcome {
	defer b.judge(b.sent && i < len(b.outcomes), "Outcome before Send, or of no record")()
	return b.outcomes[i]
}

func (b *batch) Raw(i int) []byte {
	defer b.judge(i < len(b.records), "Raw of no record")()
	return []byte(b.records[i])
}

func (b *batch) Reset() {
	defer b.judge(true, "")()
	b.records, b.outcomes, b.full, b.sent = nil, nil, false, false
}

// all is one outcome for every record.
func all(open []string, state collect.OutcomeState) []collect.OutcomeState {
	return slices.Repeat([]collect.OutcomeState{state}, len(open))
}
