package collect

import (
	"context"
	"slices"
	"sync"
	"time"
)

// tidyEvery is how long the due row of a finished content may stay behind.
const tidyEvery = time.Second

// leftovers are due rows of finished contents that are deleted together: where each
// request is paid for, that costs a hundredth of deleting them one by one. If we crash
// before, they are settled when they are old, like any other that leads nowhere.
type leftovers struct {
	mu   sync.Mutex
	kept bool // somebody deletes them
	rows []Key
}

func (l *leftovers) wanted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept
}

func (l *leftovers) add(row Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows = append(l.rows, row)
}

// keep hands out what there is. From then on more are wanted, or not.
func (l *leftovers) keep(kept bool) []Key {
	l.mu.Lock()
	defer l.mu.Unlock()
	rows := l.rows
	l.rows, l.kept = nil, kept
	return rows
}

// tidy deletes left-over due rows until ctx ends, and then the last of them.
func (l *Ledger) tidy(ctx context.Context) {
	if l.Sole {
		return // what costs nothing is done at once, in the same transaction
	}
	l.leftovers.keep(true)
	for Wait(ctx, tidyEvery) == nil {
		l.deleteDue(ctx, l.leftovers.keep(true))
	}
	ending, done := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer done()
	l.deleteDue(ending, l.leftovers.keep(false))
}

// deleteDue deletes due rows, a partition's together. What cannot be deleted now is
// settled when it is old.
func (l *Ledger) deleteDue(ctx context.Context, rows []Key) {
	partitions := map[string][]Write{}
	for _, row := range rows {
		partitions[row.Partition] = append(partitions[row.Partition], Write{OpDelete, Row{Key: row}})
	}
	for _, all := range partitions {
		for batch := range slices.Chunk(all, batchRows) {
			_ = l.Store.Batch(ctx, batch)
		}
	}
}
