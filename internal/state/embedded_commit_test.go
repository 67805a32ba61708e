package state

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// A crowd are writers that wait while somebody else commits, so that they share the
// next commit.
type crowd struct {
	t       *testing.T
	store   *Embedded
	writers sync.WaitGroup
	release chan struct{}
}

var crowded = []byte("crowded")

func gather(t *testing.T) *crowd {
	store, err := OpenEmbedded(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{t: t, store: store, release: make(chan struct{})}
	holding := make(chan struct{})
	c.writers.Go(func() {
		_ = store.update(t.Context(), func(tx *bbolt.Tx) error {
			close(holding) // and so it may run only once
			<-c.release
			_, err := tx.CreateBucketIfNotExists(crowded)
			return err
		})
	})
	<-holding
	t.Cleanup(func() { store.Close() })
	return c
}

// join starts a writer and returns when it waits with the others. Its outcome, or what
// it panics with, can be read after scatter.
func (c *crowd) join(ctx context.Context, write func(*bbolt.Tx) error) *error {
	before := c.waiting()
	outcome := new(error)
	c.writers.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				*outcome = fmt.Errorf("panicked: %v", p)
			}
		}()
		*outcome = c.store.update(ctx, write)
	})
	c.await(before + 1)
	return outcome
}

func (c *crowd) waiting() int {
	c.store.commits.mu.Lock()
	defer c.store.commits.mu.Unlock()
	return len(c.store.commits.waiting)
}

func (c *crowd) await(n int) {
	for c.waiting() != n {
		runtime.Gosched()
	}
}

// scatter lets them write and waits until all have ended.
func (c *crowd) scatter() {
	close(c.release)
	c.writers.Wait()
}

