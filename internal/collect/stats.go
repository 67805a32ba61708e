package collect

import (
	"maps"
	"slices"
	"time"
)

// Stats are what one process, or all of them, did in some time.
type Stats struct {
	// Functions counts invocations by function.
	Functions map[string]*Calls `json:"functions,omitempty"`
	// Types counts deliveries by content type.
	Types map[string]*Flow `json:"types,omitempty"`
	// Throttled counts answers by which the source slowed us down.
	Throttled int64 `json:"throttled,omitempty"`
	// Agreed contents were announced and listed under one id, Unannounced ones
	// only listed.
	Agreed      int64 `json:"agreed,omitempty"`
	Unannounced int64 `json:"unannounced,omitempty"`
	// Strange is what was met that nobody should have written, see [OddInState].
	Strange map[string]int64 `json:"strange,omitempty"`
}

// Calls counts the invocations of a function.
type Calls struct {
	Invocations int64 `json:"invocations"`
	Errors      int64 `json:"errors"`
}

// A Flow counts the contents of a type that were listed for the first time, and its
// records that were delivered.
type Flow struct {
	Listed int64 `json:"listed,omitempty"`
	Events int64 `json:"events"`
	Bytes  int64 `json:"bytes"`
	// Theirs is from an event to its content (contentCreated less CreationTime),
	// Ours from its content to the acknowledgement.
	Theirs Lags `json:"theirs"`
	Ours   Lags `json:"ours"`
	// Workloads are the events by the service that they are of.
	Workloads map[string]int64 `json:"workloads,omitempty"`
}

func (s *Stats) function(name string) *Calls {
	if s.Functions == nil {
		s.Functions = map[string]*Calls{}
	}
	c := s.Functions[name]
	if c == nil {
		c = &Calls{}
		s.Functions[name] = c
	}
	return c
}

func (s *Stats) flow(contentType string) *Flow {
	if s.Types == nil {
		s.Types = map[string]*Flow{}
	}
	f := s.Types[contentType]
	if f == nil {
		f = &Flow{}
		s.Types[contentType] = f
	}
	return f
}

// Add adds what another one counts, n times: n is 1, or -1 to take it away.
func (s *Stats) Add(other *Stats, n int64) {
	for name, c := range other.Functions {
		into := s.function(name)
		into.Invocations += n * c.Invocations
		into.Errors += n * c.Errors
	}
	for name, f := range other.Types {
		s.flow(name).merge(f, n)
	}
	s.Throttled += n * other.Throttled
	s.Agreed += n * other.Agreed
	s.Unannounced += n * other.Unannounced
	for what, met := range other.Strange {
		s.odd(what, n*met)
	}
}

// Empty reports whether nothing was counted.
func (s *Stats) Empty() bool {
	for _, c := range s.Functions {
		if *c != (Calls{}) {
			return false
		}
	}
	for _, f := range s.Types {
		if !f.empty() {
			return false
		}
	}
	return s.Throttled == 0 && s.Agreed == 0 && s.Unannounced == 0 && len(s.Strange) == 0
}

// Names are the functions counted, in order.
func (s *Stats) Names() []string { return slices.Sorted(maps.Keys(s.Functions)) }

// Total sums over the content types.
func (s *Stats) Total() (events, bytes int64) {
	for _, f := range s.Types {
		events += f.Events
		bytes += f.Bytes
	}
	return events, bytes
}

// empty looks at counts that are never wrong on their own: without an event there is
// no delay and no workload.
func (f *Flow) empty() bool { return f.Listed == 0 && f.Events == 0 && f.Bytes == 0 }

func (f *Flow) merge(other *Flow, n int64) {
	f.Listed += n * other.Listed
	f.Events += n * other.Events
	f.Bytes += n * other.Bytes
	f.Theirs.Merge(&other.Theirs, n)
	f.Ours.Merge(&other.Ours, n)
	for name, events := range other.Workloads {
		f.workload(name, n*events)
	}
}

// Names of workloads are the source's words: how many are told apart is bounded, so
// that a row stays small whatever they are. Microsoft documents some dozens.
const (
	mostWorkloads = 64
	otherWorkload = "other"
)

func (f *Flow) workload(name string, events int64) {
	if f.Workloads == nil {
		f.Workloads = map[string]int64{}
	}
	if _, known := f.Workloads[name]; !known && len(f.Workloads) >= mostWorkloads {
		name = otherWorkload
	}
	if f.Workloads[name] += events; f.Workloads[name] == 0 {
		delete(f.Workloads, name)
	}
}

// add counts one delivered record of a content.
func (f *Flow) add(p *passenger, size int, created, now time.Time) {
	f.Events++
	f.workload(p.workload, 1)
	f.Bytes += int64(size)
	if !p.undated {
		f.Theirs.Add(created.Sub(p.at), 1)
	}
	f.Ours.Add(now.Sub(created), 1)
}
