package collect_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"sync"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/state"
)

var errStore = errors.New("the store is down")

// A fate is what becomes of a write.
type fate int

const (
	works   fate = iota
	lost         // failed and not persisted
	unheard      // failed but persisted
	dies         // not persisted, and nothing works from here on: killed before
	dying        // persisted, and nothing works from here on: killed after
)

// A write is what a fate is chosen for. Nth counts the writes of its kind from 1,
// total all of them.
type write struct {
	kind       string
	nth, total int
}

// A store is an embedded store whose writes fail as a test says.
type store struct {
	collect.Store
	fate func(write) fate // nil: everything works

	mu     sync.Mutex
	counts map[string]int
	total  int
	dead   bool
	woken  []wake
}

// A wake is what a worker elsewhere was told.
type wake struct {
	content collect.Key
	at      time.Time
}

func open(t *testing.T) *store {
	t.Helper()
	embedded, err := state.OpenEmbedded(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = embedded.Close() }) // a test may have closed it
	return &store{Store: embedded}
}

func (s *store) do(kind string, f func() error) error {
	s.mu.Lock()
	if s.counts == nil {
		s.counts = map[string]int{}
	}
	s.counts[kind]++
	s.total++
	w, dead := write{kind, s.counts[kind], s.total}, s.dead
	s.mu.Unlock()
	if dead {
		return errStore
	}
	what := works
	if s.fate != nil {
		what = s.fate(w)
	}
	if what == dies || what == dying {
		s.mu.Lock()
		s.dead = true
		s.mu.Unlock()
	}
	switch what {
	case lost, dies:
		return errStore
	case unheard, dying:
		return errors.Join(errStore, f())
	}
	return f()
}

// writes counts the requests that wrote a kind.
func (s *store) writes(kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[kind]
}

func (s *store) alive() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return errStore
	}
	return nil
}

func (s *store) Get(ctx context.Context, key collect.Key) (collect.Row, error) {
	if err := s.alive(); err != nil {
		return collect.Row{}, err
	}
	return s.Store.Get(ctx, key)
}

func (s *store) List(ctx context.Context, kind, partition, from string) iter.Seq2[collect.Row, error] {
	if err := s.alive(); err != nil {
		return func(yield func(collect.Row, error) bool) { yield(collect.Row{}, err) }
	}
	return s.Store.List(ctx, kind, partition, from)
}

func (s *store) Insert(ctx context.Context, row collect.Row) (version string, err error) {
	err = s.do(row.Kind, func() (err error) { version, err = s.Store.Insert(ctx, row); return err })
	return version, err
}

func (s *store) Replace(ctx context.Context, row collect.Row) (version string, err error) {
	err = s.do(row.Kind, func() (err error) { version, err = s.Store.Replace(ctx, row); return err })
	return version, err
}

func (s *store) BatchThen(ctx context.Context, batch, then []collect.Write) ([]collect.Written, error) {
	return collect.InSteps(ctx, s, batch, then)
}

func (s *store) Delete(ctx context.Context, key collect.Key, version string) error {
	return s.do(key.Kind, func() error { return s.Store.Delete(ctx, key, version) })
}

func (s *store) Batch(ctx context.Context, writes []collect.Write) error {
	return s.do(writes[0].Row.Kind, func() error { return s.Store.Batch(ctx, writes) })
}

func (s *store) Partitions(ctx context.Context, kind, from string) iter.Seq2[string, error] {
	if err := s.alive(); err != nil {
		return func(yield func(string, error) bool) { yield("", err) }
	}
	return s.Store.Partitions(ctx, kind, from)
}

func (s *store) Payload(ctx context.Context, name string) ([]byte, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	return s.Store.Payload(ctx, name)
}

func (s *store) DeletePayload(ctx context.Context, name string) error {
	return s.do("payload", func() error { return s.Store.DeletePayload(ctx, name) })
}

func (s *store) Wake(ctx context.Context, content collect.Key, at time.Time) error {
	return s.do("wake", func() error {
		s.mu.Lock()
		s.woken = append(s.woken, wake{content, at})
		s.mu.Unlock()
		return s.Store.Wake(ctx, content, at)
	})
}

// wakes returns what was told since it was asked last.
func (s *store) wakes() []wake {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := s.woken
	s.woken = nil
	return told
}

func (s *store) PutPayload(ctx context.Context, name string, body []byte) error {
	return s.do("payload", func() error { return s.Store.PutPayload(ctx, name, body) })
}

// nth chooses a fate for the n-th write of a kind and lets all others work.
func nth(kind string, n int, f fate) func(write) fate {
	return func(w write) fate {
		if w.kind == kind && w.nth == n {
			return f
		}
		return works
	}
}

// rows is a partition as it is in the store, whatever the process thinks.
func (s *store) rows(t *testing.T, kind, partition string) []collect.Row {
	t.Helper()
	var rows []collect.Row
	for row, err := range s.Store.List(t.Context(), kind, partition, "") {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// tamper changes fields of a row behind everybody's back.
func (s *store) tamper(t *testing.T, key collect.Key, change collect.Fields) {
	t.Helper()
	row, err := s.Store.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(row.Fields, change)
	if _, err := s.Store.Replace(t.Context(), row); err != nil {
		t.Fatal(err)
	}
}

func (f fate) String() string {
	return [...]string{"works", "failed and not persisted", "failed but persisted", "killed before", "killed after"}[f]
}

func (w write) String() string { return fmt.Sprintf("%s %d", w.kind, w.nth) }
