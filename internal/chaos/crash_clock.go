package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"azcollector/internal/sim"
)

// jumpBy are the leaps of the world's clock: there and back, and the other way.
var jumpBy = []time.Duration{
	2 * time.Hour, -2 * time.Hour, 48 * time.Hour, -48 * time.Hour,
	-2 * time.Hour, 2 * time.Hour, -48 * time.Hour, 48 * time.Hour,
}

const (
	contentsPerJump = 10
	// jumpPatience is how long contents may take that came around a jump.
	jumpPatience = time.Minute
)

// jumps moves the clock of everything outside while a collector works: its own clock, by
// which it leases, is then as far off the other way. What no jump here reaches is a
// collector whose own clock moves while it runs.
//
// A clock that goes back hides what is dated after it: nobody lists the future. So before
// each jump all has arrived but what is just being told of.
func (c *crash) jumps(ctx context.Context, program string) (*crashTally, error) {
	fmt.Fprintln(os.Stderr, "crash: the world's clock jumps")
	var clock sim.Clock
	s, address, err := c.newStorm(program, "clock (embedded)", "clock", crew{"embedded", 1}, clock.Now)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	living, end := context.WithCancel(ctx)
	var working sync.WaitGroup
	defer working.Wait()
	defer end()
	working.Go(func() { s.live(living, 0, address) })
	generator := sim.NewGenerator(s.Seed(), crashTenant)
	for i, by := range jumpBy {
		s.offerAt(generator, clock.Now(), contentsPerJump, false)
		if by < 0 {
			s.drain(ctx, by)
		}
		clock.Advance(by)
		s.leapt = true
		s.offerAt(generator, clock.Now(), contentsPerJump, true)
		if i%2 == 0 { // and dies in it
			select {
			case s.kill[0] <- struct{}{}:
				s.tally.kill()
			case <-ctx.Done():
			}
		}
		began := time.Now()
		s.drain(ctx, by)
		s.tally.recovered = append(s.tally.recovered, time.Since(began))
		s.tally.steps++
	}
	s.calm(ctx)
	end()
	working.Wait()
	s.judge(ctx)
	return s.tally, ctx.Err()
}

// offerAt publishes contents of a moment; unpushed: the list alone tells of them.
func (s *storm) offerAt(g *sim.Generator, at time.Time, n int, unpushed bool) {
	for i := range n {
		s.Offer(sim.Offer{ContentType: crashType, Records: g.Records(crashType, stormRecords, at), Unpushed: unpushed && i%2 == 0})
	}
}

// drain waits until all has arrived.
func (s *storm) drain(ctx context.Context, by time.Duration) {
	deadline := time.Now().Add(jumpPatience)
	for s.Book.Report().Lost > 0 && ctx.Err() == nil {
		if time.Now().After(deadline) {
			s.tally.complain("clock %+v: %d records have not arrived: %q", by, s.Book.Report().Lost, s.Book.Missing(2))
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}