func (c *crowd) names() (names []string) {
	err := c.store.view(c.t.Context(), func(tx *bbolt.Tx) error {
		return tx.Bucket(crowded).ForEach(func(k, _ []byte) error { names = append(names, string(k)); return nil })
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return names
}

func put1(name string) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error { return tx.Bucket(crowded).Put([]byte(name), []byte("x")) }
}

func TestCommitOfOneThatFailsAndOneThatPanics(t *testing.T) {
	c := gather(t)
	refusal := errors.New("refused")
	first := c.join(t.Context(), put1("first"))
	fails := c.join(t.Context(), func(tx *bbolt.Tx) error { _ = put1("failed")(tx); return refusal })
	panics := c.join(t.Context(), func(tx *bbolt.Tx) error { _ = put1("panicked")(tx); panic("boo") })
	last := c.join(t.Context(), put1("last"))
	c.scatter()
	if *first != nil || *last != nil {
		t.Errorf("others got %v and %v", *first, *last)
	}
	if !errors.Is(*fails, refusal) {
		t.Errorf("who fails got %v", *fails)
	}
	if got := fmt.Sprint(*panics); !strings.HasPrefix(got, "panicked: panic in a write: boo") || !strings.Contains(got, "embedded_commit_test.go") {
		t.Errorf("who panics got %v", got)
	}
	if got := fmt.Sprint(c.names()); got != "[first last]" {
		t.Errorf("written: %s", got)
	}
}

// bbolt runs what is to follow a commit behind its end: the panic is the commit's, and
// comes out where the commit was led.
func TestCommitThatPanics(t *testing.T) {
	c := gather(t)
	outcomes := []*error{
		c.join(t.Context(), put1("a")),
		c.join(t.Context(), func(tx *bbolt.Tx) error { tx.OnCommit(func() { panic("boo") }); return nil }),
		c.join(t.Context(), put1("b")),
	}
	c.scatter()
	led := 0
	for i, outcome := range outcomes {
		switch {
		case errors.Is(*outcome, errNotCommitted):
		case *outcome != nil && (*outcome).Error() == "panicked: boo":
			led++
		default:
			t.Errorf("writer %d got %v", i, *outcome)
		}
	}
	if led != 1 {
		t.Errorf("%d writers panicked, want who led the commit", led)
	}
	if err := c.store.update(t.Context(), put1("after")); err != nil {
		t.Errorf("a write after it: %v", err)
	}
}

// What fails is the commit: all hear of it, and nobody is written for a second time, by
// which a write that is there already would be refused.
func TestCommitThatFailsIsNotRepeated(t *testing.T) {
	c := gather(t)
	c.store.db.MaxSize = 64 << 10
	runs := map[string]int{}
	join := func(name string, size int) *error {
		return c.join(t.Context(), func(tx *bbolt.Tx) error {
			runs[name]++
			return tx.Bucket(crowded).Put([]byte(name), make([]byte, size))
		})
	}
	small, large := join("small", 10), join("large", 200<<10)
	c.scatter()
	if !errors.Is(*small, bbolterrors.ErrMaxSizeReached) || !errors.Is(*large, bbolterrors.ErrMaxSizeReached) {
		t.Errorf("got %v and %v", *small, *large)
	}
	if runs["small"] != 1 || runs["large"] != 1 {
		t.Errorf("written: %v", runs)
	}
	if err := c.store.update(t.Context(), put1("after")); err != nil {
		t.Errorf("a write after it: %v", err)
	}
	if got := fmt.Sprint(c.names()); got != "[after]" {
		t.Errorf("written: %s", got)
	}
}

func TestCommitsServeInTheOrderOfArrival(t *testing.T) {
	c := gather(t)
	const writers = 3*oneTransaction + 7
	var order []int
	var transactions []int
	outcomes := make([]*error, writers)
	for i := range writers {
		outcomes[i] = c.join(t.Context(), func(tx *bbolt.Tx) error {
			order, transactions = append(order, i), append(transactions, tx.ID())
			return put1(fmt.Sprintf("%04d", i))(tx)
		})
	}
	c.scatter()
	for i, outcome := range outcomes {
		if *outcome != nil {
			t.Fatalf("writer %d: %v", i, *outcome)
		}
	}
	if !slices.IsSorted(order) || len(order) != writers || len(c.names()) != writers {
		t.Errorf("%d writes of %d writers, in order: %t, rows: %d", len(order), writers, slices.IsSorted(order), len(c.names()))
	}
	if n := len(slices.Compact(transactions)); n != 4 {
		t.Errorf("%d transactions, want 4", n)
	}
}

func TestCommitOfOneWhoLeaves(t *testing.T) {
	c := gather(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	leaves := c.join(ctx, put1("left"))
	stays := c.join(t.Context(), put1("stayed"))
	gone := errors.New("gone home")
	cancel(gone)
	c.await(1) // while the commit before them is still under way
	c.scatter()
	if !errors.Is(*leaves, gone) || *stays != nil {
		t.Errorf("who left got %v, who stayed %v", *leaves, *stays)
	}
	if got := fmt.Sprint(c.names()); got != "[stayed]" {
		t.Errorf("written: %s", got)
	}
}

// Whoever heard no error is in the file, whatever was closed meanwhile.
func TestCommitsWhileTheStoreCloses(t *testing.T) {
	dir := t.TempDir()
	store, err := OpenEmbedded(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.update(t.Context(), func(tx *bbolt.Tx) error { _, err := tx.CreateBucket(crowded); return err }); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var acknowledged []string
	var writers sync.WaitGroup
	enough := make(chan struct{})
	for w := range 32 {
		writers.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%d-%d", w, i)
				if err := store.update(context.Background(), put1(name)); err != nil {
					return
				}
				mu.Lock()
				if acknowledged = append(acknowledged, name); len(acknowledged) == 500 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	writers.Wait()
	db, err := bbolt.Open(filepath.Join(dir, databaseFile), 0o600, options())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_ = db.View(func(tx *bbolt.Tx) error {
		for _, name := range acknowledged {
			if tx.Bucket(crowded).Get([]byte(name)) == nil {
				t.Errorf("%s was acknowledged and is not there", name)
			}
		}
		return nil
	})
}

// Who writes alone waits for nobody, but for a while where writers met.
func TestCompanyIsWaitedForWhereItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gather(t)
		alone := func() time.Duration {
			began := time.Now()
			if err := c.store.update(t.Context(), put1("alone")); err != nil {
				t.Error(err)
			}
			return time.Since(began)
		}
		outcomes := []*error{c.join(t.Context(), put1("a")), c.join(t.Context(), put1("b"))}
		c.scatter()
		for _, err := range outcomes {
			if *err != nil {
				t.Error(*err)
			}
		}
		for range hopes {
			if waited := alone(); waited != lingerTime {
				t.Errorf("waited %v for company that came before", waited)
			}
		}
		if waited := alone(); waited != 0 {
			t.Errorf("waited %v though nobody came any more", waited)
		}
	})
}
