package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

// watched counts a store's reads. While held, a read waits until it is let go.
type watched struct {
	collect.Store
	reads atomic.Int64
	held  chan struct{} // nil: nothing waits
}

func (w *watched) Get(ctx context.Context, key collect.Key) (collect.Row, error) {
	w.reads.Add(1)
	if w.held != nil {
		<-w.held
	}
	return w.Store.Get(ctx, key)
}

// instances share a store and have loaded their secret from it.
func instances(t *testing.T, store collect.Store, n int) (all []*authIDs) {
	t.Helper()
	for range n {
		ids := newAuthIDs(store, tenant, "")
		if err := ids.load(t.Context()); err != nil {
			t.Fatal(err)
		}
		all = append(all, ids)
	}
	return all
}

// What one instance rotates another takes at the first unknown secret, and goes on
// taking the old one for a day.
func TestRotationReachesOtherInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := instances(t, embedded(t), 2)
		one, other := all[0], all[1]
		old := one.accepted()[tenant][0]
		if got := other.accepted()[tenant]; !slices.Equal(got, []string{old}) {
			t.Fatalf("two instances on one store accept %q and %q", old, got)
		}
		if err := one.rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := one.accepted()[tenant]
		if len(want) != 2 || want[0] == old || want[1] != old {
			t.Fatalf("after the rotation the one accepts %q", want)
		}
		time.Sleep(rereadAfter)
		if err := other.reread(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := other.accepted()[tenant]; !slices.Equal(got, want) {
			t.Errorf("the other accepts %q, want %q", got, want)
		}
		time.Sleep(rotationGrace)
		if got := other.accepted()[tenant]; !slices.Equal(got, want[:1]) {
			t.Errorf("a day later it accepts %q, want %q", got, want[:1])
		}
	})
}

// However often somebody guesses, the state is read every five seconds at the most.
func TestGuessesReadSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &watched{Store: embedded(t)}
		ids := instances(t, store, 1)[0]
		before := store.reads.Load()
		const lasting, every = time.Minute, 100 * time.Millisecond
		for range lasting / every {
			if err := ids.reread(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(every)
		}
		got := store.reads.Load() - before
		if most := int64(lasting / rereadAfter); got > most || got == 0 {
			t.Errorf("%d reads within %v, want at most %d", got, lasting, most)
		}
	})
}

// Several notifications that come at once with the new secret are all taken: those
// behind the first wait for what it reads.
func TestRotationWhileManyCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &watched{Store: embedded(t)}
		all := instances(t, store, 2)
		if err := all[0].rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		fresh := all[0].accepted()[tenant][0]
		time.Sleep(rereadAfter)
		store.held = make(chan struct{})
		before := store.reads.Load()
		var coming sync.WaitGroup
		for range 8 {
			coming.Go(func() {
				if err := all[1].reread(t.Context()); err != nil {
					t.Error(err)
				}
				if !slices.Contains(all[1].accepted()[tenant], fresh) {
					t.Error("a notification with the new secret is refused")
				}
			})
		}
		synctest.Wait()
		close(store.held)
		coming.Wait()
		if got := store.reads.Load() - before; got != 1 {
			t.Errorf("%d reads for one rotation", got)
		}
	})
}

// A state that does not answer holds strangers' guesses up for a bounded time.
func TestGuessesDoNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids := instances(t, embedded(t), 1)[0]
		ids.turn <- struct{}{} // somebody reads, and reads
		if err := ids.reread(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// What the settings say cannot be rotated by a command.
func TestSettingRefusesRotation(t *testing.T) {
	store := embedded(t)
	ids := newAuthIDs(store, tenant, "a-secret-of-the-settings")
	if err := ids.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := ids.rotate(t.Context()); !errors.Is(err, errSettingRules) {
		t.Errorf("got %v", err)
	}
	if got := newAuthIDs(store, tenant, ""); got.load(t.Context()) != nil || got.accepted()[tenant][0] != "a-secret-of-the-settings" {
		t.Errorf("the state holds %q", got.accepted())
	}
}
