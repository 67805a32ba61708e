package webhook

import "sync"

const (
	// mostUnknown contents that Microsoft has never heard of, and which are still asked
	// for, are more than it announces by mistake. Each costs a dozen requests in its first
	// hour and then one an hour, so a tenant's quota of 2,000 a minute hardly feels them.
	mostUnknown = 500
	// mostUntried contents recorded without one of them being given are more than an
	// outage of an hour brings: nobody can know whether they exist.
	mostUntried = 50_000
)

// A Doubt knows when announcements are no longer worth recording: somebody who has the
// secret makes them up. Then, as with a bell, what is genuine among them is found by
// listing, and what is not costs nothing.
type Doubt struct {
	mu      sync.Mutex
	counted int // unknown ones that the ledger held when it was looked at
	fresh   int // found to be unknown since
	untried int // recorded since the source last gave us anything
}

// Counted sets how many announced contents that the source does not know the ledger holds.
func (d *Doubt) Counted(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.counted, d.fresh = n, 0
}

// Unknown notes that the source does not know an announced content.
func (d *Doubt) Unknown() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fresh++
}

// Given notes that the source gave us a content.
func (d *Doubt) Given() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.untried = 0
}

// Grave reports whether announcements are not to be recorded for now.
func (d *Doubt) Grave() bool {
	if d == nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.counted+d.fresh >= mostUnknown || d.untried >= mostUntried
}

func (d *Doubt) recorded(n int) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.untried += n
}
