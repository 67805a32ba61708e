package collect

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// A Retry is how often and how patiently something is tried again. It is the
// only place in the program that does so within one run; what it gives up on
// stays in the ledger and becomes due again.
type Retry struct {
	Attempts int           // at the most, the first one included
	First    time.Duration // the longest wait before the second attempt; doubles each time
	Most     time.Duration // no wait is longer, save one that the other side asked for
	Patience time.Duration // a Retry-After beyond this ends the attempts: due again later
}

// Do calls f until it succeeds, fails for good, or the attempts are used up, and
// returns f's last error. Only temporary faults are tried again. If ctx ends
// while waiting, the last error is joined with the context's.
func (r Retry) Do(ctx context.Context, f func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		err := f(ctx)
		if err == nil || VerdictOf(err) != Temporary || attempt >= r.Attempts || ctx.Err() != nil {
			return err
		}
		asked := RetryAfterOf(err)
		if asked > r.Patience {
			return err
		}
		if cause := Wait(ctx, max(asked, r.Pause(attempt))); cause != nil {
			return errors.Join(err, cause)
		}
	}
}

// Pause is how long to rest after so many attempts, from 1: exponential with
// jitter over its upper half, so that callers that failed together do not come
// back together, and none comes back at once. A count that cannot be, as a row
// may hold, rests longest.
func (r Retry) Pause(attempt int) time.Duration {
	ceiling := r.Most
	if shift := attempt - 1; 0 <= shift && shift < 63 && r.First < r.Most>>shift { // compared so that nothing overflows
		ceiling = r.First << shift
	}
	if ceiling <= 0 {
		return 0
	}
	return ceiling/2 + rand.N(ceiling/2+1) // #nosec G404 -- spreads retries, guards nothing
}

// Wait returns after d, or with the context's error as soon as it ends; if both
// have come to pass, with the error.
func Wait(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
