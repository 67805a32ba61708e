package pull

import (
	"context"
	"sync"
	"time"

	"azcollector/internal/collect"
)

const (
	// betweenGlances keeps a busy webhook from turning every notification into requests.
	betweenGlances = time.Second
	// What was heard is remembered for so long, and at most so many of it, for the
	// list to agree.
	heardFor  = time.Hour
	heardMost = 10_000
)

// A bell is what a webhook rings instead of having contents fetched.
type bell struct {
	rung chan struct{}

	mu    sync.Mutex
	feeds map[feed]bool
	ids   map[heard]bool
	order []heardAt // oldest first
}

type heard struct {
	feed
	id string
}

type heardAt struct {
	heard
	at time.Time
}

// Ring makes Watch list the current and the last hour of a type at once, and
// remembers the announced ids, to be counted when the list agrees. It never waits.
// What is not configured is ignored.
func (l *Lister) Ring(tenant, contentType string, ids []string) {
	l.init()
	f := feed{tenant, contentType}
	if !l.configured(f) {
		return
	}
	l.bell.ring(f, ids, time.Now())
}

// looks is how often a ring makes us look, a second apart. The source's clock is
// known to the second, so what it announces at once may lie behind the end of the
// first look.
const looks = 3

// Watch answers the bell until ctx ends: one pass at a time, at most one a second.
// What goes wrong is told to Report, and left to the next Run.
func (l *Lister) Watch(ctx context.Context) error {
	l.init()
	left := map[feed]int{}
	for {
		if len(left) == 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-l.bell.rung:
			}
		}
		for f := range l.bell.take() {
			left[f] = looks
		}
		l.answer(ctx, left)
		for f := range left {
			if left[f]--; left[f] == 0 {
				delete(left, f)
			}
		}
		if collect.Wait(ctx, betweenGlances) != nil {
			return nil
		}
	}
}

func (l *Lister) answer(ctx context.Context, rung map[feed]int) {
	if l.glancing.take(ctx) != nil {
		return
	}
	defer l.glancing.give()
	for _, tenant := range l.Tenants {
		var types []string
		for _, contentType := range l.Types {
			if rung[feed{tenant, contentType}] > 0 {
				types = append(types, contentType)
			}
		}
		if len(types) > 0 && ctx.Err() == nil {
			l.glance(ctx, tenant, types)
		}
	}
}

// glance lists the current and the last hour of some types. Whether a type is
// failing is for Run to say, which sees all of its windows.
func (l *Lister) glance(ctx context.Context, tenant string, types []string) {
	if err := l.Synchronise(ctx, tenant); err != nil {
		if ctx.Err() == nil {
			l.Report(Listing{Tenant: tenant, Err: err})
		}
		return
	}
	readings, _ := l.open(ctx, tenant, types) // the error is reported
	now := l.Now().UTC()
	for _, r := range readings {
		for _, begin := range []time.Time{now.Truncate(collect.Window), now.Truncate(collect.Window).Add(-collect.Window)} {
			if !begin.Before(r.cursor.Begin) {
				l.list(ctx, []window{{reading: r, begin: begin}}, 1, time.Time{})
			}
		}
		_ = l.close(ctx, r) // the error is reported
	}
}

func (b *bell) ring(f feed, ids []string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.feeds == nil {
		b.feeds, b.ids = map[feed]bool{}, map[heard]bool{}
	}
	b.feeds[f] = true
	for _, id := range ids {
		if h := (heard{f, id}); !b.ids[h] {
			b.ids[h] = true
			b.order = append(b.order, heardAt{h, now})
		}
	}
	for len(b.order) > 0 && (len(b.order) > heardMost || now.Sub(b.order[0].at) > heardFor) {
		delete(b.ids, b.order[0].heard)
		b.order = b.order[1:]
	}
	select {
	case b.rung <- struct{}{}:
	default: // whoever comes for the ring before finds this one, too
	}
}

func (b *bell) take() map[feed]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	rung := b.feeds
	b.feeds = map[feed]bool{}
	return rung
}

// heard reports whether a content was announced.
func (b *bell) heard(f feed, id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ids[heard{f, id}]
}
