package main

import (
	"sync"
	"time"
)

// A refrain lets a complaint through that may come with every request, once a minute.
type refrain struct {
	mu   sync.Mutex
	last time.Time
}

const refrainPause = time.Minute

func (r *refrain) again(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.last.IsZero() && now.Sub(r.last) < refrainPause {
		return false
	}
	r.last = now
	return true
}

// unwoken tells that the queue takes no messages. Nothing is lost by that, but contents
// wait until they are overdue.
func (h *house) unwoken(err error) {
	if h.unwokenLines.again(time.Now()) {
		h.log.WithField("component", "content").WithError(err).Warn("cannot wake a worker: contents wait until they are overdue")
	}
}

// queueRead tells that the queue cannot be read, and keeps it for who asks for our health.
func (h *house) queueRead(err error) {
	h.due.note(err)
	if err != nil && h.queueLines.again(time.Now()) {
		h.log.WithField("component", "content").WithError(err).Error("cannot read the queue")
	}
}
