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
	ours   map[time.Time]time.Time       // when we listed a window last
	begin  time.Time                     // where the cursor began when we met it first
}

// remember returns the memory of a type and drops what of it is old.
func (l *Lister) remember(f feed) *memory {
	now := l.Now().UTC()
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.memories[f]
	if m == nil {
		m = &memory{failed: map[time.Time]int{}, known: map[time.Time]map[string]bool{}, ours: map[time.Time]time.Time{}}
		l.memories[f] = m
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for begin := range m.known {
		if now.Sub(begin.Add(collect.Window)) > rememberFor {
			delete(m.known, begin)
		}
	}
	for begin := range m.ours {
		if now.Sub(begin.Add(collect.Window)) > rememberFor {
			delete(m.ours, begin)
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

// forget lets the list's word of a content be recorded again.
func (m *memory) forget(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, ids := range m.known {
		delete(ids, id)
	}
}

// Forget makes the next pass offer a content to the ledger again, whose row is not what
// the list said.
func (l *Lister) Forget(c collect.Content) {
	l.init()
	l.mu.Lock()
	m := l.memories[feed{c.Tenant, c.Type}]
	l.mu.Unlock()
	if m != nil {
		m.forget(c.ID)
	}
}

// began is where the cursor must begin at the latest, going by where it once did: it
// forgets nothing but what is out of reach.
func (m *memory) began(begin, now time.Time) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.begin.IsZero() || begin.Before(m.begin) {
		m.begin = begin
	}
	return later(m.begin, edge(now).Truncate(collect.Window))
}

func (m *memory) fail(begin time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failed[begin]++
}

func (m *memory) succeed(begin, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.failed, begin)
	m.ours[begin] = at
}

// sharedFor is how long what another process listed is not asked again: half of
// pull's minute, so that of two the later one rests, and none for long.
const sharedFor = 30 * time.Second

// others reports whether the cursor's word of a window is another process's, and
// just given. A process that never listed the window itself takes no one's word:
// who wrote it may be what it was before it was killed.
func (m *memory) others(begin, listed, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	ours, ok := m.ours[begin]
	return ok && listed.After(ours) && !listed.After(now) && now.Sub(listed) < sharedFor
}

func (m *memory) failures(begin time.Time) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failed[begin]
}
