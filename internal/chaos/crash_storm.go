package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"azcollector/internal/sim"
)

const (
	// stormRecords is how many a content has, and stormEvery how often one comes.
	stormRecords = 25
	stormEvery   = 60 * time.Millisecond
	// stormAtOnce is O365_CONCURRENCY: so many contents are in a killed collector's hands.
	stormAtOnce = 4
	// stormPatience is how long all may take once nobody is killed any more: see
	// stage.patience, and many have to get in line.
	stormPatience = 8 * time.Minute
)

// A storm is a crew of collectors on one state, under load, and somebody who kills them.
type storm struct {
	*sim.World
	store   string
	program string
	dir     string
	env     []string
	tally   *crashTally
	kill    []chan struct{} // for each of the crew
	leapt   bool            // the world's clock did
}

// A crew is so many on a state of one kind.
type crew struct {
	store string
	n     int
}

// storms lets the crews of a store be killed for so long, and moves the clock.
func (c *crash) storms(ctx context.Context, store, program string, last time.Duration, all *crashTallies) error {
	crews := []crew{{store, 1}}
	if store == "azurite" {
		crews = []crew{{store, 2}, {store, 4}}
	}
	var working sync.WaitGroup
	errs := make(chan error, len(crews)+1)
	keep := func(what string, t *crashTally, err error) {
		if err != nil {
			errs <- fmt.Errorf("%s: %w", what, err)
			return
		}
		all.add(t)
	}
	for _, crew := range crews {
		fmt.Fprintf(os.Stderr, "crash: a storm over %d processes (%s) for %v\n", crew.n, store, last.Round(time.Second))
		working.Go(func() {
			t, err := c.storm(ctx, program, crew, last)
			keep("storm", t, err)
		})
	}
	working.Wait()
	if store == "embedded" {
		t, err := c.jumps(ctx, program)
		keep("move the clock", t, err)
	}
	close(errs)
	return <-errs // the first one, if any
}

// newStorm makes a world that pushes to the first of the crew.
func (c *crash) newStorm(program, name, dir string, crew crew, now func() time.Time) (*storm, string, error) {
	address, err := mortalAddress()
	if err != nil {
		return nil, "", err
	}
	s := &storm{store: crew.store, program: program, dir: filepath.Join(c.dir, dir), tally: &crashTally{name: name}}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, "", fmt.Errorf("make a directory: %w", err)
	}
	push := sim.PushOptions{To: "http://" + address + "/api/o365/webhook", Reorder: true, Failures: 1000, Timeout: 30 * time.Second}
	if crew.n == 1 { // where each content comes by one way only, none may get lost on it
		push.DropEvery, push.DoubleEvery = 11, 7
	}
	state := "STATE_DIR=" + filepath.Join(s.dir, "state")
	if crew.store == "azurite" {
		connection, err := c.accounts.next()
		if err != nil {
			return nil, "", err
		}
		state = "AzureWebJobsStorage=" + connection
	}
	s.World, err = sim.New(sim.Options{
		Seed: c.seed, Calm: true, Tenant: crashTenant, AuthID: crashAuthID, PageSize: 100, Dir: s.dir, Now: now,
		HostID: "0b5e7c66-6c1e-4b0e-8f0d-3a1f5a2c9d10", SourceID: "9a1c5d12-0f3b-4a77-b1de-6f2a8c3e4b21",
		Push: push, Logf: func(string, ...any) {},
	})
	if err != nil {
		return nil, "", err
	}
	s.env = crashSettings(s.World, state, "PULL_SCHEDULE=*/2 * * * * *", fmt.Sprint("O365_CONCURRENCY=", stormAtOnce), "APP_AL_MAX_PAYLOAD=4000")
	for range crew.n {
		s.kill = append(s.kill, make(chan struct{}))
	}
	return s, address, nil
}

func (c *crash) storm(ctx context.Context, program string, crew crew, last time.Duration) (*crashTally, error) {
	s, address, err := c.newStorm(program, fmt.Sprintf("storm of %d (%s)", crew.n, crew.store), fmt.Sprintf("%s-%d", crew.store, crew.n), crew, nil)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	raging, calm := context.WithTimeout(ctx, last)
	defer calm()
	living, end := context.WithCancel(ctx)
	var working sync.WaitGroup
	defer working.Wait()
	defer end()
	for i := range crew.n {
		at := "" // only the first has an address that somebody knows
		if i == 0 {
			at = address
		}
		working.Go(func() { s.live(living, i, at) })
	}
	publishing := make(chan struct{})
	go func() { defer close(publishing); s.publish(raging, crew.n > 1) }()
	s.rage(raging)
	<-publishing
	began := time.Now()
	s.calm(ctx)
	s.tally.recovered = append(s.tally.recovered, time.Since(began))
	end()
	working.Wait()
	s.judge(ctx)
	return s.tally, ctx.Err()
}

