package alertlogic_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"time"

	"azcollector/internal/alertlogic"
	"azcollector/internal/collect"
	"azcollector/internal/sim"
)

// benchContent is a content of 500 records like real ones.
func benchContent() (body []byte, created time.Time) {
	created = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	g := sim.NewGenerator(1, "3b1d5a4e-77aa-4c52-9d0e-0f61c2a8b901")
	body = append(body, '[')
	for i, record := range g.Records("Audit.SharePoint", 500, created) {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, record...)
	}
	return append(body, ']'), created
}

// Splitting and encoding together, from a body's bytes to messages: allocs/record is
// bounded in steady state, since an allocation per record is garbage per record.
func BenchmarkSplitAndEncode(b *testing.B) {
	body, created := benchContent()
	batch := mustIngest(b, (&service{}).discarding(), alertlogic.IngestOptions{}).NewBatch()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	records := 0
	for b.Loop() {
		for record, err := range collect.SplitRecords(bytes.NewReader(body), created, false) {
			if err != nil {
				b.Fatal(err)
			}
			batch.Add(record)
			records++
		}
		batch.Reset()
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(records), "allocs/record")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(records), "ns/record")
}

// Compression of one content's messages, with a post that goes nowhere.
func BenchmarkDeflate(b *testing.B) {
	body, created := benchContent()
	for _, level := range []int{1, 6, 9} {
		b.Run(fmt.Sprintf("level=%d", level), func(b *testing.B) {
			batch := mustIngest(b, (&service{}).discarding(), alertlogic.IngestOptions{DeflateLevel: level}).NewBatch()
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				batch.Reset()
				for record, err := range collect.SplitRecords(bytes.NewReader(body), created, false) {
					if err != nil {
						b.Fatal(err)
					}
					batch.Add(record)
				}
				b.StartTimer()
				if err := batch.Send(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
