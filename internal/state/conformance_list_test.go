package state_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"azcollector/internal/collect"
)

func list(tb testing.TB, s collect.Store, kind, partition, from string) (names []string) {
	tb.Helper()
	for row, err := range s.List(tb.Context(), kind, partition, from) {
		want(tb, err, nil, "list "+partition)
		if row.Kind != kind || row.Partition != partition || row.Version == "" {
			tb.Fatalf("list %s %s: got row %+v", kind, partition, row)
		}
		names = append(names, row.Row)
	}
	return names
}

func listFrom(t *testing.T, s collect.Store, kind string) {
	for _, p := range []string{"p", "p0", "o", "q"} {
		want(t, s.Batch(t.Context(), rows(kind, p, 4)), nil, "batch")
	}
	all := []string{"r0000", "r0001", "r0002", "r0003"}
	for _, c := range []struct {
		name, from string
		want       []string
	}{
		{"the beginning", "", all},
		{"a row", "r0002", all[2:]},
		{"the next after a row", "r0002$", all[3:]},
		{"between rows", "r00015", all[2:]},
		{"before the first", "a", all},
		{"behind the last", "s", nil},
	} {
		if diff := cmp.Diff(c.want, list(t, s, kind, "p", c.from)); diff != "" {
			t.Errorf("from %s (-want +got):\n%s", c.name, diff)
		}
	}
	if got := list(t, s, kind, "pp", ""); got != nil {
		t.Errorf("a partition never written to lists %v", got)
	}
	for row := range s.List(t.Context(), kind, "p", "") { // a consumer may stop
		if row.Row != "r0000" {
			t.Errorf("first row is %s", row.Row)
		}
		break
	}
}

func listOrder(t *testing.T, s collect.Store, kind string) {
	names := []string{"a", "B", "b", "A", "a|b", "a-b", "a$b", "a.b", "a_5Fb", "a0", "aa", "aA", "Z", "0", "9", "$", "-", ".", "|", "_00", "10", "2"}
	for _, name := range names {
		insert(t, s, collect.Key{Kind: kind, Partition: "p", Row: name}, nil)
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, list(t, s, kind, "p", "")); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	for i, from := range names {
		if diff := cmp.Diff(names[i:], list(t, s, kind, "p", from)); diff != "" {
			t.Errorf("from %s (-want +got):\n%s", from, diff)
		}
	}
}

// Table Storage gives at most 1,000 rows a page; the embedded store fewer.
func listWhileWriting(t *testing.T, s collect.Store, kind string) {
	const n = 1200
	writes := rows(kind, "p", n)
	for chunk := range slices.Chunk(writes, 100) {
		want(t, s.Batch(t.Context(), chunk), nil, "batch")
	}
	seen := 0
	for row, err := range s.List(t.Context(), kind, "p", "") {
		want(t, err, nil, "list")
		if name := fmt.Sprintf("r%04d", seen); row.Row != name || row.Fields["N"] != int64(seen) {
			t.Fatalf("row %d is %s with %v", seen, row.Row, row.Fields)
		}
		seen++
		if seen%97 != 0 {
			continue
		}
		want(t, s.Delete(t.Context(), row.Key, row.Version), nil, "delete the row at hand")
		insert(t, s, collect.Key{Kind: kind, Partition: "p", Row: fmt.Sprintf("a%04d", seen)}, nil)
	}
	if seen != n {
		t.Errorf("saw %d rows, want %d", seen, n)
	}
	if got := len(list(t, s, kind, "p", "")); got != n {
		t.Errorf("as many rows came as went, but now there are %d, want %d", got, n)
	}
}

func listVersions(t *testing.T, s collect.Store, kind string) {
	want(t, s.Batch(t.Context(), rows(kind, "p", 3)), nil, "batch")
	for row, err := range s.List(t.Context(), kind, "p", "") {
		want(t, err, nil, "list")
		wantRow(t, s, row)
		_, err := s.Replace(t.Context(), row)
		want(t, err, nil, "replace at the listed version")
	}
}
