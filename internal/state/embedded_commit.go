package state

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// oneTransaction is how many writers, at the most, share a commit.
const oneTransaction = 256

const (
	// lingerTime is how long who commits waits for company, while that is likely.
	lingerTime = time.Millisecond
	// hopes is how often nobody must have come before nobody waits any more.
	hopes = 16
)

// errNotCommitted is what a writer hears whose commit ended in a panic.
var errNotCommitted = errors.New("the commit that this write was part of broke off")

// commits lets writers share an fsync: while one commits, the others gather, and the
// first of them that comes through writes for all. A lone writer is as fast as the disk:
// only where writers met lately does one wait for company.
type commits struct {
	turn chan struct{} // who has put something in commits

	mu      sync.Mutex
	waiting []*commit
	hope    int // of company
}

func newCommits() *commits { return &commits{turn: make(chan struct{}, 1)} }

type commit struct {
	write func(*bbolt.Tx) error
	done  chan struct{} // closes when err and broken are settled

	err    error
	broken any // what write panicked with
}

// update runs write in a transaction that it shares with other writers. write may run
// more than once, so it starts its results afresh; an error of it undoes what it wrote,
// and nothing of the others. If ctx ends before anybody has begun to write, nothing is
// written; a commit under way cannot be called back, and is waited for.
func (e *Embedded) update(ctx context.Context, write func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	c := &commit{write: write, done: make(chan struct{}), err: errNotCommitted}
	e.commits.join(c)
	select {
	case <-c.done:
	case e.commits.turn <- struct{}{}:
		e.lead(c)
	case <-ctx.Done():
		if e.commits.leave(c) {
			return context.Cause(ctx)
		}
		<-c.done
	}
	if c.broken != nil {
		panic(c.broken) // here, where the caller is, and not in whoever wrote for it
	}
	return c.err
}

// lead commits for those who came first until c is among them. Who was committed for
// leaves by done and takes no turn, so that the next leader need not wait for them.
func (e *Embedded) lead(c *commit) {
	defer func() { <-e.commits.turn }()
	for {
		select {
		case <-c.done:
			return
		default:
			e.commits.linger()
			e.commitAll(e.commits.take())
		}
	}
}

// commitAll commits for all of them. One whose write fails or panics is left out, and
// the others begin afresh. What fails for all is the commit itself, and that is not
// repeated here: if the disk failed behind the last write, the rows are there already,
// and a second insert would be told that somebody else made them.
func (e *Embedded) commitAll(all []*commit) {
	defer func() { // also if bbolt panics
		for _, c := range all {
			close(c.done)
		}
	}()
	for left := slices.Clone(all); len(left) > 0; {
		culprit := -1
		err := e.db.Update(func(tx *bbolt.Tx) error {
			for i, c := range left {
				if err := c.try(tx); err != nil {
					culprit = i
					return err
				}
			}
			return nil
		})
		if culprit < 0 {
			for _, c := range left {
				c.err = err
			}
			return
		}
		left[culprit].err = err
		left = slices.Delete(left, culprit, culprit+1)
	}
}

func (c *commit) try(tx *bbolt.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.broken = fmt.Errorf("panic in a write: %v\n%s", p, debug.Stack())
			err = errNotCommitted
		}
	}()
	return c.write(tx)
}

func (c *commits) join(one *commit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, one)
}

// leave takes one out that nobody has begun to write.
func (c *commits) leave(one *commit) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.waiting, one)
	if i < 0 {
		return false
	}
	c.waiting = slices.Delete(c.waiting, i, i+1)
	return true
}

// linger lets others join, if it is likely that some come.
func (c *commits) linger() {
	c.mu.Lock()
	likely := c.hope > 0
	c.mu.Unlock()
	if likely {
		time.Sleep(lingerTime)
	}
}

// take hands out those who came first.
func (c *commits) take() []*commit {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.waiting), oneTransaction)
	all := slices.Clone(c.waiting[:n])
	c.waiting = slices.Delete(c.waiting, 0, n)
	if c.hope = max(0, c.hope-1); n > 1 {
		c.hope = hopes
	}
	return all
}
