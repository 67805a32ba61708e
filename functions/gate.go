package main

import (
	"context"
	"fmt"
	"sync"
)

// A gate lets requests in once the house is open. Those that come before the
// first attempt has ended wait for it; after a failure they are turned away, so
// that Microsoft and the host learn at once that they must come again.
type gate struct {
	tried chan struct{} // closed after the first attempt
	once  sync.Once

	mu    sync.Mutex
	house *rooms
	err   error
}

func newGate() *gate { return &gate{tried: make(chan struct{})} }

func (g *gate) settle(house *rooms, err error) {
	g.mu.Lock()
	g.house, g.err = house, err
	g.mu.Unlock()
	g.once.Do(func() { close(g.tried) })
}

func (g *gate) enter(ctx context.Context) (*rooms, error) {
	select {
	case <-g.tried:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the start: %w", context.Cause(ctx))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.house, g.err
}

// close closes what was opened, if anything was.
func (g *gate) close(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.house == nil {
		return nil
	}
	return g.house.close(ctx)
}
