package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"azcollector/internal/collect"
)

// A gate lets requests in once the house is open. Those that come before the first
// attempt has ended wait for it, and so do those that come while it is opened anew;
// after a failure they are turned away, so that Microsoft and the host learn at once
// that they must come again.
type gate struct {
	mu     sync.Mutex
	tried  chan struct{} // closed after the first attempt
	house  *rooms
	err    error
	inside int
}

func newGate() *gate { return &gate{tried: make(chan struct{})} }

func (g *gate) settle(house *rooms, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.house, g.err = house, err
	select {
	case <-g.tried:
	default:
		close(g.tried)
	}
}

// open opens the house, however often it must try. nil: ctx has ended before.
func (g *gate) open(ctx context.Context, log *logrus.Entry, open func(context.Context) (*rooms, error)) (house *rooms) {
	_ = tryAgain(ctx, log, "cannot start", func(ctx context.Context) error { // logged there
		err := guard(func() (err error) {
			house, err = open(ctx)
			return err
		})
		g.settle(house, err)
		return err
	})
	return house
}

// keep lets an open house live, and opens it anew when another configuration is to be
// used, until ctx ends.
func (g *gate) keep(ctx context.Context, log *logrus.Entry, house *rooms, reopen func() *rooms) {
	for ; house != nil && house.live(ctx, log.Logger); house = reopen() {
		log.Info("another configuration: opening anew")
		if err := g.shut(ctx); err != nil {
			logLines(log, err, "cannot close in order")
		}
	}
}

// enter returns the house; who got one calls leave when done with it.
func (g *gate) enter(ctx context.Context) (house *rooms, leave func(), err error) {
	for {
		g.mu.Lock()
		tried := g.tried
		select {
		case <-tried:
			defer g.mu.Unlock()
			if g.err != nil {
				return nil, nil, g.err
			}
			g.inside++
			return g.house, g.leave, nil
		default:
			g.mu.Unlock()
		}
		select {
		case <-tried:
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("wait for the start: %w", context.Cause(ctx))
		}
	}
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
}

// shut lets nobody in any more until settle, waits for those who are inside, and
// closes the house. Who does not leave within stopGrace finds its doors shut, and is
// told so by an error, as if the process had been killed.
func (g *gate) shut(ctx context.Context) error {
	g.mu.Lock()
	house := g.house
	g.house, g.err, g.tried = nil, nil, make(chan struct{})
	g.mu.Unlock()
	for patience := stopGrace; patience > 0 && g.occupied(); patience -= lookAgain {
		if collect.Wait(ctx, lookAgain) != nil {
			break
		}
	}
	if house == nil {
		return nil
	}
	return house.close(ctx)
}

// lookAgain is how often shut looks whether all have left.
const lookAgain = 20 * time.Millisecond

func (g *gate) occupied() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inside > 0
}

// health is what keeps us from working, if anything.
func (g *gate) health() error {
	g.mu.Lock()
	house, err := g.house, g.err
	g.mu.Unlock()
	if house == nil || err != nil || house.Health == nil {
		return err
	}
	return house.Health()
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
