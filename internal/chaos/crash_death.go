package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// chances is how often a step is tried until somebody dies at it: which of two contents
// comes first may decide how many steps of a kind there are.
const chances = 3

// die lets a collector die at a step and another one find what it left.
func (c *crash) die(ctx context.Context, s step) (end scar) {
	for range chances {
		end = scar{step: s}
		t, err := c.trial(s.stage, s.String(), c.seed)
		if err != nil {
			end.complain("%v", err)
			return end
		}
		err = t.dieAndReturn(ctx, &end)
		t.Close()
		if err != nil {
			end.complain("%v", err)
		}
		if !end.missed || ctx.Err() != nil {
			return end
		}
	}
	return end
}

func (t *crashTrial) dieAndReturn(ctx context.Context, end *scar) error {
	answered, err := t.firstLife(ctx, end)
	if err != nil {
		return err
	}
	again := t.birth("PULL_SCHEDULE=*/2 * * * * *")
	again.hosted = !t.shared() // what is left in the queue is for who listens to it
	m, err := again.start(ctx)
	if err != nil {
		return err
	}
	defer m.kill()
	began := time.Now()
	if t.route == byNotice && !answered { // as Microsoft does, until it is answered 200
		if err := m.Notify(ctx, t.notification); err != nil {
			return m.explain(fmt.Errorf("notify again: %w", err))
		}
	}
	if again.hosted { // the others have a schedule
		if err := m.Call(ctx, "pull"); err != nil {
			return m.explain(err)
		}
	}
	if err := t.arrive(ctx, m); err != nil {
		return err
	}
	end.recovered = time.Since(began)
	if err := t.finish(ctx, m, again, end); err != nil {
		return err
	}
	t.judge(end)
	return nil
}

// firstLife ends at the step. answered: nobody needs to tell of the contents again.
func (t *crashTrial) firstLife(ctx context.Context, end *scar) (answered bool, err error) {
	first := t.birth("CRASH_AT=" + end.at)
	m, err := first.start(ctx)
	if err != nil && t.killedAt(end.at) { // the queue is made beside everything else, before anybody asks
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer m.kill()
	answered = t.begin(ctx, m) == nil
	switch err := t.settle(ctx, m); {
	case err == nil: // it did all there was to do
		end.missed = true
		return answered, nil
	case !errors.Is(err, errEnded):
		return false, m.explain(err)
	}
	if !t.killedAt(end.at) || m.panicked() {
		return false, m.explain(errors.New("it ended by itself"))
	}
	return answered, nil
}

// killedAt reports whether this life killed itself at the step, and did nothing after.
func (t *crashTrial) killedAt(at string) bool {
	steps := t.taken()
	return len(steps) > 0 && steps[len(steps)-1] == "killed "+at
}

// finish waits until the ledger has no open row, and stops the collector. One with a
// store of its own lives again if it was stopped too early: nothing tells from outside
// that it does not look at what is due just now.
func (t *crashTrial) finish(ctx context.Context, m *mortal, b birth, end *scar) error {
	defer func() { m.kill() }()
	asking := birth{program: b.program, dir: b.dir, env: crashSettings(t.World, t.state)}
	for deadline := time.Now().Add(t.patience()); ; {
		state, err := t.status(ctx, m, asking)
		if err != nil {
			return err
		}
		open := state.Contents["pending"]
		if open == 0 {
			end.orphans = state.NextDue != nil
			t.judgeState(state, end)
			return nil
		}
		if time.Now().After(deadline) {
			end.complain("%d contents are pending still: %s", open, state.LastError)
			return nil
		}
		if err := t.linger(ctx, &m, b); err != nil {
			return err
		}
	}
}

func (t *crashTrial) linger(ctx context.Context, m **mortal, b birth) error {
	if !t.shared() {
		again, err := b.start(ctx)
		if err == nil {
			*m = again
		}
		return err
	}
	select {
	case <-time.After(5 * time.Second):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// status reads the state. An embedded store belongs to its process, which is stopped for
// that once it does nothing more.
func (t *crashTrial) status(ctx context.Context, m *mortal, status birth) (crashState, error) {
	if t.shared() {
		return statusOf(ctx, status)
	}
	if err := t.settle(ctx, m); err != nil {
		return crashState{}, m.explain(err)
	}
	m.stop()
	return statusOf(ctx, status)
}

func (t *crashTrial) judgeState(state crashState, end *scar) {
	if state.DeadLetters != 1 {
		end.complain("%d dead letters, want the one that ingest refuses", state.DeadLetters)
	}
	if n := state.Contents["delivered"]; n < 3 || state.Contents["dead"]+state.Contents["expired"] > 0 {
		end.complain("contents ended as %v, want three or more delivered", state.Contents)
	}
	if !t.shared() && end.orphans {
		end.complain("a due row is left behind although both are written in one transaction")
	}
}

// judge compares what arrived. A crash between a delivery and remembering it repeats one
// batch of each content in flight: the three of them were.
func (t *crashTrial) judge(end *scar) {
	end.report = t.Book.Report()
	end.bound = fewRecords + sideRecords + mostPosted(t.World)
	if end.missed {
		end.bound = 0
	}
	if r := end.report; r.Lost > 0 || r.Unknown > 0 || r.Delivered != fewRecords+manyRecords+sideRecords {
		end.complain("of %d records %d arrived; lost %d, unknown %d", r.Distinct, r.Delivered, r.Lost, r.Unknown)
	}
	if n := end.report.Duplicates + end.report.Repeated; n > end.bound {
		end.complain("%d records arrived again, at most %d may", n, end.bound)
	}
	if most := mostPosted(t.World); most*3 > manyRecords {
		end.complain("a post had %d of %d records: a content of many batches was none", most, manyRecords)
	}
	for _, text := range t.Complaints() {
		end.complain("the simulator complains: %s", text)
	}
}
