package collect

import (
	"context"
	"sync"
	"time"
)

// announcedQueue is how many announced contents wait in memory for a worker. One
// more is left to its due row, which brings it back when its lease ends.
const announcedQueue = 4096

// A Collector collects contents, a bounded number at a time: it reads each from
// its source, delivers the records and writes the content's end into the ledger.
type Collector struct {
	Ledger   *Ledger
	Delivery *Delivery
	Source   Source
	// Concurrency is how many contents are in hand at a time. As many more may have
	// nothing left to do but to write their end, which is waiting, not work.
	Concurrency int
	// Report is told of every attempt; err says why the content stays pending. ctx is
	// that of who handed the content over, for its values: it may have ended.
	// It is called by several goroutines at a time.
	Report func(ctx context.Context, content Content, took time.Duration, err error)

	once      sync.Once
	announced chan job
	brought   chan job

	mu    sync.Mutex
	busy  map[Key]bool // queued or in hand
	ended bool         // nobody takes from announced any more
}

// A job is a content to collect: an announced one comes with our claim, one
// brought back by its due row is claimed by the worker.
type job struct {
	caller context.Context
	claim  *Claim
	due    Due
	tried  func() // only its end, at the most, is left to write
	done   func()
}

func (c *Collector) init() {
	c.once.Do(func() {
		c.announced = make(chan job, announcedQueue)
		c.brought = make(chan job)
		c.busy = map[Key]bool{}
	})
}

// Run works until ctx ends, then gives back what is in hand and returns.
func (c *Collector) Run(ctx context.Context) error {
	c.init()
	c.mu.Lock()
	c.ended = false
	c.mu.Unlock()
	tidying, stop := context.WithCancel(context.WithoutCancel(ctx))
	var tidied sync.WaitGroup
	tidied.Go(func() { c.Ledger.tidy(tidying) })
	var workers sync.WaitGroup
	hands := make(chan struct{}, max(1, c.Concurrency))
	for range 2 * cap(hands) {
		workers.Go(func() {
			for ctx.Err() == nil {
				select {
				case <-ctx.Done():
				case hands <- struct{}{}:
					c.next(ctx, sync.OnceFunc(func() { <-hands }))
				}
			}
		})
	}
	workers.Wait()
	stop()
	tidied.Wait()
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	for { // whoever waits for an announced content learns that it is left to its due row
		select {
		case j := <-c.announced:
			j.tried()
			j.done()
		default:
			return nil
		}
	}
}

// next waits for a content and works on it. free lets another one be taken in hand.
func (c *Collector) next(ctx context.Context, free func()) {
	defer free()
	select {
	case <-ctx.Done():
	case j := <-c.announced:
		c.work(ctx, j, free)
	case j := <-c.brought:
		c.work(ctx, j, free)
	}
}

// Submit hands announced contents to the workers and returns a channel that closes
// when each of them was tried once, though the ends of the last may not be written yet.
// It never waits, and goes on when ctx has ended: see Report.
func (c *Collector) Submit(ctx context.Context, claims []*Claim) <-chan struct{} {
	c.init()
	tried := make(chan struct{})
	var left sync.WaitGroup
	for _, claim := range claims {
		key := claim.Content().Key()
		if !c.occupy(key) {
			continue
		}
		left.Add(1)
		j := job{caller: ctx, claim: claim, tried: sync.OnceFunc(left.Done), done: func() { c.vacate(key) }}
		if !c.queue(j) { // its due row brings it back
			j.tried()
			j.done()
		}
	}
	go func() { // ends with the last of them; the workers own the work
		left.Wait()
		close(tried)
	}()
	return tried
}

// Bring hands a due content to the workers, waiting for a free one. It returns
// at once if the content is in hand already. done is called when it was tried.
func (c *Collector) Bring(ctx context.Context, due Due, done func()) error {
	c.init()
	if !c.occupy(due.Content) {
		done()
		return nil
	}
	select {
	case c.brought <- job{caller: ctx, due: due, tried: func() {}, done: func() { c.vacate(due.Content); done() }}:
		return nil
	case <-ctx.Done():
		c.vacate(due.Content)
		done()
		return context.Cause(ctx)
	}
}

// Call hands a content that a message names to the workers, waiting for a free
// one, and returns a channel that closes when it was tried. An error means that
// no worker has it: the message must come again.
func (c *Collector) Call(ctx context.Context, content Key) (<-chan struct{}, error) {
	tried := make(chan struct{})
	due := Due{At: time.Now().Add(messageSlack), Content: content}
	return tried, c.Bring(ctx, due, func() { close(tried) })
}

func (c *Collector) queue(j job) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return false
	}
	select {
	case c.announced <- j:
		return true
	default:
		return false
	}
}

func (c *Collector) occupy(key Key) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy[key] {
		return false
	}
	c.busy[key] = true
	return true
}

func (c *Collector) vacate(key Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, key)
}

// Trouble is why the destination takes nothing at the moment, nil if it does.
func (c *Collector) Trouble() error { return c.Delivery.brake.why() }
