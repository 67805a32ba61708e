package sim_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"azcollector/internal/sim"

	"github.com/google/go-cmp/cmp"
)

func TestBook(t *testing.T) {
	named, revised := plain("1"), []byte(`{"Id":"1","CreationTime":"2026-01-02T03:04:05","Revised":true}`)
	nameless := []byte(`{"CreationTime":"2026-01-02T03:04:05"}`)
	timeless := []byte(`{"Id":"2","CreationTime":"yesterday"}`)
	type list = [][]byte
	for name, c := range map[string]struct {
		published, received list
		want                sim.Report
	}{
		"delivered":                  {list{named}, list{named}, sim.Report{Published: 1, Distinct: 1, Received: 1, Delivered: 1}},
		"lost":                       {list{named}, nil, sim.Report{Published: 1, Distinct: 1, Lost: 1}},
		"published twice":            {list{named, named}, list{named}, sim.Report{Published: 2, Distinct: 1, Received: 1, Delivered: 1}},
		"duplicate":                  {list{named, named}, list{named, named}, sim.Report{Published: 2, Distinct: 1, Received: 2, Delivered: 1, Duplicates: 1}},
		"a revision is another":      {list{named, revised}, list{named}, sim.Report{Published: 2, Distinct: 2, Received: 1, Delivered: 1, Lost: 1}},
		"without Id each time":       {list{nameless, nameless}, list{nameless}, sim.Report{Published: 2, Distinct: 1, Received: 1, Delivered: 1, Lost: 1}},
		"without Id more often":      {list{nameless}, list{nameless, nameless}, sim.Report{Published: 1, Distinct: 1, Received: 2, Delivered: 1, Repeated: 1}},
		"without a time more often":  {list{timeless}, list{timeless, timeless}, sim.Report{Published: 1, Distinct: 1, Received: 2, Delivered: 1, Repeated: 1}},
		"without a time once enough": {list{timeless, timeless}, list{timeless}, sim.Report{Published: 2, Distinct: 1, Received: 1, Delivered: 1}},
		"never published":            {nil, list{named}, sim.Report{Received: 1, Unknown: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var b sim.Book
			for _, r := range c.published {
				b.Published(r)
			}
			for _, r := range c.received {
				b.Received(r)
				c.want.Bytes += int64(len(r))
			}
			if diff := cmp.Diff(c.want, b.Report()); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
			if got := b.Missing(5); len(got) != c.want.Lost {
				t.Errorf("missing %q, want %d", got, c.want.Lost)
			}
		})
	}
}

// TestLags publishes a hundred records at noon, the last of them once more later.
func TestLags(t *testing.T) {
	now := noon
	v := visit(t, sim.Options{Now: func() time.Time { return now }})
	records := make([][]byte, 100)
	for i := range records {
		records[i] = plain(fmt.Sprint(i))
	}
	v.w.Offer(sim.Offer{ContentType: exchange, Records: records, Created: ago(20)}) // its date is no publication
	if r := v.w.Book.Report(); r.LagMax != 0 {
		t.Errorf("before anything arrived: %+v", r)
	}
	for i, r := range records[:99] {
		now = noon.Add(time.Duration(i+1) * 1500 * time.Millisecond)
		v.w.Book.Received(r)
	}
	v.w.Publish(exchange, records[99:])
	now = noon.Add(time.Hour)
	v.w.Book.Received(records[99])
	now = noon.Add(2 * time.Hour)
	v.w.Book.Received(records[99]) // a second arrival changes nothing
	r := v.w.Book.Report()
	if r.LagP50 != 75*time.Second || r.LagP95 != 142500*time.Millisecond || r.LagMax != time.Hour {
		t.Errorf("lags %v, %v and %v", r.LagP50, r.LagP95, r.LagMax)
	}
	text, err := json.Marshal(r)
	if want := `"LagP50Seconds":75,"LagP95Seconds":142.5,"LagMaxSeconds":3600}`; err != nil || !strings.Contains(string(text), want) || !strings.Contains(string(text), `"Published":101,`) {
		t.Errorf("as JSON %s (%v), want %s", text, err, want)
	}
}

func TestLagIsNeverNegative(t *testing.T) {
	now := noon
	v := visit(t, sim.Options{Now: func() time.Time { return now }})
	v.w.Publish(exchange, [][]byte{plain("1")})
	now = ago(1)
	v.w.Book.Received(plain("1"))
	if r := v.w.Book.Report(); r.Delivered != 1 || r.LagP50 != 0 || r.LagMax != 0 {
		t.Errorf("report %+v", r)
	}
}

// BenchmarkPublishSome is a tenant's week of many small contents.
func BenchmarkPublishSome(b *testing.B) {
	w, err := sim.New(sim.Options{Seed: 1, Dir: b.TempDir(), Logf: b.Logf})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	for b.Loop() {
		w.PublishSome(exchange, 5)
	}
}