// live is one of the crew: it lives until it is killed, and again, and at the end of ctx
// it stops in order.
func (s *storm) live(ctx context.Context, i int, address string) {
	for life := 1; ctx.Err() == nil; life++ {
		b := birth{program: s.program, dir: s.dir, name: fmt.Sprintf("%d-%d", i, life), env: s.env, address: address}
		m, err := b.start(ctx)
		if err != nil {
			if ctx.Err() == nil {
				s.tally.complain("%v", err)
			}
			return
		}
		select {
		case <-s.kill[i]:
			m.kill()
		case <-ctx.Done():
			m.stop()
		case <-m.ended:
			s.tally.complain("%v", m.explain(errEnded))
			return
		}
		if m.panicked() {
			s.tally.complain("%v", m.explain(fmt.Errorf("it panicked")))
		}
	}
}

// publish offers contents until ctx ends. apart: each is told or listed and not both, for
// two processes that carry the same record at the same moment may both deliver it.
func (s *storm) publish(ctx context.Context, apart bool) {
	generator := sim.NewGenerator(s.Seed(), crashTenant)
	next := time.NewTicker(stormEvery)
	defer next.Stop()
	for n := 0; ; n++ {
		o := sim.Offer{ContentType: crashType}
		if apart { // nor may a record come back in a later content
			o.Records = paddedRecords(rand.New(rand.NewPCG(s.Seed(), uint64(n))), stormRecords, time.Now())
			o.Unlisted, o.Unpushed = n%2 == 0, n%2 == 1
		} else {
			o.Records = generator.Records(crashType, stormRecords, time.Now())
		}
		s.Offer(o)
		select {
		case <-next.C:
		case <-ctx.Done():
			return
		}
	}
}

// rage kills somebody now and then until ctx ends. With a storage account a content that
// was in his hands rests for a minute, so there it is rarer.
func (s *storm) rage(ctx context.Context) {
	first, spread := 300*time.Millisecond, 2*time.Second
	if s.store == "azurite" {
		first, spread = time.Second, 4*time.Second
	}
	dice := rand.New(rand.NewPCG(s.Seed(), 4))
	for {
		select {
		case <-time.After(first + time.Duration(dice.Int64N(int64(spread)))):
		case <-ctx.Done():
			return
		}
		select {
		case s.kill[dice.IntN(len(s.kill))] <- struct{}{}:
			s.tally.kill()
		case <-ctx.Done():
			return
		}
	}
}

// calm waits until nothing is missing and nothing pending.
func (s *storm) calm(ctx context.Context) {
	for deadline := time.Now().Add(stormPatience); ctx.Err() == nil; {
		if s.Book.Report().Lost == 0 {
			state, err := s.status(ctx)
			if err == nil && state.Contents["pending"] == 0 {
				return
			}
			if time.Now().After(deadline) {
				s.tally.complain("%s: %d contents are pending still: %s (%v)", s.tally.name, state.Contents["pending"], state.LastError, err)
				return
			}
		} else if time.Now().After(deadline) {
			s.tally.complain("%s: never arrived: %q", s.tally.name, s.Book.Missing(3))
			return
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

func (s *storm) status(ctx context.Context) (crashState, error) {
	return statusOf(ctx, birth{program: s.program, dir: s.dir, env: s.env})
}

// judge looks at the end of all. Each kill may repeat one batch of each content in hand.
func (s *storm) judge(ctx context.Context) {
	t, r := s.tally, s.Book.Report()
	allowed := t.kills * stormAtOnce * mostPosted(s.World)
	t.report(r, allowed)
	if r.Lost > 0 || r.Unknown > 0 {
		t.complain("%s: lost %d, unknown %d", t.name, r.Lost, r.Unknown)
	}
	if r.Duplicates > allowed {
		t.complain("%s: %d records arrived again, at most %d may", t.name, r.Duplicates, allowed)
	}
	for _, text := range s.Complaints() {
		if s.leapt && strings.Contains(text, "token expired: the caller was told") {
			continue // it was told by a clock that leapt since
		}
		t.complain("%s: the simulator complains: %s", t.name, text)
	}
	state, err := s.status(ctx)
	if err != nil {
		t.complain("%s: %v", t.name, err)
	}
	if state.Contents["pending"]+state.Contents["expired"]+state.DeadLetters > 0 {
		t.complain("%s: the state is left with %+v", t.name, state)
	}
	if state.NextDue != nil {
		t.orphans++
	}
}
