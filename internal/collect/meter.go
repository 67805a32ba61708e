package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"
)

// kindStats has a row per process and window, and beside it what of the row was
// reported already.
const kindStats = "stats"

const (
	// statsWindow is how long one row counts.
	statsWindow = 15 * time.Minute
	statsLayout = "20060102T1504"
	reported    = "|reported"
	// aliveFor is how long after its last row a process counts as alive.
	aliveFor = 3 * time.Minute
)

// A Meter counts what this process does and keeps it in the store, so that the
// counts of all processes can be summed. What a killed process had not kept yet,
// a minute's worth, is missing from the statistics, and from nothing else.
type Meter struct {
	Store Store
	// Tenant is under which the rows lie, Owner names this process.
	Tenant, Owner string

	mu    sync.Mutex
	fresh Stats // not in the row yet
	news  Stats // not taken yet

	flushing sync.Mutex
	window   time.Time
	total    Stats // what the row of window holds
	version  string
	doubt    bool // a write failed, and its row may hold more
}

// Called counts an invocation of a function.
func (m *Meter) Called(function string, failed bool) {
	m.count(func(s *Stats) {
		c := s.function(function)
		c.Invocations++
		if failed {
			c.Errors++
		}
	})
}

// Throttled counts an answer by which the source slowed us down.
func (m *Meter) Throttled() { m.count(func(s *Stats) { s.Throttled++ }) }

// Offered counts how an offered content came to be known.
func (m *Meter) Offered(contentType string, o Offered) {
	m.count(func(s *Stats) {
		if o.Fresh || o.Agreed {
			s.flow(contentType).Listed++
		}
		switch {
		case o.Agreed:
			s.Agreed++
		case o.Fresh:
			s.Unannounced++
		}
	})
}

func (m *Meter) count(change func(*Stats)) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.fresh)
	change(&m.news)
}

// Take returns what was counted since it was last called, whether or not it could
// be written: for the log, which must tell also while the store cannot.
func (m *Meter) Take() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	news := m.news
	m.news = Stats{}
	return news
}

// correct changes what is to be written, and nothing that was counted.
func (m *Meter) correct(change func(*Stats)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.fresh)
}

// Close writes what was counted since the last Flush, if anything was: who only
// looked at the state is no collector, and writes nothing.
func (m *Meter) Close(ctx context.Context) error {
	m.mu.Lock()
	nothing := m.fresh.Empty()
	m.mu.Unlock()
	if nothing {
		return nil
	}
	return m.Flush(ctx)
}

// Flush writes what was counted into the row of the current window.
func (m *Meter) Flush(ctx context.Context) error {
	m.flushing.Lock()
	defer m.flushing.Unlock()
	if err := m.reread(ctx); err != nil {
		return fmt.Errorf("keep statistics: %w", err)
	}
	now := time.Now().UTC()
	if window := now.Truncate(statsWindow); !window.Equal(m.window) {
		m.window, m.total, m.version = window, Stats{}, ""
	}
	m.mu.Lock()
	fresh := m.fresh
	m.fresh = Stats{}
	m.mu.Unlock()
	next := Stats{}
	next.Add(&m.total, 1)
	next.Add(&fresh, 1)
	version, err := m.write(ctx, &next, now)
	if err != nil {
		m.correct(func(s *Stats) { s.Add(&fresh, 1) })
		m.doubt = true
		return fmt.Errorf("keep statistics: %w", err)
	}
	m.total, m.version = next, version
	return nil
}

// reread settles what a write came to whose outcome is not known: what arrived
// is not counted once more, in this window or the next one. Nobody else writes
// our row.
func (m *Meter) reread(ctx context.Context) error {
	if !m.doubt {
		return nil
	}
	row, err := m.Store.Get(ctx, m.key())
	switch {
	case errors.Is(err, ErrNotFound): // it did not arrive; or the row was swept, and reported before
		m.version = ""
	case err != nil:
		return err
	default:
		kept := statsOf(row)
		m.correct(func(s *Stats) {
			s.Add(&m.total, 1)
			s.Add(&kept, -1)
		})
		m.total, m.version = kept, row.Version
	}
	m.doubt = false
	return nil
}

func (m *Meter) key() Key {
	return Key{kindStats, statsPartition(m.Tenant, m.window), EscapeKey(m.Owner)}
}

func (m *Meter) write(ctx context.Context, s *Stats, now time.Time) (version string, err error) {
	row := Row{Key: m.key(), Version: m.version}
	if row.Fields, err = s.fields(now); err != nil {
		return "", err
	}
	return Swap(ctx, m.Store, row)
}

func statsPartition(tenant string, window time.Time) string {
	return EscapeKey(tenant, window.UTC().Format(statsLayout))
}

func (s *Stats) fields(now time.Time) (Fields, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return Fields{"Stats": string(b), "At": now}, nil
}

// statsOf reads a row. One of somebody else's making counts nothing.
func statsOf(row Row) Stats {
	var s Stats
	text, _ := row.Fields["Stats"].(string)
	if json.Unmarshal([]byte(text), &s) != nil {
		return Stats{}
	}
	maps.DeleteFunc(s.Functions, func(_ string, c *Calls) bool { return c == nil }) // "name":null
	maps.DeleteFunc(s.Types, func(_ string, f *Flow) bool { return f == nil })
	return s
}
