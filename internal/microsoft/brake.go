package microsoft

import (
	"context"
	"fmt"
	"sync"
	"time"

	"azcollector/internal/collect"

	"golang.org/x/time/rate"
)

// The API states no Retry-After when it throttles (AF429), so pauses grow from
// one second to five minutes.
const (
	firstPause = time.Second
	mostPause  = 5 * time.Minute
)

// A lane is what all requests of one tenant share: the rate, and the brake that
// a throttled answer pulls for everybody.
type lane struct {
	limiter *rate.Limiter

	mu     sync.Mutex
	until  time.Time // nobody sends before
	pauses int       // in a row
}

func newLane(perMinute int) *lane {
	return &lane{limiter: rate.NewLimiter(rate.Limit(float64(perMinute)/60), perMinute)}
}

// enter waits for the lane's rate and for its brake. A caller whose time ends
// before that is told at once.
func (l *lane) enter(ctx context.Context) error {
	if err := l.limiter.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return &collect.Fault{Err: fmt.Errorf("wait for O365_REQUESTS_PER_MINUTE: %w", err)}
	}
	for {
		left := l.left()
		if left <= 0 {
			return nil
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < left {
			return &collect.Fault{RetryAfter: left, Code: "AF429", Err: fmt.Errorf("wait %v for a throttled tenant: no time left", left.Round(time.Second))}
		}
		if err := collect.Wait(ctx, left); err != nil {
			return &collect.Fault{RetryAfter: l.left(), Code: "AF429", Err: fmt.Errorf("wait for a throttled tenant: %w", err)}
		}
	}
}

func (l *lane) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.until)
}

// throttled pulls the brake: for as long as the API asks, else twice as long as
// last time. Answers to requests that were under way together count once.
func (l *lane) throttled(asked time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if asked > 0 {
		if until := now.Add(asked); until.After(l.until) {
			l.until = until
		}
		return
	}
	if now.Before(l.until) {
		return
	}
	l.pauses++
	l.until = now.Add(collect.Retry{First: firstPause, Most: mostPause}.Pause(l.pauses))
}

// passed forgets earlier pauses; an answer to a request from before the brake
// was pulled says nothing about it.
func (l *lane) passed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !time.Now().Before(l.until) {
		l.pauses = 0
	}
}

func (l *lane) pace(perMinute int) {
	l.limiter.SetLimit(rate.Limit(float64(perMinute) / 60))
	l.limiter.SetBurst(perMinute)
}
