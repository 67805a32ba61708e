package collect

import "time"

// What is found in the state, or in a notification, that no collector and no Microsoft
// writes is counted under one of these names, and told by the next check-in.
const (
	OddAddress   = "address"   // a content's row leads to another host or tenant than is configured
	OddCursor    = "cursor"    // it stands in the future, or gave up what can be listed still
	OddDue       = "due"       // longer ahead than any content rests
	OddInstances = "instances" // more of them keep statistics than anybody runs
	OddLease     = "lease"     // longer than anybody leases a content
	OddMessage   = "message"   // of the queue, that names no row
	OddRow       = "row"       // it names another content than its key does
	OddState     = "state"     // finished by nobody, or in a state that there is not
	// OddEntry is one of a notification with the right secret, about another host or tenant.
	OddEntry = "entry"
)

// OddInState are those that only who can write to the state makes.
var OddInState = []string{OddAddress, OddCursor, OddDue, OddInstances, OddLease, OddMessage, OddRow, OddState}

const (
	// leaseMost is how far ahead a lease is believed. Clocks may differ by minutes; who
	// believes more lets one row keep a content from everybody for ever.
	leaseMost = 10 * LeaseTime
	// RestMost is more than any content rests, and how far ahead a due row is believed.
	RestMost = dueMost + leaseMost
)

// Odd counts what should not be there, and says so to nobody else.
func (m *Meter) Odd(what string, n int) { m.count(func(s *Stats) { s.odd(what, int64(n)) }) }

func (s *Stats) odd(what string, n int64) {
	if s.Strange == nil {
		s.Strange = map[string]int64{}
	}
	if s.Strange[what] += n; s.Strange[what] == 0 {
		delete(s.Strange, what)
	}
}

// odd tells of something in the state that no ledger writes.
func (l *Ledger) odd(what string, about Content) {
	if l.Odd != nil {
		l.Odd(what, about)
	}
}

// leased reports whether somebody's lease on the content is to be believed.
func (c Content) leased(now time.Time) bool {
	return c.Owner != "" && now.Before(c.LeaseUntil) && !c.leasedTooLong(now)
}

// leasedTooLong: nobody takes such a lease, so it is nobody's.
func (c Content) leasedTooLong(now time.Time) bool { return c.LeaseUntil.Sub(now) > leaseMost }

// restsTooLong: no content is due so late.
func (c Content) restsTooLong(now time.Time) bool { return c.Due.Sub(now) > RestMost }

// unfinished reports whether a row states an end that nobody wrote: it counts as
// pending.
func unfinished(row Row, c Content) bool {
	state, _ := row.Fields["State"].(string)
	return c.State == Pending && State(state) != Pending
}
