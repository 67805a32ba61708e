package sim

import (
	"sync/atomic"
	"time"
)

// A Clock runs as the real one does and can be moved, for [Options.Now] and for a
// collector in the same process. The zero Clock tells the real time.
type Clock struct {
	moved atomic.Int64 // nanoseconds ahead of the real one
}

// Now is the time by this clock.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.moved.Load())) }

// Set makes it t now.
func (c *Clock) Set(t time.Time) { c.moved.Store(int64(time.Until(t))) }

// Advance moves it by d.
func (c *Clock) Advance(d time.Duration) { c.moved.Add(int64(d)) }
