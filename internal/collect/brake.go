package collect

import (
	"context"
	"sync"
	"time"
)

const (
	brakeFirst = time.Second
	brakeMost  = 30 * time.Second
	brakeGlint = 500 * time.Millisecond // how soon those who wait see that it is off
)

// A brake keeps contents away from a destination that is down or refuses us:
// while it is on, one attempt a pause is let through to see.
type brake struct {
	mu        sync.Mutex
	failures  int
	tightened time.Time // when the last failure counted
	until     time.Time
	trouble   error
}

// wait returns when an attempt may begin.
func (b *brake) wait(ctx context.Context) error {
	for {
		d := b.enter(time.Now())
		if d <= 0 {
			return nil
		}
		if err := Wait(ctx, min(d, brakeGlint)); err != nil {
			return err
		}
	}
}

// enter is how long to wait; with 0 the caller goes, and if the brake is on it
// goes alone.
func (b *brake) enter(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures == 0 {
		return 0
	}
	if d := b.until.Sub(now); d > 0 {
		return d
	}
	b.until = now.Add(b.pause())
	return 0
}

func (b *brake) pause() time.Duration {
	return Retry{First: brakeFirst, Most: brakeMost}.Pause(b.failures)
}

// on tightens the brake after a failure of the destination that met an attempt
// begun at some time: those that were under way together failed once.
func (b *brake) on(err error, began time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures == 0 || began.After(b.tightened) {
		b.failures++
		b.tightened = time.Now()
		b.until = b.tightened.Add(max(b.pause(), RetryAfterOf(err)))
	}
	b.trouble = err
}

// off releases it: the destination took something.
func (b *brake) off() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures, b.until, b.trouble = 0, time.Time{}, nil
}

func (b *brake) why() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.trouble
}
