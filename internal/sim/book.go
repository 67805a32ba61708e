package sim

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Book knows every record by its bytes: how often it was published and how
// often it arrived. A revision (the same Id with other bytes) is another record.
type Book struct {
	complain func(string)
	now      func() time.Time // nil: lags are not measured
	lossy    atomic.Bool      // what arrives now is not acknowledged: it may come again

	mu        sync.Mutex
	entries   map[[sha256.Size]byte]*entry
	announced int
	received  int
	bytes     int64
	unknown   []string
}

type entry struct {
	sample    string // the record's beginning, for people
	id, dated bool   // it has an Id, and a time that can be read
	published int
	received  int
	unacked   int
	since     time.Time     // first published
	lag       time.Duration // from then until it first arrived
}

// A Report compares what was published with what arrived.
type Report struct {
	Announced int   // contents published
	Published int   // records published, repeated ones each time
	Distinct  int   // of them by their bytes
	Received  int   // records that arrived
	Bytes     int64 // of those
	Delivered int   // distinct records that arrived
	Lost      int   // records that arrived less often than they must
	// Duplicates are arrivals beyond the first of a record with Id and time, less
	// those whose acknowledgement the simulator withheld.
	Duplicates int
	// Repeated are arrivals beyond the need that are no fault: of records without
	// Id or time, or after an acknowledgement that got lost.
	Repeated int
	Unknown  int // arrived, but was never published: each is a complaint
	// Lags are from publication until first arrival, of the records delivered so
	// far: half of them took no longer than LagP50, 95 of 100 no longer than LagP95.
	LagP50, LagP95, LagMax time.Duration `json:"-"`
}

// sampleBytes is how much of a record a report shows.
const sampleBytes = 200

// Published notes that a record was published once more.
func (b *Book) Published(record []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.note(record)
}

func (b *Book) publish(records [][]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.announced++
	for _, r := range records {
		b.note(r)
	}
}

// note counts a publication; the lock is the caller's.
func (b *Book) note(record []byte) {
	if b.entries == nil {
		b.entries = map[[sha256.Size]byte]*entry{}
	}
	sum := sha256.Sum256(record)
	e := b.entries[sum]
	if e == nil {
		e = &entry{sample: sample(record), since: b.time()}
		e.id, e.dated = identity(record)
		b.entries[sum] = e
	}
	e.published++
}

// Received notes that the destination was given a record.
func (b *Book) Received(record []byte) {
	sum := sha256.Sum256(record)
	b.mu.Lock()
	e := b.entries[sum]
	b.received++
	b.bytes += int64(len(record))
	if e != nil {
		if e.received++; e.received == 1 {
			e.lag = max(0, b.time().Sub(e.since))
		}
		if b.lossy.Load() {
			e.unacked++
		}
	} else {
		b.unknown = append(b.unknown, sample(record))
	}
	b.mu.Unlock()
	if e == nil && b.complain != nil {
		b.complain("a record arrived that was never published: " + sample(record))
	}
}

// Report compares what was published with what arrived so far.
func (b *Book) Report() Report {
	r, lags := b.sum()
	r.LagP50, r.LagP95, r.LagMax = quantiles(lags)
	return r
}

// sum leaves the lags to be sorted when the book is open again.
func (b *Book) sum() (Report, []time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var lags []time.Duration
	r := Report{Announced: b.announced, Distinct: len(b.entries), Received: b.received, Bytes: b.bytes, Unknown: len(b.unknown)}
	for _, e := range b.entries {
		r.Published += e.published
		if e.received > 0 {
			r.Delivered++
			lags = append(lags, e.lag)
		}
		r.Lost += max(e.needed()-e.received, 0)
		again := max(e.received-e.needed(), 0)
		excused := again
		if e.id && e.dated {
			excused = min(again, e.unacked)
		}
		r.Repeated += excused
		r.Duplicates += again - excused
	}
	return r, lags
}

func (b *Book) time() time.Time {
	if b.now == nil {
		return time.Time{}
	}
	return b.now()
}

// needed is how often a record must arrive: what has no Id can never be filtered.
func (e *entry) needed() int {
	if e.id {
		return min(e.published, 1)
	}
	return e.published
}

// Missing shows the beginnings of up to n records that have not arrived.
func (b *Book) Missing(n int) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var missing []string
	for _, e := range b.entries {
		if e.received < e.needed() {
			missing = append(missing, e.sample)
		}
	}
	slices.Sort(missing)
	return missing[:min(n, len(missing))]
}

// identity reports whether a record has an Id and a time that can be read. One
// without a time is looked up under its content's hour, which differs by route,
// so that no filter can be blamed if it arrives again.
func identity(record []byte) (id, dated bool) {
	var members map[string]json.RawMessage // exact names: encoding/json would take "id" for "Id"
	if json.Unmarshal(record, &members) != nil {
		return false, false
	}
	var name, created string
	_ = json.Unmarshal(members["Id"], &name) // another type than string is no Id
	_ = json.Unmarshal(members["CreationTime"], &created)
	return name != "", readable(created)
}

func readable(s string) bool {
	s = strings.TrimSuffix(s, "Z")
	_, err := time.Parse("2006-01-02T15:04:05.999999999", s)
	return err == nil
}

func sample(record []byte) string {
	return strings.ToValidUTF8(string(record[:min(len(record), sampleBytes)]), "")
}
