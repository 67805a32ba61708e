package state

import (
	"context"
	"errors"
	"sync"

	"go.etcd.io/bbolt"
)

// oneTransaction is how many writers, at the most, share a commit.
const oneTransaction = 256

// errNotCommitted is what a writer hears whose commit ended in a panic.
var errNotCommitted = errors.New("the commit that this write was part of broke off")

// commits lets writers share an fsync: while one commits, the others gather, and the
// first of them that comes through writes for all. Nobody waits for company, so a lone
// writer is as fast as the disk.
type commits struct {
	turn sync.Mutex // of who commits

	mu      sync.Mutex
	waiting []*commit
}

type commit struct {
	write func(*bbolt.Tx) error
	taken bool // by who committed, whose turn it was
	err   error
}

// update runs write in a transaction that it shares with other writers. write may run
// more than once, so it starts its results afresh; it returns an error only for what
// must undo the others' writes as well.
func (e *Embedded) update(ctx context.Context, write func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	c := &commit{write: write, err: errNotCommitted}
	e.commits.join(c)
	e.commits.turn.Lock()
	defer e.commits.turn.Unlock()
	for !c.taken {
		e.commitAll(e.commits.take())
	}
	return c.err
}

// commitAll commits for all of them or, if one of them fails, for each by itself.
func (e *Embedded) commitAll(all []*commit) {
	err := e.db.Update(func(tx *bbolt.Tx) error {
		for _, c := range all {
			if err := c.write(tx); err != nil {
				return err
			}
		}
		return nil
	})
	for _, c := range all {
		if c.err = err; err != nil && len(all) > 1 {
			c.err = e.db.Update(c.write)
		}
	}
}

func (c *commits) join(one *commit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, one)
}

// take hands out those who came first.
func (c *commits) take() []*commit {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.waiting), oneTransaction)
	all := c.waiting[:n:n]
	c.waiting = c.waiting[n:]
	for _, one := range all {
		one.taken = true
	}
	return all
}
