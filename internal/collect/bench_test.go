package collect_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"iter"
	"runtime"
	"strconv"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/sim"
	"azcollector/internal/state"
)

// benchRecords is a content as it usually comes; its numbers are per record.
const benchRecords = 500

// perRecord adds what is compared between contents of different sizes.
func perRecord(b *testing.B, mallocs func() uint64) {
	b.Helper()
	n := float64(b.N * benchRecords)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n, "ns/record")
	b.ReportMetric(float64(mallocs())/n, "allocs/record")
}

// mallocsSince counts the process's allocations from now on.
func mallocsSince() func() uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	return func() uint64 {
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs
	}
}

// Splitting as it is done, over records of every workload.
func BenchmarkSplitRecords(b *testing.B) {
	body := []byte{'['}
	g := sim.NewGenerator(1, tenant)
	for i, record := range g.Records("Audit.SharePoint", benchRecords, created) {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, record...)
	}
	body = append(body, ']')
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	mallocs := mallocsSince()
	for b.Loop() {
		for _, err := range collect.SplitRecords(bytes.NewReader(body), created, false) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	perRecord(b, mallocs)
}

// De-duplication with its identities written: of records that nobody delivered, and
// of records that are all known.
func BenchmarkDeduplicate(b *testing.B) {
	for _, c := range []struct {
		name  string
		known bool
	}{{"new", false}, {"known", true}} {
		b.Run(c.name, func(b *testing.B) {
			store, err := state.OpenEmbedded(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = store.Close() })
			d := delivery(taker{}, store)
			records := &renewed{}
			carry := func(content int) collect.Tally {
				tally, err := d.Deliver(b.Context(), parcel(strconv.Itoa(content)), records.all())
				if err != nil {
					b.Fatal(err)
				}
				return tally
			}
			carry(0)
			b.SetBytes(benchRecords * int64(len(records.raw)))
			b.ReportAllocs()
			mallocs, content, last := mallocsSince(), 0, collect.Tally{}
			for b.Loop() {
				if content++; !c.known {
					records.series++
				}
				last = carry(content)
			}
			perRecord(b, mallocs)
			if want := map[bool]int64{true: benchRecords}[c.known]; last.Duplicate != want || last.Delivered != benchRecords-want {
				b.Errorf("the last content: %+v", last)
			}
		})
	}
}

// renewed are records of 1.2 KB that differ by series and ordinal. Their times lie
// in three hours.
type renewed struct {
	series uint64
	raw    []byte
}

func (r *renewed) all() iter.Seq2[collect.Record, error] {
	const before, id = `{"Id":"`, "00000000-0000-0000-0000-000000000000"
	if r.raw == nil {
		r.raw = append([]byte(before+id+`","Pad":"`), bytes.Repeat([]byte("SharePoint "), 105)...)
		r.raw = append(r.raw, `"}`...)
	}
	return func(yield func(collect.Record, error) bool) {
		for i := range benchRecords {
			var number [6]byte // the last group of the Id
			binary.BigEndian.PutUint16(number[:], uint16(i))
			binary.BigEndian.PutUint32(number[2:], uint32(r.series))
			hex.Encode(r.raw[len(before)+len(id)-12:], number[:])
			record := collect.Record{
				Raw: r.raw, ID: r.raw[len(before) : len(before)+len(id)], Type: []byte("6"), Workload: []byte("SharePoint"),
				Time: created.Add(-time.Duration(i%3) * time.Hour), Ordinal: i,
			}
			if !yield(record, nil) {
				return
			}
		}
	}
}

// A taker is a destination that takes all and keeps nothing.
type taker struct{}

func (taker) Name() string            { return "taker" }
func (taker) Acknowledgement() string { return "accepted" }
func (taker) NewBatch() collect.Batch { return &taken{} }

type taken struct{ n int }

func (t *taken) Add(collect.Record) bool     { t.n++; return true }
func (t *taken) Len() int                    { return t.n }
func (t *taken) Send(context.Context) error  { return nil }
func (t *taken) Outcome(int) collect.Outcome { return collect.Outcome{State: collect.Delivered} }
func (t *taken) Raw(int) []byte              { return nil }
func (t *taken) Reset()                      { t.n = 0 }
