package collect

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// A Summary is what all processes did and nobody has reported yet.
type Summary struct {
	Stats
	// Alive are the processes that kept statistics lately.
	Alive int
	// Through is the beginning of the earliest window that may still be written to.
	Through time.Time

	store Store
	alive map[string]bool
	marks []mark
}

// A mark says what of a row is reported.
type mark struct {
	key    Key
	before string // the version of the row that says so; "": there is none yet
	all    Stats
}

// Unreported sums the statistics of a tenant's windows since a time, less what was
// reported before. It goes back a day at the most.
func Unreported(ctx context.Context, store Store, tenant string, since time.Time) (*Summary, error) {
	now := time.Now().UTC()
	if earliest := now.Add(-24 * time.Hour); since.Before(earliest) {
		since = earliest
	}
	sum := &Summary{store: store, alive: map[string]bool{}, Through: now.Add(-2 * statsWindow).Truncate(statsWindow)}
	for window := since.UTC().Truncate(statsWindow); !window.After(now); window = window.Add(statsWindow) {
		if err := sum.window(ctx, statsPartition(tenant, window), now); err != nil {
			return nil, fmt.Errorf("read statistics: %w", err)
		}
	}
	sum.Alive = len(sum.alive)
	return sum, nil
}

func (sum *Summary) window(ctx context.Context, partition string, now time.Time) error {
	rows, marked := map[string]Stats{}, map[string]Row{}
	for row, err := range sum.store.List(ctx, kindStats, partition, "") {
		if err != nil {
			return err
		}
		if owner, is := strings.CutSuffix(row.Row, reported); is {
			marked[owner] = row
			continue
		}
		rows[row.Row] = statsOf(row)
		if at, _ := row.Fields["At"].(time.Time); now.Sub(at) < aliveFor && at.Sub(now) < leaseMost {
			sum.alive[row.Row] = true // once, though it may have begun its next window's row
		}
	}
	for owner, all := range rows {
		m := mark{key: Key{kindStats, partition, owner + reported}, all: all}
		news := Stats{}
		news.Add(&all, 1)
		if before, ok := marked[owner]; ok {
			known := statsOf(before)
			news.Add(&known, -1)
			m.before = before.Version
		}
		if !news.Empty() {
			sum.Add(&news, 1)
			sum.marks = append(sum.marks, m)
		}
	}
	return nil
}

// Done remembers that the summary was reported. If we crash before, it is
// reported once more.
func (sum *Summary) Done(ctx context.Context) error {
	now := time.Now().UTC()
	return each(sum.marks, func(m mark) error {
		row := Row{Key: m.key, Version: m.before}
		var err error
		if row.Fields, err = m.all.fields(now); err != nil {
			return err
		}
		_, err = Swap(ctx, sum.store, row)
		if Overtaken(err) {
			return nil // another process reported it at the same time
		}
		if err != nil {
			return fmt.Errorf("remember what was reported: %w", err)
		}
		return nil
	})
}
