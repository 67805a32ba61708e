package content_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"azcollector/internal/collect"
)

const (
	// As host.json says: a batch of 8 and the next one while 8 are in hand; a
	// message that failed comes back after 30 s, five times in all; an idle queue
	// is looked at every 2 s.
	atOnce     = 16
	comesBack  = 30 * time.Second
	mostTimes  = 5
	idle       = 2 * time.Second
	queueHides = time.Hour // the longest that a message is hidden
	// queuedAtMost is how many messages the queue holds before only a few overdue
	// contents are told of again.
	queuedAtMost = 4096
)

// A queue is a store shared by several: its Wake puts messages into a queue that
// others work off.
type queue struct {
	collect.Store
	lose int // of so many messages one is lost; 0: none

	mu       sync.Mutex
	messages []message // by the time they can be seen
	put      int
	woken    []wake
	poison   int // messages given up
	fails    error
}

// A message is hidden until some time.
type message struct {
	body     []byte
	visible  time.Time
	attempts int
}

// A wake is what the queue was asked for.
type wake struct {
	content collect.Key
	at      time.Time
}

func (q *queue) Wake(_ context.Context, content collect.Key, at time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fails != nil {
		return q.fails
	}
	q.woken = append(q.woken, wake{content, at})
	q.put++
	if q.lose > 0 {
		if q.put%q.lose == 0 {
			return nil
		}
	}
	hidden := min(max(time.Until(at), 0)+time.Second, queueHides)
	q.hide(message{body: collect.Message(content), visible: time.Now().Add(hidden)})
	return nil
}

func (q *queue) hide(m message) {
	i, _ := slices.BinarySearchFunc(q.messages, m.visible.Add(1), func(m message, t time.Time) int { return m.visible.Compare(t) })
	q.messages = slices.Insert(q.messages, i, m)
}

// take removes the message that can be seen for longest.
func (q *queue) take() (m message, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.messages) == 0 || q.messages[0].visible.After(time.Now()) {
		return message{}, false
	}
	m = q.messages[0]
	q.messages = slices.Delete(q.messages, 0, 1)
	return m, true
}

// restore brings a message back that failed, unless it failed too often.
func (q *queue) restore(m message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if m.attempts++; m.attempts == mostTimes {
		q.poison++
		return
	}
	m.visible = time.Now().Add(comesBack)
	q.hide(m)
}

func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.messages)
}

// host works the queue off as the Functions host does, until ctx ends.
func (q *queue) host(ctx context.Context, handle func(context.Context, []byte) error) {
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for ctx.Err() == nil {
				m, ok := q.take()
				if !ok {
					_ = collect.Wait(ctx, idle)
					continue
				}
				if handle(ctx, m.body) != nil {
					q.restore(m)
				}
			}
		})
	}
	workers.Wait()
}

// requeue is what the timer does every minute.
func (q *queue) requeue(ctx context.Context, l *collect.Ledger, failed func(error)) {
	before := time.Now()
	for collect.Wait(ctx, time.Minute) == nil {
		now := time.Now()
		if _, err := l.Requeue(ctx, tenant, before, now, max(queuedAtMost-q.waiting(), 100)); err != nil {
			if ctx.Err() == nil {
				failed(err)
			}
			continue
		}
		before = now
	}
}
