package content_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/content"
	"azcollector/internal/collect"
)

// A desk is a handler with one worker, whose source keeps each content until the
// test lets it go.
type desk struct {
	*content.Handler
	*site
	queue   *queue
	release chan struct{}
}

func newDesk(t *testing.T) *desk {
	d := &desk{queue: &queue{Store: openEmbedded(t)}, release: make(chan struct{})}
	d.site = newSite(t, d.queue, false)
	d.collector.Concurrency = 1
	d.collector.Source = func(ctx context.Context, c collect.Content, salvage bool) iter.Seq2[collect.Record, error] {
		<-d.release
		return several(ctx, c, salvage)
	}
	d.Handler = &content.Handler{Store: d.queue, Collector: d.collector}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = d.collector.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return d
}

// offer records a content and forgets its message.
func (d *desk) offer(t *testing.T, id string) collect.Key {
	t.Helper()
	c := parcel(id)
	if _, err := d.ledger.Offer(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	d.queue.told()
	return c.Key()
}

// told returns what the queue was asked for since it was asked last.
func (q *queue) told() []wake {
	q.mu.Lock()
	defer q.mu.Unlock()
	told := q.woken
	q.woken = nil
	return told
}

// noWait is the longest that anything takes that waits for nobody: the store lets
// its writers wait a few milliseconds for each other.
const noWait = time.Second

// An answer is what Handle came to.
type answer struct {
	err  error
	took time.Duration
}

func (d *desk) handle(ctx context.Context, payload []byte) <-chan answer {
	answered := make(chan answer, 1)
	began := time.Now()
	go func() {
		err := d.Handle(ctx, payload)
		answered <- answer{err, time.Since(began)}
	}()
	return answered
}

// state is what the ledger says of a content.
func (d *desk) state(t *testing.T, key collect.Key) collect.State {
	t.Helper()
	c, err := d.ledger.Content(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return c.State
}

// While the only worker is busy, a message of another content is put back with a
// delay, long before the host would lose its patience. In its time it is served.
func TestHandlePutsBackWhatNoWorkerTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		slow, next := d.offer(t, "slow"), d.offer(t, "next")
		first := d.handle(t.Context(), collect.Message(slow))
		synctest.Wait()
		for range 3 { // it may happen again and again
			second := <-d.handle(t.Context(), collect.Message(next))
			told := d.queue.told()
			if second.err != nil || second.took > 2*time.Minute || len(told) != 1 || told[0].content != next || !told[0].at.After(time.Now()) {
				t.Fatalf("answered %+v, put back %+v", second, told)
			}
			time.Sleep(time.Until(told[0].at))
		}
		close(d.release)
		if a := <-first; a.err != nil {
			t.Error(a.err)
		}
		if a := <-d.handle(t.Context(), collect.Message(next)); a.err != nil || a.took > noWait {
			t.Errorf("answered %+v", a)
		}
		if told := d.queue.told(); len(told) != 0 {
			t.Errorf("told %+v of what is done", told)
		}
		s, n := d.state(t, slow), d.state(t, next)
		if s != collect.Done || n != collect.Done {
			t.Errorf("states %s, %s", s, n)
		}
	})
}

// A message that can be neither served nor put back fails: the host keeps it.
func TestHandleWithoutAQueueToPutBackInto(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		defer close(d.release)
		d.handle(t.Context(), collect.Message(d.offer(t, "slow")))
		next := d.offer(t, "next")
		synctest.Wait()
		d.queue.fails = errors.New("no such host")
		if a := <-d.handle(t.Context(), collect.Message(next)); !errors.Is(a.err, d.queue.fails) {
			t.Errorf("answered %+v", a)
		}
	})
}

// The host is not kept waiting for a content that takes long, nor by the second
// message of one that is in hand; its worker goes on.
func TestHandleDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		slow := d.offer(t, "slow")
		first := d.handle(t.Context(), collect.Message(slow))
		synctest.Wait()
		if a := <-d.handle(t.Context(), collect.Message(slow)); a.err != nil || a.took > noWait {
			t.Errorf("the second message is answered %+v", a)
		}
		if a := <-first; a.err != nil || a.took >= 10*time.Minute { // host.json's functionTimeout
			t.Errorf("the first message is answered %+v", a)
		}
		if told := d.queue.told(); len(told) != 0 || d.state(t, slow) != collect.Pending {
			t.Errorf("told %+v of a content that is in hand, %s", told, d.state(t, slow))
		}
		time.Sleep(time.Hour)
		d.release <- struct{}{}
		time.Sleep(noWait)
		if s := d.state(t, slow); s != collect.Done {
			t.Errorf("when its source is done, it is %s", s)
		}
	})
}

