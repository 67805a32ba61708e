package collect_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

const (
	stormContents = 300
	stormRecords  = 5
	stormKills    = 40
	stormBatch    = 2 // records in a batch: what a kill may have delivered twice
)

// A storm kills the processes that share a store, one after the other, at writes
// and sends that chance chooses.
type storm struct {
	t      *testing.T
	shared *store
	down   chan *process // told of every kill

	mu      sync.Mutex
	random  *rand.Rand
	kills   int
	alive   []*process
	started []*process
	inHand  map[string]int // how often a content was in hand of a process that was killed
}

// A process is one of those that share the store. What it does once it is dead
// reaches neither the store nor the destination.
type process struct {
	*collect.Collector
	storm *storm
	store *store
	sink  *sink
	stop  context.CancelFunc
	group sync.WaitGroup

	mu    sync.Mutex
	dead  bool
	holds map[string]bool // contents whose records are on their way
}

func (s *storm) chance(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.IntN(n)
}

// start adds a process that dies at a write or a send, before or after it takes
// effect, as long as the storm lasts.
func (s *storm) start() {
	p := &process{storm: s, store: &store{Store: s.shared.Store}, holds: map[string]bool{}}
	atWrite, atSend, after := 1+s.chance(60), 1+s.chance(15), s.chance(2) == 0
	p.store.fate = func(w write) fate { return p.fate(w.total == atWrite, after) }
	p.sink = &sink{t: s.t, full: stormBatch}
	p.sink.script = func(_ context.Context, n int, open []string) ([]collect.OutcomeState, error) {
		switch p.fate(n == atSend, after) {
		case dying:
			p.sink.take(open...)
			return nil, errStore
		case dies:
			return nil, errStore
		}
		return all(open, collect.Delivered), nil
	}
	s.mu.Lock()
	owner := fmt.Sprint("process ", len(s.started))
	s.started = append(s.started, p)
	s.mu.Unlock()
	p.Collector = &collect.Collector{
		Ledger: ledger(p.store, owner, false), Source: p.source, Concurrency: 4,
		Delivery: &collect.Delivery{Sink: p.sink, Store: p.store, Seen: &collect.Seen{Store: p.store, Shared: true}},
		Report:   p.report,
	}
	ctx, stop := context.WithCancel(s.t.Context())
	p.stop = stop
	p.group.Go(func() { _ = p.Run(ctx) })
	p.group.Go(func() {
		for collect.Wait(ctx, time.Second) == nil {
			for due, err := range p.Ledger.Due(ctx, tenant, time.Now()) {
				if err != nil || p.Bring(ctx, due, func() {}) != nil {
					break
				}
			}
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alive = append(slices.Clone(s.alive), p) // others may be choosing among those that were
}

// fate is what becomes of a write or a send; at the chosen one we die.
func (p *process) fate(chosen, after bool) fate {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.dead:
		return dies
	case !chosen || !p.storm.strikes(p):
		return works
	}
	p.dead = true
	p.store.mu.Lock()
	p.store.dead = true
	p.store.mu.Unlock()
	if after {
		return dying
	}
	return dies
}

// strikes notes a kill, unless the storm is over.
func (s *storm) strikes(p *process) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kills == stormKills {
		return false
	}
	s.kills++
	for id := range p.holds {
		s.inHand[id]++
	}
	s.down <- p
	return true
}

// source takes its time: some contents longer than a lease lasts.
func (p *process) source(ctx context.Context, c collect.Content, _ bool) iter.Seq2[collect.Record, error] {
	p.mu.Lock()
	p.holds[c.ID] = true
	p.mu.Unlock()
	most := 3 * time.Second
	if p.storm.chance(30) == 0 {
		most = 2 * collect.LeaseTime
	}
	slow := time.Duration(p.storm.chance(int(most)))
	return func(yield func(collect.Record, error) bool) {
		if err := collect.Wait(ctx, slow); err != nil {
			yield(collect.Record{}, err)
			return
		}
		read(stormy(c.ID)...)(yield)
	}
}

func (p *process) report(_ context.Context, c collect.Content, _ time.Duration, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.dead {
		delete(p.holds, c.ID)
	}
}

// stormy are a content's records, in hours that all contents share.
func stormy(id string) (raws []string) {
	for i := range stormRecords {
		raws = append(raws, rec(fmt.Sprintf("%s/%d", id, i), 10+i%2, ""))
	}
	return raws
}

// supervise puts a new process in the place of each that was killed, a while
// later, until ctx ends.
func (s *storm) supervise(ctx context.Context) {
	for {
		select {
		case p := <-s.down:
			p.stop()
			s.mu.Lock()
			s.alive = slices.DeleteFunc(slices.Clone(s.alive), func(other *process) bool { return other == p })
			s.mu.Unlock()
			if collect.Wait(ctx, time.Duration(s.chance(int(5*time.Second)))) != nil {
				return
			}
			s.start()
		case <-ctx.Done():
			return
		}
	}
}

// feed lets processes record contents, as the webhook or the list has them. What
// a killed one did not record comes again by the list.
func (s *storm) feed() {
	for i := range stormContents {
		time.Sleep(time.Duration(s.chance(int(time.Second))))
		c := fresh(fmt.Sprint(i))
		for listed := i%2 == 0; !s.record(c, listed); listed = true {
			time.Sleep(time.Second)
		}
	}
}

func (s *storm) record(c collect.Content, listed bool) bool {
	s.mu.Lock()
	alive := s.alive
	s.mu.Unlock()
	if len(alive) == 0 {
		return false
	}
	p := alive[s.chance(len(alive))]
	if listed {
		_, err := p.Ledger.Offer(s.t.Context(), c)
		return err == nil
	}
	claims, err := p.Ledger.Announce(s.t.Context(), []collect.Content{c})
	p.Submit(s.t.Context(), claims)
	return err == nil
}

// Two processes share a store, and whichever is killed, wherever, another one
// goes on: everything is delivered, and twice only what was in hand at a kill.
func TestStormOfKills(t *testing.T) {
	for _, seed := range []uint64{1, 2} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &storm{
					t: t, shared: open(t), down: make(chan *process, stormKills),
					random: rand.New(rand.NewPCG(seed, 0)), inHand: map[string]int{},
				}
				s.start()
				s.start()
				ctx, calm := context.WithCancel(t.Context())
				var supervisor sync.WaitGroup
				supervisor.Go(func() { s.supervise(ctx) })
				s.feed()
				time.Sleep(30 * time.Minute) // leases of the dead end, and what they left half done is settled
				calm()
				supervisor.Wait()
				for _, p := range s.started {
					p.stop()
					p.group.Wait()
				}
				s.judge()
			})
		})
	}
}

