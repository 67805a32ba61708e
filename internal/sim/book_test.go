package sim_test

import (
	"testing"

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
