package state_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
)

func fields(n int, value any) collect.Fields {
	f := collect.Fields{}
	for i := range n {
		f[fmt.Sprintf("F%d", i)] = value
	}
	return f
}

func rowLimits(t *testing.T, s collect.Store, kind string) {
	key := collect.Key{Kind: kind, Partition: "p", Row: "r"}
	version := insert(t, s, key, nil)
	for name, f := range map[string]collect.Fields{
		"251 fields":           fields(251, true),
		"a long string":        {"F": strings.Repeat("x", 32<<10+1)},
		"a string of pairs":    {"F": strings.Repeat("😀", 16<<10) + "x"},
		"long bytes":           {"F": make([]byte, 64<<10+1)},
		"over 1 MiB":           fields(16, make([]byte, 64<<10)),
		"over 1 MiB as UTF-16": fields(16, strings.Repeat("x", 32<<10)),
		"an int":               {"F": 1},
		"a float":              {"F": 1.5},
		"nil":                  {"F": nil},
		"no UTF-8":             {"F": "\xff"},
		"a time too early":     {"F": time.Date(1600, 12, 31, 23, 59, 59, 0, time.UTC)},
		"a time too late":      {"F": time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"no name":              {"": true},
		"a digit first":        {"1F": true},
		"a name with a dash":   {"F-1": true},
		"a long name":          {strings.Repeat("F", 256): true},
		"PartitionKey":         {"PartitionKey": "x"},
		"RowKey":               {"RowKey": "x"},
		"Timestamp":            {"Timestamp": "x"},
		"Nonce":                {"Nonce": "x"},
		"odata":                {"odatatype": "x"},
	} {
		other := collect.Row{Key: collect.Key{Kind: kind, Partition: "p", Row: "other"}, Fields: f}
		_, err := s.Insert(t.Context(), other)
		want(t, err, collect.ErrLimit, "insert "+name)
		_, err = s.Replace(t.Context(), collect.Row{Key: key, Version: version, Fields: f})
		want(t, err, collect.ErrLimit, "replace "+name)
		want(t, s.Batch(t.Context(), []collect.Write{{Row: other}}), collect.ErrLimit, "batch "+name)
	}
	wantRow(t, s, collect.Row{Key: key, Version: version, Fields: collect.Fields{}})
}

func keyLimits(t *testing.T, s collect.Store, kind string) {
	for _, key := range []collect.Key{
		{Kind: kind, Partition: "p", Row: "a/b"}, {Kind: kind, Partition: "p", Row: `a\b`}, {Kind: kind, Partition: "p", Row: "a#b"},
		{Kind: kind, Partition: "p", Row: "a?b"}, {Kind: kind, Partition: "p", Row: "a'b"}, {Kind: kind, Partition: "p", Row: "a b"},
		{Kind: kind, Partition: "p", Row: "a\x00b"}, {Kind: kind, Partition: "p", Row: "ü"}, {Kind: kind, Partition: "p%", Row: "r"},
		{Kind: kind, Partition: "", Row: "r"},
		{Kind: kind, Partition: "p", Row: strings.Repeat("r", 1001)}, {Kind: kind, Partition: strings.Repeat("p", 1001), Row: "r"},
		{Kind: "", Partition: "p", Row: "r"}, {Kind: "ab", Partition: "p", Row: "r"}, {Kind: "1abc", Partition: "p", Row: "r"},
		{Kind: "a-b", Partition: "p", Row: "r"}, {Kind: "a_b", Partition: "p", Row: "r"}, {Kind: "Tables", Partition: "p", Row: "r"},
		{Kind: strings.Repeat("k", 64), Partition: "p", Row: "r"},
	} {
		doing := fmt.Sprintf("%.20q %.20q %.20q", key.Kind, key.Partition, key.Row)
		row := collect.Row{Key: key, Version: "v"}
		_, err := s.Get(t.Context(), key)
		want(t, err, collect.ErrLimit, "get "+doing)
		_, err = s.Insert(t.Context(), row)
		want(t, err, collect.ErrLimit, "insert "+doing)
		_, err = s.Replace(t.Context(), row)
		want(t, err, collect.ErrLimit, "replace "+doing)
		want(t, s.Delete(t.Context(), key, ""), collect.ErrLimit, "delete "+doing)
		want(t, s.Batch(t.Context(), []collect.Write{{Op: collect.OpDelete, Row: row}}), collect.ErrLimit, "batch "+doing)
		err = nil
		for _, err = range s.List(t.Context(), key.Kind, key.Partition, key.Row) {
		}
		want(t, err, collect.ErrLimit, "list "+doing)
	}
}

func batchLimits(t *testing.T, s collect.Store, kind string) {
	large := rows(kind, "p", 43) // of 60,000 bytes each, 80,000 on the way: just too much
	for i := range large {
		large[i].Row.Fields = collect.Fields{"F": make([]byte, 60_000)}
	}
	large = append(large, collect.Write{Row: collect.Row{Key: collect.Key{Kind: kind, Partition: "p", Row: "z"}, Fields: collect.Fields{"F": make([]byte, 60_000)}}})
	for name, writes := range map[string][]collect.Write{
		"101 writes":           rows(kind, "p", 101),
		"3.5 MB":               large,
		"3.5 MB of escapes":    {{Row: collect.Row{Key: collect.Key{Kind: kind, Partition: "p", Row: "r"}, Fields: fields(15, strings.Repeat("漢", 32<<10))}}, {Row: collect.Row{Key: collect.Key{Kind: kind, Partition: "p", Row: "s"}, Fields: fields(15, strings.Repeat("\x01", 32<<10))}}},
		"two partitions":       append(rows(kind, "p", 2), rows(kind, "q", 1)...),
		"two kinds":            append(rows(kind, "p", 2), rows(kind+"x", "p", 1)...),
		"a row twice":          append(rows(kind, "p", 2), rows(kind, "p", 1)...),
		"a row twice, deleted": append(rows(kind, "p", 2), collect.Write{Op: collect.OpDelete, Row: rows(kind, "p", 1)[0].Row}),
		"an unknown operation": append(rows(kind, "p", 2), collect.Write{Op: 9, Row: collect.Row{Key: collect.Key{Kind: kind, Partition: "p", Row: "r"}}}),
	} {
		want(t, s.Batch(t.Context(), writes), collect.ErrLimit, name)
	}
	if got := list(t, s, kind, "p", ""); got != nil {
		t.Errorf("a refused batch left %v", got)
	}
}

func largest(t *testing.T, s collect.Store, kind string) {
	for i, f := range []collect.Fields{
		fields(250, int64(1)),
		{"F": strings.Repeat("x", 32<<10)},
		{"F": "😀" + strings.Repeat("x", 32<<10-2)}, // Azurite spoils a character that falls between two reads of a body
		fields(15, make([]byte, 64<<10)),
		{strings.Repeat("F", 255): true},
	} {
		row := collect.Row{Key: collect.Key{Kind: kind, Partition: "p", Row: fmt.Sprint(i)}, Fields: f}
		row.Version = insert(t, s, row.Key, f)
		wantRow(t, s, row)
	}
	writes := rows(kind, "q", 42)
	for i := range writes {
		writes[i].Row.Fields = collect.Fields{"F": make([]byte, 60_000)}
	}
	want(t, s.Batch(t.Context(), writes), nil, "batch of 42 rows of 60,000 bytes")
	want(t, s.Batch(t.Context(), rows(kind, "o", 100)), nil, "batch of 100 rows")
	if got := len(list(t, s, kind, "q", "")) + len(list(t, s, kind, "o", "")); got != 142 {
		t.Errorf("the batches left %d rows, want 142", got)
	}
}
