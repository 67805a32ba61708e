package collect

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

const (
	// A body that is no complete array is tried so often and for so long before
	// its whole records are delivered and the rest becomes a dead letter.
	brokenAttempts = 5
	brokenTime     = time.Hour

	dueFirst       = time.Second
	dueMost        = time.Hour
	dueDestination = time.Minute     // the most that a failing destination delays a content
	dueCrowded     = 5 * time.Second // the most that one which waits for memory is delayed
)

// work makes one attempt at a content. When only its end is left to write, it calls free,
// and nobody waits for the attempt any more: should we die now, the content is tried again.
func (c *Collector) work(ctx context.Context, j job, free func()) {
	defer j.done()
	defer j.tried()
	if c.Delivery.brake.wait(ctx) != nil {
		return // ctx ended: the due row brings the content back
	}
	began := time.Now()
	claim, err := c.claim(ctx, j)
	if claim == nil {
		if err != nil {
			c.Report(j.caller, Content{}, time.Since(began), err)
		}
		return
	}
	err = c.guarded(ctx, claim, func() { free(); j.tried() })
	c.Report(j.caller, claim.Content(), time.Since(began), err)
}

// guarded turns a panic into a failed attempt: one content must not end the
// process, and with it what the others are doing.
func (c *Collector) guarded(ctx context.Context, claim *Claim, free func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			ending, done := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
			defer done()
			err = c.conclude(ending, claim, Tally{}, nil, fmt.Errorf("panic: %v\n%s", p, debug.Stack()), false)
		}
	}()
	return c.attempt(ctx, claim, free)
}

func (c *Collector) claim(ctx context.Context, j job) (*Claim, error) {
	if j.claim == nil {
		return c.Ledger.Take(ctx, j.due)
	}
	if !j.claim.stale() {
		return j.claim, nil
	}
	if err := j.claim.Renew(ctx); errors.Is(err, ErrLost) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return j.claim, nil
}

// attempt reads, delivers and finishes. The error says why the content stays
// pending; it is written into the row as well.
func (c *Collector) attempt(ctx context.Context, claim *Claim, free func()) error {
	content := claim.Content()
	salvage := content.Broken >= brokenAttempts && time.Since(content.BrokenSince) >= brokenTime
	working, stop := context.WithCancelCause(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		c.keepLease(working, claim, stop)
	}()
	release := sync.OnceFunc(func() { stop(nil); <-renewed })
	defer release() // also when the source panics: a lease must not be kept for nobody
	// The end is written even if we are being stopped: it frees the content at
	// once instead of when its lease ends.
	conclude := func(tally Tally, ids []*draft, err error) error {
		release()
		ending, done := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
		defer done()
		if cause := context.Cause(working); errors.Is(cause, ErrLost) {
			return cause // the row is another process's to write
		}
		return c.conclude(ending, claim, tally, ids, err, ctx.Err() != nil)
	}
	ended := false
	tally, err := c.Delivery.deliver(working, content, c.Source(working, content, salvage), func(tally Tally, ids []*draft) error {
		free()
		err := conclude(tally, ids, nil)
		stored := slices.ContainsFunc(ids, func(d *draft) bool { return d.stored })
		ended = err == nil || len(ids) == 0 || stored || errors.Is(err, ErrLost)
		return err
	})
	if ended {
		return err
	}
	return conclude(tally, nil, err)
}

// keepLease renews until its context ends. A lease that is lost, or that could
// not be renewed in time, ends the work.
func (c *Collector) keepLease(ctx context.Context, claim *Claim, stop context.CancelCauseFunc) {
	for Wait(ctx, LeaseTime/3) == nil {
		renewing, done := context.WithTimeout(ctx, LeaseTime/3)
		err := claim.Renew(renewing)
		done()
		if errors.Is(err, ErrLost) || err != nil && time.Now().After(claim.Content().LeaseUntil) {
			stop(ErrLost)
		}
	}
}

// conclude writes what the attempt came to. A content that failed because we are
// being stopped is due at once. ids are written with the end of one that did not.
func (c *Collector) conclude(ctx context.Context, claim *Claim, tally Tally, ids []*draft, err error, stopped bool) error {
	if err == nil {
		return claim.finish(ctx, ids, func(row *Content) {
			row.Attempts++
			row.Tally.attempt(tally, true)
			row.State, row.LastError, row.Acknowledged = Done, "", c.Delivery.acknowledgement()
			if row.Delivered+row.Duplicate+row.Filtered == 0 && row.Dead > 0 {
				row.State, row.Acknowledged = Dead, ""
			}
		})
	}
	content := claim.Content()
	if gone(content, err, c.Delivery.now()) {
		return errors.Join(err, claim.Finish(ctx, func(row *Content) {
			row.Attempts++
			row.Tally.attempt(tally, false)
			row.State, row.LastError = Gone, err.Error()
			row.Listed = content.Listed // if the list spoke meanwhile, its next word reopens the content
		}))
	}
	delay := dueAfter(content.Attempts, err)
	if stopped {
		delay = 0
	}
	return errors.Join(err, claim.Postpone(ctx, delay, func(row *Content) {
		row.Attempts++
		row.Tally.attempt(tally, false)
		row.LastError = err.Error()
		if !stopped { // an attempt that we broke off says nothing of the source
			row.Theirs, row.Unknown = theirs(err), VerdictOf(err) == Missing && !row.Listed
		}
		if VerdictOf(err) == Broken {
			if row.Broken++; row.Broken == 1 {
				row.BrokenSince = stamp(time.Now())
			}
		}
	}))
}

// theirs reports whether an attempt failed because of the source, and nothing of ours:
// what it says of our settings is ours to mend.
func theirs(err error) bool {
	_, ok := errors.AsType[sourceError](err)
	return ok && VerdictOf(err) != JudgesUs && !errors.Is(err, errCrowded)
}

// longestLife is far more than the three weeks for which contents were seen to last: a
// date in the year 9999 must not have us ask for ever.
const longestLife = 60 * 24 * time.Hour

// gone reports whether the source will never give the content again. What it
// does not find is believed to be gone once its date is past: this attempt was
// the one more that such a content gets.
func gone(c Content, err error, now time.Time) bool {
	switch VerdictOf(err) {
	case Expired:
		return true
	case Missing:
		return now.After(c.Expires) || now.Sub(c.Created) > longestLife
	}
	return false
}

// dueAfter is how long a failed content rests: growing with its attempts, with
// jitter, and never longer than an hour. A destination that fails is held off by
// its brake, so its contents stay near; one that only waits for memory stays nearer.
func dueAfter(attempts int64, err error) time.Duration {
	most := dueMost
	if _, ok := errors.AsType[destinationError](err); ok {
		most = dueDestination
	}
	if errors.Is(err, errCrowded) {
		most = dueCrowded
	}
	return max(Retry{First: dueFirst, Most: most}.Pause(int(attempts)+1), RetryAfterOf(err))
}

// String names a content for people: its type and id.
func (c Content) String() string { return fmt.Sprintf("%s %s", c.Type, c.ID) }
