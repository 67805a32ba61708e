package sim

import (
	"crypto/sha256"
	"encoding/json"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"
)

// A Load is contents rendered before anything is measured: compressed as they will
// be served, and of each record only what tells it again. Every record has an Id
// of its own and a time, so that each must arrive exactly once.
type Load struct {
	Records int
	Bytes   int64 // of the records, as the source writes them
	parcels []parcel
}

// A Sum tells one record's bytes from another's.
type Sum [16]byte

// SumOf is a record's.
func SumOf(record []byte) (s Sum) {
	whole := sha256.Sum256(record)
	copy(s[:], whole[:])
	return s
}

type parcel struct {
	kind    string
	created time.Time
	zipped  []byte
	sums    []Sum
	bytes   int64
}

// LoadOptions say what to render.
type LoadOptions struct {
	Seed       uint64
	Tenant     string // as in Options; the records name it
	Records    int
	PerContent int
	Row        int           // so many contents in a row are of one type, as a notification has them; 0: 1
	Until      time.Time     // when the last content is created
	Over       time.Duration // the contents' creations are spread over so long before
	Spread     time.Duration // a content's records happened within so long before it; 0: 90 min, as the Generator's
}

// loadTypes are those that a collector takes unless told otherwise.
var loadTypes = []string{"Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint", "Audit.General"}

// NewLoad renders the contents, on all processors. The same options make the same bytes.
func NewLoad(o LoadOptions) *Load {
	if o.Spread == 0 {
		o.Spread = 90 * time.Minute
	}
	o.Row = max(o.Row, 1)
	stencils := map[string][]stencil{}
	g := NewGenerator(o.Seed, o.Tenant)
	l := &Load{Records: o.Records, parcels: make([]parcel, (o.Records+o.PerContent-1)/o.PerContent)}
	for i := 0; i < len(l.parcels) && len(stencils) < len(loadTypes); i += o.Row {
		stencils[o.kind(i)] = g.stencils(o.kind(i), min(stencilCount, o.Records))
	}
	var working sync.WaitGroup
	n := runtime.GOMAXPROCS(0)
	for worker := range n {
		working.Go(func() {
			for i := worker; i < len(l.parcels); i += n {
				l.parcels[i] = o.render(i, stencils[o.kind(i)], len(l.parcels))
			}
		})
	}
	working.Wait()
	for _, p := range l.parcels {
		l.Bytes += p.bytes
	}
	return l
}

// kind is the type of the i-th content.
func (o *LoadOptions) kind(i int) string { return loadTypes[i/o.Row%len(loadTypes)] }

func (o *LoadOptions) render(i int, stencils []stencil, of int) parcel {
	dice := rand.New(rand.NewPCG(o.Seed, uint64(i)))
	f := &form{dice: dice} // for its ids
	p := parcel{kind: o.kind(i), created: o.Until.Add(-o.Over * time.Duration(of-1-i) / time.Duration(of)).UTC().Truncate(time.Millisecond)}
	records := make([][]byte, min(o.PerContent, o.Records-i*o.PerContent))
	for j := range records {
		at := p.created.Add(-time.Duration(dice.Int64N(int64(o.Spread)))).Format(stencilLayout)
		records[j] = stencils[(i*o.PerContent+j)%len(stencils)].stamp(f.guid(), at)
		p.sums = append(p.sums, SumOf(records[j]))
		p.bytes += int64(len(records[j]))
	}
	p.zipped = zip(render(records))
	return p
}

// Expected calls f with every record of the load.
func (l *Load) Expected(f func(Sum)) {
	for _, p := range l.parcels {
		for _, sum := range p.sums {
			f(sum)
		}
	}
}

// Contents is how many there are.
func (l *Load) Contents() int { return len(l.parcels) }

// Stock offers a load's contents and returns what a notification says of each. With
// listed set the list offers the same records under other ids.
func (w *World) Stock(l *Load, listed bool) (notified []json.RawMessage) {
	f := w.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range l.parcels {
		o := Offer{ContentType: p.kind, Created: p.created, Expires: p.created.Add(furthest)}
		c := f.add(o, nil, "")
		c.zipped = func() []byte { return p.zipped }
		row := c.row()
		row.TenantID, row.ClientID = w.o.Tenant, w.o.ClientID
		entry, err := json.Marshal(row)
		if err != nil {
			panic(err) // strings always encode
		}
		notified = append(notified, entry)
		if listed {
			c := f.add(o, nil, "")
			c.zipped = func() []byte { return p.zipped }
			f.contents[p.kind] = append(f.contents[p.kind], c)
		}
	}
	return notified
}

// Unfetched is how many of the listed contents nobody has fetched.
func (w *World) Unfetched() (n int) {
	w.feed.mu.Lock()
	defer w.feed.mu.Unlock()
	for _, contents := range w.feed.contents {
		for _, c := range contents {
			if !c.fetched {
				n++
			}
		}
	}
	return n
}
