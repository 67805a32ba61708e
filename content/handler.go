package content

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"azcollector/internal/collect"
)

// Trigger is the function's function.json: whoever runs us without the Functions
// host listens to the same queue.
//
//go:embed function.json
var Trigger []byte

const (
	// workerPatience is how long a message waits for a free worker before it is put
	// back, and comeBack how long it then rests.
	workerPatience = time.Minute
	comeBack       = 30 * time.Second
	// workPatience is how long an invocation waits for its content. It is well below
	// host.json's functionTimeout, at which the host kills the whole process.
	workPatience = 4 * time.Minute
)

// A Handler answers the messages of the queue, each of which names one content.
type Handler struct {
	Store     collect.Store
	Collector *collect.Collector
	// Odd is told of a message that names no row; nil: nobody is.
	Odd func()
}

// Handle collects the content that a message names. It succeeds if the content
// was tried, if others have it, if it is worked on still, or if another message
// was put into the queue; what comes of the content is in the ledger, so that the
// host's poison queue is never its end.
func (h *Handler) Handle(ctx context.Context, payload []byte) error {
	key, err := collect.ReadMessage(payload)
	if err != nil {
		if h.Odd != nil {
			h.Odd()
		}
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, workerPatience)
	defer cancel()
	tried, err := h.Collector.Call(waiting, key)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		if err := h.Store.Wake(ctx, key, time.Now().Add(comeBack)); err != nil {
			return fmt.Errorf("put a message back, all workers being busy: %w", err)
		}
		return nil
	}
	patience := time.NewTimer(workPatience)
	defer patience.Stop()
	select {
	case <-tried:
	case <-patience.C: // its worker keeps the lease
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}
