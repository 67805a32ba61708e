package collect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"azcollector/internal/collect"
)

// Events are counted by workload. Its names are the source's words, so neither their
// number nor their looks may spoil a row or a log line.
func TestWorkloads(t *testing.T) {
	of := func(workloads ...string) (raws []string) {
		for i, w := range workloads {
			raws = append(raws, fmt.Sprintf(`{"Id":"w%d","CreationTime":"2026-11-01T10:00:00",%s"Operation":"x"}`, i, w))
		}
		return raws
	}
	many := func(n int) (members []string) {
		for i := range n {
			members = append(members, fmt.Sprintf(`"Workload":"W%d",`, i))
		}
		return members
	}
	for _, c := range []struct {
		name    string
		members []string
		want    map[string]int64
	}{
		{"as they come", []string{`"Workload":"OneDrive",`, `"Workload":"SharePoint",`, `"Workload":"OneDrive",`},
			map[string]int64{"OneDrive": 2, "SharePoint": 1}},
		{"escaped", []string{`"Wor\u006bload":"One\u0044rive",`}, map[string]int64{"OneDrive": 1}},
		{"none", []string{"", `"Workload":null,`, `"Workload":"",`}, map[string]int64{"unknown": 3}},
		{"not the record's own", []string{`"Data":{"Workload":"Deep"},`}, map[string]int64{"unknown": 1}},
		{"no name", []string{`"Workload":"a b",`, `"Workload":"x\ny",`, `"Workload":{"a":1},`, `"Workload":"` + strings.Repeat("a", 60) + `",`},
			map[string]int64{"other": 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := workloads(t, of(c.members...))
			if !maps.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
	t.Run("too many", func(t *testing.T) {
		got := workloads(t, of(many(500)...))
		var all int64
		for _, events := range got {
			all += events
		}
		if all != 500 || len(got) > 65 || got["other"] < 400 {
			t.Errorf("%d events of %d workloads, %d of others", all, len(got), got["other"])
		}
	})
}

func workloads(t *testing.T, raws []string) map[string]int64 {
	t.Helper()
	m := &collect.Meter{Store: open(t), Tenant: tenant, Owner: "a"}
	d := delivery(&sink{t: t}, m.Store)
	d.Meter = m
	if _, err := d.Deliver(context.Background(), parcel("1"), read(raws...)); err != nil {
		t.Fatal(err)
	}
	return m.Take().Types["Audit.General"].Workloads
}

// Rows of many processes, or of an enemy, do not grow without end when summed.
func TestWorkloadsOfSums(t *testing.T) {
	var sum collect.Stats
	for i := range 30 {
		var row collect.Stats
		names := map[string]int64{}
		for n := range 20 {
			names[fmt.Sprintf("W%d-%d", i, n)] = 1
		}
		text, err := json.Marshal(map[string]any{"types": map[string]any{"T": map[string]any{"events": 20, "workloads": names}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &row); err != nil {
			t.Fatal(err)
		}
		sum.Add(&row, 1)
	}
	if n := len(sum.Types["T"].Workloads); n > 65 || sum.Types["T"].Events != 600 {
		t.Errorf("%d workloads, %d events", n, sum.Types["T"].Events)
	}
}

// What the log tells is told once, whether the store works or not.
func TestTakeIsIndependentOfTheStore(t *testing.T) {
	s := open(t)
	m := meter(s, "a")
	m.Called("pull", false)
	m.Offered("Audit.Exchange", collect.Offered{Fresh: true})
	m.Offered("Audit.Exchange", collect.Offered{Agreed: true})
	m.Offered("Audit.Exchange", collect.Offered{})
	m.Throttled()
	s.fate = func(write) fate { return unheard }
	if m.Flush(t.Context()) == nil {
		t.Fatal("the store works")
	}
	s.fate = nil
	if got := m.Take(); got.Functions["pull"].Invocations != 1 || got.Types["Audit.Exchange"].Listed != 2 || got.Throttled != 1 {
		t.Errorf("%+v", got)
	}
	flush(t, m)
	if got := m.Take(); !got.Empty() {
		t.Errorf("told twice: %+v", got)
	}
	if n, sum := pulls(t, s.Store); n != 1 || sum.Throttled != 1 || sum.Types["Audit.Exchange"].Listed != 2 {
		t.Errorf("kept %d, %+v", n, sum.Stats)
	}
}
