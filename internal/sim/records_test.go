package sim_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"azcollector/internal/sim"

	"github.com/google/go-cmp/cmp"
)

var kinds = []string{"Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint", "Audit.General", "DLP.All"}

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func generate(seed uint64) (records [][]byte) {
	g := sim.NewGenerator(seed, "3b1d5a4e-77aa-4c52-9d0e-0f61c2a8b901")
	for range 10 {
		for _, kind := range kinds[:4] {
			records = append(records, g.Records(kind, 100, noon)...)
		}
	}
	return records
}

func TestRecordsAreJSONOfRealisticSize(t *testing.T) {
	records := generate(1)
	var total, most int
	least := 1 << 20
	for _, r := range records {
		if !json.Valid(r) || r[0] != '{' {
			t.Fatalf("no JSON object: %s", r)
		}
		total, least, most = total+len(r), min(least, len(r)), max(most, len(r))
	}
	if mean := total / len(records); least < 300 || most > 20<<10 || most < 8<<10 || mean < 900 || mean > 1500 {
		t.Errorf("%d to %d bytes, %d in the mean; want 0.3 to 20 KB, about 1.2 KB", least, most, mean)
	}
}

func TestRecordsFollowFromTheSeed(t *testing.T) {
	if !slices.EqualFunc(generate(5), generate(5), bytes.Equal) {
		t.Error("one seed, two lots of records")
	}
	if slices.EqualFunc(generate(5), generate(6), bytes.Equal) {
		t.Error("two seeds, one lot of records")
	}
}

// TestRecordsHaveEveryOddity counts over 4,000 records what a collector must bear.
func TestRecordsHaveEveryOddity(t *testing.T) {
	seen := map[string]int{}
	bodies, ids := map[string]bool{}, map[string]string{}
	for _, r := range generate(2) {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(r, &m); err != nil {
			t.Fatal(err)
		}
		var id, created string
		_ = json.Unmarshal(m["Id"], &id)
		_ = json.Unmarshal(m["CreationTime"], &created)
		if _, err := time.Parse("2006-01-02T15:04:05", created); err != nil {
			seen["unreadable time"]++
		}
		switch {
		case id == "":
			seen["no Id"]++
		case bodies[string(r)]:
			seen["again"]++
		case ids[id] != "":
			seen["revised"]++
		}
		bodies[string(r)], ids[id] = true, string(r)
		for name, part := range map[string]string{
			"integer beyond int64": "12345678901234567890", "trailing zeros": "1156492.00", "escaped slash": `\/`,
			"escaped rune": `\u00`, "surrogates": `\ud83e\uDD8A`, "raw rune": "🦊", "spaced": `": `, "JSON in a string": `\"MethodType\"`,
		} {
			if bytes.Contains(r, []byte(part)) {
				seen[name]++
			}
		}
		if bytes.Count(r, []byte(`"Operation":`)) == 2 {
			seen["repeated member"]++
		}
		if len(created) > 20 {
			seen["fraction"]++
		}
	}
	for _, name := range []string{
		"unreadable time", "no Id", "again", "revised", "integer beyond int64", "trailing zeros", "escaped slash",
		"escaped rune", "surrogates", "raw rune", "spaced", "JSON in a string", "repeated member", "fraction",
	} {
		if seen[name] < 5 {
			t.Errorf("%s: %d of 4,000 records, want some", name, seen[name])
		}
	}
}

func TestNoRecordIsTwiceInOneContent(t *testing.T) {
	g := sim.NewGenerator(9, "t")
	for range 40 {
		seen := map[string]bool{}
		for _, r := range g.Records("Audit.General", 100, noon) {
			if seen[string(r)] {
				t.Fatalf("twice in one content: %s", r)
			}
			seen[string(r)] = true
		}
	}
}

func TestEveryTypeHasItsRecordTypes(t *testing.T) {
	want := map[string][]int{
		"Audit.AzureActiveDirectory": {8, 15}, "Audit.Exchange": {1, 2, 50}, "Audit.SharePoint": {4, 6, 14},
		"Audit.General": {20, 22, 25, 28}, "DLP.All": {11, 13},
	}
	samples := sim.Samples()
	isSample := func(r []byte) bool {
		return slices.ContainsFunc(samples, func(s []byte) bool { return bytes.Equal(s, r) })
	}
	for _, kind := range kinds {
		var got []int
		for _, r := range sim.NewGenerator(4, "t").Records(kind, 500, noon) {
			var m struct{ RecordType int }
			if err := json.Unmarshal(r, &m); err != nil {
				t.Fatal(err)
			}
			if !isSample(r) && !slices.Contains(got, m.RecordType) {
				got = append(got, m.RecordType)
			}
		}
		slices.Sort(got)
		if !cmp.Equal(got, want[kind]) {
			t.Errorf("%s holds %v, want %v", kind, got, want[kind])
		}
	}
}

func TestSamplesAreRecords(t *testing.T) {
	samples := sim.Samples()
	if len(samples) != 9 {
		t.Errorf("%d samples, want 9", len(samples))
	}
	for _, s := range samples {
		var m struct {
			ID         string `json:"Id"`
			RecordType int
		}
		if err := json.Unmarshal(s, &m); err != nil || m.ID == "" || m.RecordType == 0 {
			t.Errorf("%s is no audit record (%v)", s, err)
		}
	}
}
