package main

import "time"

// queuePause: a complaint about the queue may come with every request.
const queuePause = time.Minute

// unwoken tells that the queue takes no messages. Nothing is lost by that, but contents
// wait until they are overdue.
func (h *house) unwoken(err error) {
	if h.unwokenLines.again(time.Now(), 1, queuePause) {
		h.log.WithField("component", "content").WithError(err).Warn("cannot wake a worker: contents wait until they are overdue")
	}
}

// queueRead tells that the queue cannot be read, and keeps it for who asks for our health.
func (h *house) queueRead(err error) {
	h.due.note(err)
	if err != nil && h.queueLines.again(time.Now(), 1, queuePause) {
		h.log.WithField("component", "content").WithError(err).Error("cannot read the queue")
	}
}
