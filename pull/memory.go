package pull

import (
	"sync"
	"time"

	"azcollector/internal/collect"
)

// rememberFor is how old the windows are whose delivered contents are remembered:
// the current and the last hour, and one more for a slow pass.
const rememberFor = 3 * time.Hour

// A memory is what a process knows of a type beside its cursor. Forgetting it
// costs requests and reads, nothing else.
type memory struct {
	mu        sync.Mutex
	failed    map[time.Time]int             // how often a window could not be listed since it last could
	delivered map[time.Time]map[string]bool // ids per window
}

// remember returns the memory of a type and drops what of it is old.
func (l *Lister) remember(f feed) *memory {
	now := l.Now().UTC()
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.memories[f]
	if m == nil {
		m = &memory{failed: map[time.Time]int{}, delivered: map[time.Time]map[string]bool{}}
		l.memories[f] = m
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for begin := range m.delivered {
		if now.Sub(begin.Add(collect.Window)) > rememberFor {
			delete(m.delivered, begin)
		}
	}
	for begin := range m.failed {
		if begin.Add(collect.Window).Before(edge(now)) {
			delete(m.failed, begin)
		}
	}
	return m
}

func (m *memory) deliver(begin time.Time, id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := m.delivered[begin]
	if ids == nil {
		ids = map[string]bool{}
		m.delivered[begin] = ids
	}
	ids[id] = true
}

// knows reports whether a content was delivered, so that an idle minute reads
// nothing from the store.
func (m *memory) knows(begin time.Time, id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.delivered[begin][id]
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
