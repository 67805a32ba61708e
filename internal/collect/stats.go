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
	// Agreed contents were announced and listed under one id, Unannounced ones
	// only listed.
	Agreed      int64 `json:"agreed,omitempty"`
	Unannounced int64 `json:"unannounced,omitempty"`
}

// Calls counts the invocations of a function.
type Calls struct {
	Invocations int64 `json:"invocations"`
	Errors      int64 `json:"errors"`
}

// A Flow counts the records of a content type that were delivered.
type Flow struct {
	Events int64 `json:"events"`
	Bytes  int64 `json:"bytes"`
	// Theirs is from an event to its content (contentCreated less CreationTime),
	// Ours from its content to the acknowledgement.
	Theirs Lags `json:"theirs"`
	Ours   Lags `json:"ours"`
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
	s.Agreed += n * other.Agreed
	s.Unannounced += n * other.Unannounced
}

// Empty reports whether nothing was counted.
func (s *Stats) Empty() bool {
	for _, c := range s.Functions {
		if *c != (Calls{}) {
			return false
		}
	}
	for _, f := range s.Types {
		if *f != (Flow{}) {
			return false
		}
	}
	return s.Agreed == 0 && s.Unannounced == 0
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

func (f *Flow) merge(other *Flow, n int64) {
	f.Events += n * other.Events
	f.Bytes += n * other.Bytes
	f.Theirs.Merge(&other.Theirs, n)
	f.Ours.Merge(&other.Ours, n)
}

// add counts one delivered record of a content.
func (f *Flow) add(p passenger, size int, created, now time.Time) {
	f.Events++
	f.Bytes += int64(size)
	if !p.undated {
		f.Theirs.Add(created.Sub(p.at), 1)
	}
	f.Ours.Add(now.Sub(created), 1)
}