func (s *storm) judge() {
	if s.kills < stormKills {
		s.t.Errorf("%d kills, want %d", s.kills, stormKills)
	}
	copies := map[string]int{}
	for _, p := range s.started {
		for _, raw := range p.sink.got() {
			copies[raw]++
		}
	}
	twice := 0
	for i := range stormContents {
		id, again := fmt.Sprint(i), 0
		for _, raw := range stormy(id) {
			if copies[raw] == 0 {
				s.t.Errorf("lost: %s", raw)
			}
			again += max(0, copies[raw]-1)
			delete(copies, raw)
		}
		if most := stormBatch * s.inHand[id]; again > most {
			s.t.Errorf("content %s was in hand at %d kills: %d copies too many, want %d at the most", id, s.inHand[id], again, most)
		}
		twice += again
		if row := get(s.t, s.shared, fresh(id)); row.State != collect.Done || row.Owner != "" || row.Records() != stormRecords {
			s.t.Errorf("row %+v", row)
		}
	}
	if len(copies) > 0 {
		s.t.Errorf("nobody's records: %v", copies)
	}
	if left := dues(s.t, s.shared); len(left) > 0 {
		s.t.Errorf("still due: %+v", left)
	}
	s.t.Logf("%d processes, %d contents in hand at a kill, %d records delivered twice", len(s.started), len(s.inHand), twice)
}
