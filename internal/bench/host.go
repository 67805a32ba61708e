package main

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"azcollector/internal/sim/host"
)

// authID is what the simulator tells contenders to expect.
const authID = "simulated-webhook-auth-id"

// arrays are the notifications' bodies.
func arrays(entries []json.RawMessage, each int) (all [][]byte) {
	for chunk := range slices.Chunk(entries, each) {
		array := []byte{'['}
		for i, entry := range chunk {
			if i > 0 {
				array = append(array, ',')
			}
			array = append(array, entry...)
		}
		all = append(all, append(array, ']'))
	}
	return all
}

// ring sends all notifications, some at a time, and returns how long each was
// answered after, sorted. The first that is refused ends it.
func ring(ctx context.Context, h *host.Host, notifications [][]byte, atOnce int) ([]time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	took := make([]time.Duration, len(notifications))
	next := make(chan int)
	var senders sync.WaitGroup
	for range atOnce {
		senders.Go(func() {
			for i := range next {
				began := time.Now()
				if err := h.Notify(ctx, notifications[i]); err != nil {
					cancel(err) // only the first one counts
				}
				took[i] = time.Since(began)
			}
		})
	}
	for i := range notifications {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	senders.Wait()
	slices.Sort(took)
	return took, context.Cause(ctx)
}
