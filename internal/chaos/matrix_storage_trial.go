package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"azcollector/internal/sim"
)

// A keeper is a cell of a collector by itself, under way: it has no host that calls it,
// and its state lies elsewhere.
type keeper struct {
	trial
	mortal *mortal
	body   []byte // of the notification
	heard  chan struct{}

	struck func() int   // how often the fault was met
	lift   func() error // ends it
	letter bool         // a record is refused by ingest and must be kept

	mu      sync.Mutex
	unheard error    // why the notification is not answered 200 yet
	said    []string // complaints of commands
}

const (
	// lookAtState is how often the state is asked: a program is started for it.
	lookAtState = 500 * time.Millisecond
	// mostKept is mostHeld here: a write whose answers are lost is settled by reading, which
	// takes long and succeeds.
	mostKept = time.Minute
	// notifyAgain is how soon a notification comes again that was not answered 200.
	notifyAgain = 300 * time.Millisecond
)

// newKeeper makes the world of a cell; close ends it.
func newKeeper(ctx context.Context, o *options, c cell, seed uint64) (k *keeper, err error) {
	k = &keeper{trial: trial{cell: c, clock: &sim.Clock{}, log: &journal{}}, heard: make(chan struct{})}
	if k.dir, err = o.room(c.name()); err != nil {
		return nil, err
	}
	if err := k.build(ctx, seed); err != nil {
		return nil, fmt.Errorf("make the world: %w", err)
	}
	return k, nil
}

// keepOn is the course of a cell of the storage lane.
func keepOn(ctx context.Context, o *options, c cell, seed uint64) (result outcome, err error) {
	k, err := newKeeper(ctx, o, c, seed)
	if err != nil {
		return result, err
	}
	defer k.close()
	if c.first() { // the tables of contents are made with the first of them
		k.dial.Set(c.rule())
	}
	if err := k.begin(ctx, o); err != nil {
		return result, err
	}
	defer k.mortal.kill()
	if err := k.enter(ctx); err != nil {
		return result, err
	}
	if c.buried() {
		if err := k.bury(ctx, o); err != nil {
			return result, err
		}
	}
	k.letter = !c.buried() && strings.HasPrefix(c.operation.op, "payload-")
	k.struck = func() int { return k.dial.Counts()[c.fault.rule.Kind] }
	k.lift = func() error { k.dial.Clear(); return nil }
	k.dial.Set(c.rule())
	return k.course(ctx, o)
}

// begin starts the collector as systemd does: again, while it ends because it cannot read
// its state. On a machine as busy as a matrix makes it, a second may be too short for that.
func (k *keeper) begin(ctx context.Context, o *options) (err error) {
	for began := time.Now(); time.Since(began) < k.lane.within; {
		if k.mortal, err = (birth{program: o.Collector, dir: k.dir, name: "serve", env: k.env}).start(ctx); err == nil {
			return nil
		}
		if err := k.rest(ctx, lookAtState); err != nil {
			return err
		}
	}
	return err
}

