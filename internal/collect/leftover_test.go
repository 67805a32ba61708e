package collect_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

// On a shared store the due rows of finished contents go together: within a second, and
// when the workers end.
func TestDueRowsOfFinishedContentsGoTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, one)
		p.Ledger.Sole = false
		stop := p.run(t, time.Hour)
		time.Sleep(time.Millisecond)
		finish := func(from, to int) {
			var contents []collect.Content
			for i := from; i < to; i++ {
				contents = append(contents, fresh(fmt.Sprint(i)))
			}
			p.collect(t, contents...)
			for _, c := range contents {
				if row := get(t, p.store, c); row.State != collect.Done {
					t.Fatalf("row %+v", row)
				}
			}
		}
		finish(0, 30)
		if n := len(dues(t, p.store)); n != 30 {
			t.Errorf("%d due rows are left, want all: they cost a request each", n)
		}
		written := p.store.writes("due")
		time.Sleep(2 * time.Second)
		if n := len(dues(t, p.store)); n != 0 {
			t.Errorf("%d due rows are left two seconds later", n)
		}
		if n := p.store.writes("due") - written; n != 1 {
			t.Errorf("deleted in %d requests, want 1", n)
		}
		finish(30, 35)
		stop()
		if n := len(dues(t, p.store)); n != 0 {
			t.Errorf("%d due rows are left at the end", n)
		}
	})
}

// Killed before they are deleted, they lead to finished contents and are settled when
// they are old; nothing is collected again.
func TestDueRowsThatACrashLeavesAreSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, one)
		p.Ledger.Sole = false
		stop := p.run(t, time.Hour)
		time.Sleep(time.Millisecond)
		p.collect(t, fresh("1"), fresh("2"))
		p.store.mu.Lock()
		p.store.dead = true // for this process
		p.store.mu.Unlock()
		stop()
		other := ledger(p.store.Store, "other", false)
		for range 15 {
			time.Sleep(time.Minute)
			if n := takeAll(t, other, time.Now()); n != 0 {
				t.Errorf("%d finished contents are taken again", n)
			}
		}
		for due, err := range other.Due(t.Context(), tenant, time.Now()) {
			t.Errorf("left after a quarter of an hour: %+v, %v", due, err)
		}
	})
}
