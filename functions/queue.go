package main

import (
	"context"
	"sync"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/state"
)

const (
	// hidden is how long a message stays away from others: longer than the lease of a
	// process that died with it, so that who gets it next may have its content. One
	// that is worked on for longer comes again, finds the lease renewed, and is gone.
	hidden = collect.LeaseTime + 15*time.Second
	// queueIdle is how long an empty queue is left alone: first, and after a while.
	queueIdle     = 250 * time.Millisecond
	queueIdleMost = 5 * time.Second
	// forgiven is how often a message may fail, as host.json's maxDequeueCount.
	forgiven = 5
)

// listenToQueue hands the queue's messages to f, up to most at a time, until ctx
// ends. note hears whether the queue can be read.
func listenToQueue(ctx context.Context, account *state.Azure, most int, working *sync.WaitGroup, f func(context.Context, []byte) error, note func(error)) error {
	slots := make(chan struct{}, most)
	idle := collect.Retry{First: queueIdle, Most: queueIdleMost}
	for empty := 0; ; {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		<-slots
		messages, err := account.Receive(ctx, min(most-len(slots), 32), hidden)
		if ctx.Err() != nil {
			return nil
		}
		note(err)
		for _, m := range messages {
			slots <- struct{}{} // as many as were free
			working.Go(func() {
				defer func() { <-slots }()
				answerMessage(ctx, account, m, f)
			})
		}
		if empty++; len(messages) > 0 {
			empty = 0
			continue
		}
		if collect.Wait(ctx, idle.Pause(empty)) != nil {
			return nil
		}
	}
}

// answerMessage runs the function. What it did is forgotten; what failed comes
// again when its time is over, a few times.
func answerMessage(ctx context.Context, account *state.Azure, m state.Message, f func(context.Context, []byte) error) {
	err := guard(func() error { return f(ctx, m.Body) })
	if err == nil || m.Attempts >= forgiven {
		_ = account.Forget(context.WithoutCancel(ctx), m) // a message that comes again does no harm
	}
}