func TestHandleEndsWithItsContext(t *testing.T) {
	stopped := errors.New("the host stops")
	for _, test := range []struct {
		name    string
		content string // whose message is in hand when the context ends
	}{
		{"at work", "slow"},
		{"waiting for a worker", "next"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t)
				slow, next := d.offer(t, "slow"), d.offer(t, "next")
				ctx, stop := context.WithCancelCause(t.Context())
				answers := map[string]<-chan answer{"slow": d.handle(ctx, collect.Message(slow))}
				synctest.Wait()
				answers["next"] = d.handle(ctx, collect.Message(next))
				synctest.Wait()
				stop(stopped)
				if a := <-answers[test.content]; !errors.Is(a.err, stopped) || a.took > noWait {
					t.Errorf("answered %+v", a)
				}
				if told := d.queue.told(); len(told) != 0 {
					t.Errorf("told %+v; the message that failed comes again by itself", told)
				}
				close(d.release) // the worker is not the invocation's
				time.Sleep(noWait)
				s, n := d.state(t, slow), d.state(t, next)
				if s != collect.Done || n != collect.Pending {
					t.Errorf("states %s, %s", s, n)
				}
			})
		})
	}
	t.Run("before it begins", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t)
			close(d.release)
			ctx, stop := context.WithCancelCause(t.Context())
			slow := d.offer(t, "slow")
			stop(stopped)
			if a := <-d.handle(ctx, collect.Message(slow)); !errors.Is(a.err, stopped) {
				t.Errorf("answered %+v", a)
			}
		})
	})
}

// Whoever can write into the queue can make nobody collect, send or write
// anything but what the ledger has pending.
func TestHandleHostilePayloads(t *testing.T) {
	for _, test := range []struct {
		name    string
		payload string
		refused bool // the host may poison it: it names nothing
	}{
		{"nothing", "", true},
		{"no JSON", "\x00\xff", true},
		{"an address", `"https://elsewhere.example/?sig=x"`, true},
		{"an address beside no row", `{"partition":"p","uri":"https://elsewhere.example/"}`, true},
		{"a heap of brackets", strings.Repeat("[", 65_536), true},
		{"two messages", `{"partition":"p","row":"r"}{"partition":"p","row":"r"}`, true},
		{"no such row", `{"partition":"` + tenant + `|20000101","row":"Audit.General|none"}`, false},
		{"no key", `{"partition":"../..","row":"?comp=list\u0000"}`, false},
		{"a long key", `{"partition":"` + strings.Repeat("p", 60_000) + `","row":"r"}`, false},
		{"another table", `{"kind":"tenant","partition":"` + tenant + `","row":"secret"}`, false},
		{"a finished content", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t)
				close(d.release)
				done, pending := d.offer(t, "done"), d.offer(t, "pending")
				if a := <-d.handle(t.Context(), collect.Message(done)); a.err != nil {
					t.Fatal(a.err)
				}
				d.mu.Lock()
				asked := d.asked
				d.mu.Unlock()
				payload := []byte(test.payload)
				if test.payload == "" && !test.refused {
					payload = collect.Message(done)
				}
				a := <-d.handle(t.Context(), payload)
				if (a.err != nil) != test.refused || a.took > noWait {
					t.Errorf("answered %+v", a)
				}
				if told := d.queue.told(); len(told) != 0 || d.asked != asked || d.state(t, pending) != collect.Pending || d.state(t, done) != collect.Done {
					t.Errorf("told %+v, the destination was asked %d times more", told, d.asked-asked)
				}
				// The next message finds the worker at its place.
				if a := <-d.handle(t.Context(), collect.Message(pending)); a.err != nil || d.state(t, pending) != collect.Done {
					t.Errorf("after it, answered %+v, %s", a, d.state(t, pending))
				}
			})
		})
	}
}
