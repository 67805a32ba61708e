package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// A crash kills the collector: at each step that it takes between hearing of contents and
// being done with them, then at random times under load, and moves the world's clock.
type crash struct {
	For      time.Duration `help:"How long in all. Every step is taken whatever that takes, and each thing after them for a while." default:"2m"`
	Stores   []string      `help:"Where the state is." default:"embedded,azurite" enum:"embedded,azurite"`
	At       []string      `help:"Only these steps, as the results name them." placeholder:"STORE/ROUTE/STEP"`
	Every    int           `help:"Only one step in so many." default:"1"`
	Steps    bool          `help:"Nothing but the steps."`
	Parallel int           `help:"Steps side by side; with Azurite four times as many, since those wait for leases." default:"8"`
	Crasher  string        `help:"The collector's program that kills itself, built with -tags crash." default:".build/chaos/azcollector-crash" type:"path"`

	dir      string
	seed     uint64
	accounts *accounts
	court    *court
}

// leastStorm is how long a storm lasts however late it is: some kills.
const leastStorm = 15 * time.Second

// Run implements the command.
func (c *crash) Run(ctx context.Context, o *options) error { return c.run(ctx, o, os.Stdout) }

func (c *crash) run(ctx context.Context, o *options, out io.Writer) (err error) {
	began := time.Now()
	if c.dir, err = o.room("crash"); err != nil {
		return err
	}
	if c.seed = o.Seed; c.seed == 0 {
		c.seed = uint64(began.UnixNano())
	}
	fmt.Fprintf(os.Stderr, "crash: the seed is %d\n", c.seed)
	c.accounts, c.court = &accounts{}, o.court
	defer c.accounts.close()

	// Both stores at once: where one waits for leases the other has the processors.
	var all crashTallies
	var working sync.WaitGroup
	errs := make(chan error, len(c.Stores))
	for _, store := range c.Stores {
		working.Go(func() { errs <- c.tour(ctx, store, o.Collector, began.Add(c.For), &all) })
	}
	working.Wait()
	close(errs)
	for failed := range errs {
		err = errors.Join(err, failed)
	}
	f, failed := all.print(out)
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	return o.conclude(f, out)
}

// tour is all that is done with one kind of state.
func (c *crash) tour(ctx context.Context, store, program string, end time.Time, all *crashTallies) error {
	slots := make(chan struct{}, c.Parallel)
	if store == "azurite" {
		slots = make(chan struct{}, 4*c.Parallel)
	}
	var working sync.WaitGroup
	errs := make(chan error, 2)
	for _, route := range []crashRoute{byNotice, byPull} {
		working.Go(func() {
			s := stage{store, route}
			t, err := c.stage(ctx, s, slots)
			if err != nil {
				errs <- fmt.Errorf("crash %s: %w", s, err)
				return
			}
			all.add(t)
		})
	}
	working.Wait()
	close(errs)
	for err := range errs {
		return err // the first one: the other is likely the same
	}
	if c.Steps || len(c.At) > 0 {
		return nil
	}
	return c.storms(ctx, store, program, max(leastStorm, time.Until(end)), all)
}

// stage dies at every step of a stage.
func (c *crash) stage(ctx context.Context, s stage, slots chan struct{}) (*crashTally, error) {
	t := &crashTally{name: s.String()}
	steps, err := c.steps(ctx, s)
	if err != nil {
		return t, err
	}
	var working sync.WaitGroup
	for _, one := range steps {
		working.Go(func() {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			defer func() { <-slots }()
			var end scar
			c.court.hold(ctx, one.String(), func() []string {
				end = c.die(ctx, one)
				return end.wrong
			})
			t.scar(end)
		})
	}
	working.Wait()
	return t, ctx.Err()
}

// steps are those that were named, or else all.
func (c *crash) steps(ctx context.Context, s stage) (steps []step, err error) {
	for _, name := range c.At {
		if at, ok := strings.CutPrefix(name, s.String()+"/"); ok {
			steps = append(steps, step{s, at})
		}
	}
	if len(c.At) > 0 {
		return steps, nil
	}
	c.court.hold(ctx, s.String(), func() []string {
		if steps, err = c.enumerate(ctx, s); err != nil {
			return []string{err.Error()}
		}
		return nil
	})
	if err != nil || c.Every <= 1 {
		return steps, err
	}
	chosen := slices.Collect(func(yield func(step) bool) {
		for i := 0; i < len(steps) && yield(steps[i]); i += c.Every {
		}
	})
	return chosen, nil
}
