package alertlogic

import (
	"context"
	"sync"
)

// A cell keeps one value that several goroutines need and one fetches.
type cell[T any] struct {
	mu     sync.Mutex
	value  *T
	flight *flight[T]
}

// A flight is one fetch under way and, once done is closed, its result.
type flight[T any] struct {
	done      chan struct{}
	value     *T
	err       error
	abandoned bool // its own caller gave up, which says nothing to those who waited
}

// get returns the value if it is good, and otherwise what load makes of it (nil
// at first). While one caller loads, the others wait for its result, so that
// sixteen senders with an expired token authenticate once, and fail once.
func (c *cell[T]) get(ctx context.Context, good func(*T) bool, load func(context.Context, *T) (*T, error)) (*T, error) {
	for {
		c.mu.Lock()
		if c.value != nil && good(c.value) {
			defer c.mu.Unlock()
			return c.value, nil
		}
		if c.flight == nil {
			f := &flight[T]{done: make(chan struct{}), abandoned: true}
			c.flight = f
			old := c.value
			c.mu.Unlock()
			defer c.land(f)
			f.value, f.err = load(ctx, old)
			f.abandoned = f.err != nil && ctx.Err() != nil
			return f.value, f.err
		}
		f := c.flight
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-f.done:
		}
		if !f.abandoned {
			return f.value, f.err
		}
	}
}

// land publishes a flight's result; it runs even if load panics, so that nobody
// waits for ever.
func (c *cell[T]) land(f *flight[T]) {
	c.mu.Lock()
	if f.err == nil && f.value != nil {
		c.value = f.value
	}
	c.flight = nil
	c.mu.Unlock()
	close(f.done)
}
