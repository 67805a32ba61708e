package state_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/state"
)

var benchStores = map[string]func(*testing.B) collect.Store{
	"embedded": func(b *testing.B) collect.Store { return openEmbedded(b, b.TempDir()) },
	"azure": func(b *testing.B) collect.Store {
		return openAzure(b, state.AzureOptions{ConnectionString: connection(b)})
	},
}

// All that the ledger writes for a notification of three contents that are delivered
// at once: due rows, content rows, their ends, and the due rows again.
func BenchmarkAnnounceAndFinish(b *testing.B) {
	for name, open := range benchStores {
		b.Run(name, func(b *testing.B) {
			ledger := &collect.Ledger{Store: open(b), Owner: "bench", Sole: true}
			now := time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)
			b.ReportAllocs()
			for n := 0; b.Loop(); {
				contents := make([]collect.Content, 3)
				for i := range contents {
					n++
					contents[i] = collect.Content{
						Tenant: "5a9b0d1e-0000-4000-8000-000000000001", Type: "Audit.Exchange", ID: fmt.Sprintf("%s%09d", b.Name(), n),
						URI: "https://manage.office.com/api/v1.0/x/activity/feed/audit/1", Created: now, Expires: now.Add(7 * 24 * time.Hour),
					}
				}
				claims, err := ledger.Announce(b.Context(), contents)
				if err != nil || len(claims) != len(contents) {
					b.Fatalf("%d claims, %v", len(claims), err)
				}
				for _, claim := range claims {
					if err := claim.Finish(b.Context(), func(c *collect.Content) { c.State = collect.Done }); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// The life of a content in the ledger: inserted pending, replaced delivered.
func BenchmarkLedger(b *testing.B) {
	for name, open := range benchStores {
		var n atomic.Int64
		b.Run(name+"/sequential", func(b *testing.B) {
			s, kind := open(b), freshKind()
			for b.Loop() {
				ledgerWrite(b, s, kind, n.Add(1))
			}
		})
		b.Run(name+"/parallel", func(b *testing.B) {
			s, kind := open(b), freshKind()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					ledgerWrite(b, s, kind, n.Add(1))
				}
			})
		})
	}
}

func ledgerWrite(b *testing.B, s collect.Store, kind string, n int64) {
	now := time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)
	row := collect.Row{
		Key: collect.Key{Kind: kind, Partition: "5a9b0d1e-0000-4000-8000-000000000001|2026-11-22", Row: fmt.Sprintf("Audit.Exchange|%08d", n)},
		Fields: collect.Fields{
			"State": "pending", "URI": "https://manage.office.com/api/v1.0/5a9b0d1e-0000-4000-8000-000000000001/activity/feed/audit/1",
			"Created": now, "Expires": now.Add(7 * 24 * time.Hour), "Listed": true, "Attempts": int64(1),
			"Owner": "instance", "LeaseUntil": now.Add(time.Minute), "Delivered": n, "Bytes": n * 1000,
		},
	}
	version, err := s.Insert(b.Context(), row)
	if err != nil {
		b.Error(err)
		return
	}
	row.Version, row.Fields["State"] = version, "delivered"
	if _, err := s.Replace(b.Context(), row); err != nil {
		b.Error(err)
	}
}
