package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"azcollector/internal/sim"
	"azcollector/internal/sim/host"
)

const (
	// A fault holds for so long at least, and until it struck often enough and was told of,
	// or everything went on in spite of it; in the end it stops in any case.
	leastHeld = time.Second
	mostHeld  = 40 * time.Second
	strikes   = 3
	// recoverWithin is how long the collector has to be as if nothing had been.
	recoverWithin = 45 * time.Second
	// every is how often the host calls a timer, once the last call ended. The real one
	// does so every minute, or every 15: a matrix cannot wait for that.
	every = 250 * time.Millisecond
	look  = 25 * time.Millisecond
)

// A trial is one cell under way.
type trial struct {
	cell
	clock   *sim.Clock
	world   *sim.World
	stands  *furniture
	dial    *sim.Dial
	env     []string
	dir     string
	process *host.Process
	host    *host.Host
	log     *journal
	ids     int // of records so far
	latest  int // of those, the ones published before the fault ended; 0: it holds
}

// try runs one cell in a directory of its own. An error is the matrix's own trouble;
// the collector's is in the outcome.
func (c cell) try(ctx context.Context, o *options, seed uint64) (result outcome, err error) {
	if c.lane.course != nil {
		return c.lane.course(ctx, o, c, seed)
	}
	t := &trial{cell: c, clock: &sim.Clock{}}
	if t.dir, err = o.room(c.name()); err != nil {
		return result, err
	}
	if err := t.build(ctx, seed); err != nil {
		return result, fmt.Errorf("make the world: %w", err)
	}
	defer t.close()
	t.dial.Set(c.rule())
	pushed := t.publish()
	if t.process, t.host, err = host.Open(ctx, o.Collector, t.dir, t.world.Settings()["O365_WEBHOOK_AUTH_ID"], t.env, 4); err != nil {
		return result, err
	}
	defer t.host.Close()
	defer t.process.Kill()
	t.log = &journal{path: t.process.Logs}
	return t.play(ctx, o, pushed)
}

// play is the cell's course while the collector lives: the fault holds, ends, and is got over.
func (t *trial) play(ctx context.Context, o *options, pushed []string) (result outcome, err error) {
	result = outcome{Lane: t.lane.name, Operation: t.operation.name, Fault: t.fault.name, Log: t.process.Logs}
	performing, stop := context.WithCancel(ctx)
	var cast sync.WaitGroup
	end := func() { stop(); cast.Wait() }
	defer end()
	notified := make(chan error, 1)
	cast.Go(func() { notified <- t.host.Notify(performing, t.world.Notification(pushed...)) })
	for _, timer := range []string{"pull", "master"} {
		cast.Go(func() { t.call(performing, timer) })
	}

	result.Quiet, result.Held, err = t.hold(ctx)
	if err != nil {
		return result, err
	}
	t.dial.Clear()
	result.Struck = t.dial.Counts()[t.fault.rule.Kind]
	t.log.read()
	result.WhileHeld = t.log.complaints
	result.Recovered, result.Recovery, err = t.recover(ctx)
	if err != nil {
		return result, err
	}
	select {
	case result.Unheard = <-notified:
	default:
		result.Unheard = errors.New("a notification is not answered yet")
	}
	usage, err := t.process.Usage()
	if err != nil {
		result.Ended = true // by itself: the log says why
	}
	result.Peak = usage.Peak
	end()
	t.process.Kill() // as the Functions host does
	return result, t.account(ctx, o, &result)
}

// call plays a timer: as on Azure, one call of it at a time. What it answers is in the log.
func (t *trial) call(ctx context.Context, timer string) {
	for ctx.Err() == nil {
		_ = t.host.Call(ctx, timer)
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
}

// hold waits until the fault struck often enough and the log names it, or until
// everything is as it should be in spite of it: quiet says that. held counts from the
// first strike.
func (t *trial) hold(ctx context.Context) (quiet bool, held time.Duration, err error) {
	enough := strikes
	if t.operation.strikes > 0 {
		enough = t.operation.strikes
	}
	began, calm := time.Now(), t.calm()
	var first time.Time
	for {
		if err := t.wait(ctx); err != nil {
			return false, 0, err
		}
		struck := t.dial.Counts()[t.fault.rule.Kind]
		if struck > 0 && first.IsZero() {
			first = time.Now()
		}
		if !first.IsZero() {
			held = time.Since(first)
		}
		quiet = calm()
		told := struck >= enough && t.named(t.log.complaints)
		if time.Since(began) > mostHeld || held >= leastHeld && (quiet || told) {
			return quiet, held, nil
		}
	}
}

// recover waits until all is well, and what is published now arrives as well.
func (t *trial) recover(ctx context.Context) (ok bool, took time.Duration, err error) {
	began := time.Now()
	t.clock.Advance(t.operation.pause)
	t.latest = t.ids
	t.offer(kinds[0], afterwards, true)
	calm := t.calm()
	for took < recoverWithin {
		if calm() {
			return true, took, nil
		}
		if err := t.wait(ctx); err != nil {
			return false, took, err
		}
		took = time.Since(began)
	}
	return false, took, nil
}

func (t *trial) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(look):
		return nil
	}
}

// calm returns a question: is all that was published in, nothing pending, everything
// subscribed to, and did the collector say so to Alert Logic since calm was called?
func (t *trial) calm() func() bool {
	told, arrived := len(t.world.AlertLogic.CheckIns()), -1
	return func() bool {
		t.log.read()
		beat := t.log.beat
		if !t.arrived(beat.dead) {
			arrived = -1
			return false
		}
		if arrived < 0 {
			arrived = beat.n // what the ledger says of them comes with a later one
		}
		return beat.n > arrived && beat.pending == 0 && t.subscribed() && len(t.world.AlertLogic.CheckIns()) > told
	}
}

// arrived reports whether no more records are missing than there are dead letters (whether
// they are the same is seen in the end), and none that came when nothing was wrong.
func (t *trial) arrived(dead int) bool {
	missing := t.world.Book.Missing(t.ids)
	return len(missing) <= dead && (t.latest == 0 || !slices.ContainsFunc(missing, func(record string) bool {
		return idOf([]byte(record)) > recordID(t.latest)
	}))
}

func (t *trial) subscribed() bool {
	all := t.world.Subscriptions()
	for _, s := range all {
		if s.Status != "enabled" {
			return false
		}
	}
	return len(all) == len(kinds)
}
