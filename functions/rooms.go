package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"azcollector/internal/collect"
)

// rooms is all that the two front doors, the Functions host's and our own, need
// to know of what is behind them.
type rooms struct {
	// Webhook answers the notifications.
	Webhook http.Handler
	// Background is run while the process lives; a function that returns an
	// error before its context ends is run again, after a growing pause.
	Background []func(ctx context.Context) error
	// Functions are the triggers by their folders' names.
	Functions map[string]function
	// Timers say when some of them run; the Functions host reads that itself.
	Timers []timer
	// Renew is closed when another configuration is to be used; nil: that never is.
	Renew <-chan struct{}
	// Health says what keeps us from working, if anything; nil is healthy.
	Health func() error
	// Close lets go of everything once nothing runs any more.
	Close func(ctx context.Context) error
}

// stopGrace bounds how long requests and rooms may take to end. Container
// platforms kill ten seconds or more after they ask to stop.
const stopGrace = 10 * time.Second

// again is how patiently what must not stay broken is tried again: for as long
// as the process lives.
var again = collect.Retry{Attempts: math.MaxInt, First: time.Second, Most: time.Minute}

// tryAgain calls f until it succeeds or ctx ends. An error is logged once for as
// long as it stays the same. What the error judges does not matter here: keys are
// mended and storage comes back while we run.
func tryAgain(ctx context.Context, log *logrus.Entry, what string, f func(context.Context) error) error {
	var last string
	return again.Do(ctx, func(ctx context.Context) error {
		err := guard(func() error { return f(ctx) })
		if err == nil || ctx.Err() != nil {
			return err
		}
		if text := err.Error(); text != last {
			last = text
			logLines(log, err, what)
		}
		return &collect.Fault{Err: err}
	})
}

// logLines logs what errors.Join joined as a line each. (An error of fmt.Errorf
// with several %w has parts as well, but a text of its own.)
func logLines(log *logrus.Entry, err error, what string) {
	var parts []error
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		parts = joined.Unwrap()
	}
	if whole := errors.Join(parts...); whole == nil || whole.Error() != err.Error() {
		log.WithError(err).Error(what)
		return
	}
	for _, part := range parts {
		logLines(log, part, what)
	}
}

// runBackground starts the rooms' background functions. Call wait after ctx has
// ended: they are done when it returns.
func (r *rooms) runBackground(ctx context.Context, log *logrus.Logger) (wait func()) {
	var running sync.WaitGroup
	for _, f := range r.Background {
		running.Go(func() {
			_ = tryAgain(ctx, log.WithField("component", "background"), "background work stopped", f) // logged there
		})
	}
	return running.Wait
}

// live runs the background functions until ctx ends, or until another configuration
// is to be used; only then it returns true.
func (r *rooms) live(ctx context.Context, log *logrus.Logger) (renew bool) {
	background, cancel := context.WithCancel(ctx)
	wait := r.runBackground(background, log)
	select {
	case <-ctx.Done():
	case <-r.Renew:
	}
	cancel()
	wait()
	return ctx.Err() == nil
}

func (r *rooms) close(ctx context.Context) error {
	if r.Close == nil {
		return nil
	}
	if err := r.Close(ctx); err != nil {
		return fmt.Errorf("close the house: %w", err)
	}
	return nil
}

// guard turns a panic into an error: one bad payload must not end the process
// and with it what other invocations are doing.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}
