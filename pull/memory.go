package pull

import (
	"sync"
	"time"

	"azcollector/internal/collect"
)

// rememberFor is how old the windows are whose contents are remembered:
// the current and the last hour, and one more for a slow pass.
const rememberFor = 3 * time.Hour

// A memory is what a process knows of a type beside its cursor. Forgetting it
// costs requests and reads, nothing else.
type memory struct {
	mu     sync.Mutex
	failed map[time.Time]int             // how often a window could not be listed since it last could
	known  map[time.Time]map[string]bool // ids per window that the ledger has as listed
}

// remember returns the memory of a type and drops what of it is old.
func (l *Lister) remember(f feed) *memory {
	now := l.Now().UTC()
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.memories[f]
	if m == nil {
		m = &memory{failed: map[time.Time]int{}, known: map[time.Time]map[string]bool{}}
		l.memories[f] = m
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for begin := range m.known {
		if now.Sub(begin.Add(collect.Window)) > rememberFor {
			delete(m.known, begin)
		}
	}
	for begin := range m.failed {
		if begin.Add(collect.Window).Before(edge(now)) {
			delete(m.failed, begin)
		}
	}
	return m
}

// record notes what the ledger has. What becomes of it there is its own affair: if
// it came to nothing, listing its window again as an older one asks the ledger.
func (m *memory) record(begin time.Time, id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := m.known[begin]
	if ids == nil {
		ids = map[string]bool{}
		m.known[begin] = ids
	}
	ids[id] = true
}

// knows reports whether a content is recorded, so that an idle minute reads nothing
// from the store.
func (m *memory) knows(begin time.Time, id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known[begin][id]
}

func (m *memory) fail(begin time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failed[begin]++
}

func (m *memory) succeed(begin time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.failed, begin)
}

func (m *memory) failures(begin time.Time) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failed[begin]
}