// enter waits until the types are subscribed to: before, nothing can be fetched, with or
// without a fault.
func (k *keeper) enter(ctx context.Context) error {
	for began := time.Now(); !k.subscribed(); {
		if time.Since(began) > k.lane.within {
			return k.mortal.explain(errors.New("wait for subscriptions: there are none"))
		}
		if err := k.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// first says that the operation is made once, as soon as the collector has started: it
// has opened its state by then, and ends if it cannot.
func (c cell) first() bool { return c.operation.op == sim.OpQueueCreate }

// buried says that it takes a dead letter that was kept before to meet the operation.
func (c cell) buried() bool {
	return c.operation.op == sim.OpPayloadGet || c.operation.op == sim.OpPayloadDelete
}

func (k *keeper) course(ctx context.Context, o *options) (result outcome, err error) {
	result = outcome{Lane: k.lane.name, Operation: k.operation.name, Fault: k.fault.name, Log: k.mortal.log}
	if k.letter {
		k.poison()
	}
	k.body = k.world.Notification(k.publish()...)
	notifying, stop := context.WithCancel(ctx)
	var pusher sync.WaitGroup
	defer pusher.Wait()
	defer stop()
	pusher.Go(func() { k.notify(notifying) })

	if result.Quiet, result.Held, err = k.keep(ctx, o); err != nil {
		return result, err
	}
	result.Struck = k.struck()
	if err := k.lift(); err != nil {
		return result, err
	}
	result.WhileHeld = k.complaints()
	if result.Recovered, result.Recovery, err = k.mend(ctx, o); err != nil {
		return result, err
	}
	result.Unheard = k.pending()
	select {
	case <-k.mortal.ended:
		result.Ended = true
	default:
		result.Peak = peakOf(k.mortal.cmd.Process.Pid)
	}
	k.mortal.stop()
	if err := k.inquire(ctx, o, &result); err != nil {
		return result, err
	}
	result.Complaints = k.complaints()
	if k.letter {
		if result.Dead--; result.Dead < 0 { // what ingest refused is nowhere
			result.Dead, result.Lost = 0, result.Lost+1
		}
	}
	return result, nil
}

// inquire asks the state in the end, with patience for a busy machine.
func (k *keeper) inquire(ctx context.Context, o *options, result *outcome) (err error) {
	for range 3 {
		if err = k.account(ctx, o, result); err == nil || ctx.Err() != nil {
			break
		}
	}
	return err
}

// poison publishes a content with a record that ingest refuses: it becomes a dead letter.
func (k *keeper) poison() (record []byte) {
	record = fmt.Appendf(nil, `{"Id":"00000000-0000-4000-8000-00000000dead","CreationTime":%q,"RecordType":25}`, k.clock.Now().UTC().Format("2006-01-02T15:04:05"))
	k.world.AlertLogic.RejectIf(func(m sim.Message) string {
		if bytes.Equal(m.JSON, record) {
			return "it is poison"
		}
		return ""
	})
	k.ids++
	beside := fmt.Appendf(nil, `{"Id":"00000000-0000-4000-8000-%012x","CreationTime":%q,"RecordType":25}`, k.ids, k.clock.Now().UTC().Format("2006-01-02T15:04:05"))
	k.world.Offer(sim.Offer{ContentType: kinds[0], Unpushed: true, Records: [][]byte{beside}, Body: slices.Concat([]byte("["), beside, []byte(","), record, []byte("]"))})
	return record
}

// bury waits until there is a dead letter, and lets ingest take the record then.
func (k *keeper) bury(ctx context.Context, o *options) error {
	record := k.poison()
	for began := time.Now(); ; {
		if is, err := k.status(ctx, o); err == nil && is.DeadLetters == 1 {
			break
		} else if time.Since(began) > k.lane.within {
			return k.mortal.explain(errors.Join(errors.New("wait for a dead letter: there is none"), err))
		}
		if err := k.rest(ctx, lookAtState); err != nil {
			return err
		}
	}
	k.world.AlertLogic.RejectIf(nil)
	k.world.Book.Published(record)
	return nil
}

// notify posts the notification until it is answered 200, as Microsoft does.
func (k *keeper) notify(ctx context.Context) {
	var once sync.Once
	for {
		err := k.mortal.Notify(ctx, k.body)
		k.mu.Lock()
		k.unheard = err
		k.mu.Unlock()
		if err == nil {
			once.Do(func() { close(k.heard) })
			if k.operation.op != sim.OpTableDelete || len(k.dial.Counts()) > 0 {
				return
			} // else again: due rows of what is known already are deleted singly
		}
		if k.rest(ctx, notifyAgain) != nil {
			return
		}
	}
}

func (k *keeper) pending() error {
	select {
	case <-k.heard:
		return nil
	default:
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return fmt.Errorf("last answered: %w", k.unheard)
}

// keep waits until the fault struck often enough and was told of, or until all arrived
// in spite of it.
func (k *keeper) keep(ctx context.Context, o *options) (quiet bool, held time.Duration, err error) {
	var first time.Time
	for began := time.Now(); ; {
		if err := k.wait(ctx); err != nil {
			return false, 0, err
		}
		if k.buried() {
			k.replay(ctx, o)
		}
		struck := k.struck()
		if struck > 0 && first.IsZero() {
			first = time.Now()
		}
		if !first.IsZero() {
			held = time.Since(first)
		}
		quiet = k.pending() == nil && k.world.Book.Report().Lost == 0
		told := struck >= strikes && k.named(k.complaints())
		if time.Since(began) > mostKept || held >= leastHeld && (quiet || told) {
			return quiet, held, nil
		}
	}
}

// replay delivers dead letters by hand, with what that says.
func (k *keeper) replay(ctx context.Context, o *options) {
	if _, err := k.command(ctx, o, "deadletter", "replay", "--all"); err != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.said = append(k.said, err.Error())
	}
}

// mend waits until all is well, and what is published now arrives as well.
func (k *keeper) mend(ctx context.Context, o *options) (ok bool, took time.Duration, err error) {
	k.offer(kinds[0], 2, true)
	for began := time.Now(); took < k.lane.within; took = time.Since(began) {
		if k.buried() {
			k.replay(ctx, o)
		}
		if k.pending() == nil && k.world.Book.Report().Lost == 0 && k.settled(ctx, o) {
			return true, time.Since(began), nil
		}
		if err := k.rest(ctx, lookAtState); err != nil {
			return false, took, err
		}
	}
	return false, took, nil
}

// A keptState is what the command `status` tells.
type keptState struct {
	Contents    map[string]int
	DeadLetters int
}

func (k *keeper) settled(ctx context.Context, o *options) bool {
	letters := 0
	if k.letter {
		letters = 1
	}
	is, err := k.status(ctx, o)
	return err == nil && is.Contents["pending"] == 0 && is.DeadLetters == letters
}

func (k *keeper) status(ctx context.Context, o *options) (is keptState, err error) {
	answer, err := k.command(ctx, o, "status", "--json")
	if err == nil {
		err = json.Unmarshal(answer, &is)
	}
	return is, err
}

func (k *keeper) rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// complaints are the warnings and errors that the collector and the commands told.
func (k *keeper) complaints() (lines []string) {
	text, _ := os.ReadFile(k.mortal.log) // without it nothing was told
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, " level=info ") && !strings.Contains(line, " level=debug ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return append(lines, k.said...)
}

// peakOf is the most memory that a process had resident; 0 if that cannot be read.
func peakOf(pid int) (peak int64) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			_, _ = fmt.Sscanf(value, "%d kB", &peak)
		}
	}
	return peak << 10
}
