package state_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"azcollector/internal/collect"
)

func partitions(tb testing.TB, s collect.Store, kind, from string) (names []string) {
	tb.Helper()
	for name, err := range s.Partitions(tb.Context(), kind, from) {
		want(tb, err, nil, "list partitions from "+from)
		names = append(names, name)
	}
	return names
}

func partitionsFrom(t *testing.T, s collect.Store, kind string) {
	if got := partitions(t, s, kind, ""); got != nil {
		t.Errorf("a kind never written to has partitions %v", got)
	}
	all := []string{"t1|2026-11-01", "t1|2026-11-02", "t2|2026-11-01", "t2|2026-11-03"}
	for _, p := range slices.Backward(all) {
		want(t, s.Batch(t.Context(), rows(kind, p, 5)), nil, "batch")
	}
	for _, c := range []struct {
		name, from string
		want       []string
	}{
		{"the beginning", "", all},
		{"a partition", all[1], all[1:]},
		{"the next after a partition", all[1] + "$", all[2:]},
		{"the beginning of some", "t2", all[2:]},
		{"between", "t2|2026-11-02", all[3:]},
		{"the last", all[3], all[3:]},
		{"behind the last", "t3", nil},
	} {
		if diff := cmp.Diff(c.want, partitions(t, s, kind, c.from)); diff != "" {
			t.Errorf("from %s (-want +got):\n%s", c.name, diff)
		}
	}
	if diff := cmp.Diff(all, partitions(t, s, strings.ToUpper(kind), "")); diff != "" {
		t.Errorf("names of tables fold case (-want +got):\n%s", diff)
	}

	again := s.Partitions(t.Context(), kind, "")
	for name := range again { // a consumer may stop
		if name != all[0] {
			t.Errorf("the first partition is %s", name)
		}
		break
	}
	n := 0
	for range again { // and begin anew
		n++
	}
	if n != len(all) {
		t.Errorf("the second time there are %d partitions", n)
	}

	for _, row := range rows(kind, all[2], 5) {
		want(t, s.Delete(t.Context(), row.Row.Key, ""), nil, "delete")
	}
	want(t, s.Delete(t.Context(), collect.Key{Kind: kind, Partition: all[3], Row: "r0000"}, ""), nil, "delete")
	if diff := cmp.Diff([]string{all[0], all[1], all[3]}, partitions(t, s, kind, "")); diff != "" {
		t.Errorf("after the last row of %s went (-want +got):\n%s", all[2], diff)
	}

	for _, bad := range []struct{ kind, from string }{{kind, "a'b"}, {kind, strings.Repeat("x", 1001)}, {"no-kind", ""}} {
		for _, err := range s.Partitions(t.Context(), bad.kind, bad.from) {
			want(t, err, collect.ErrLimit, "list partitions of "+bad.kind)
			bad.kind = ""
		}
		if bad.kind != "" {
			t.Errorf("from %.10q: no error", bad.from)
		}
	}
}

func partitionsOrder(t *testing.T, s collect.Store, kind string) {
	names := []string{"a", "B", "b", "A", "a|b", "a-b", "a$b", "a.b", "a_5Fb", "a0", "aa", "aA", "aZ", "a|", "Z", "0", "9", "$", "-", ".", "|", "_00", "10", "2"}
	for _, name := range names {
		for _, row := range []string{"", "$", "r", "|||"} { // what lies between one partition and the next
			insert(t, s, collect.Key{Kind: kind, Partition: name, Row: row}, nil)
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, partitions(t, s, kind, "")); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	for i, from := range names {
		if diff := cmp.Diff(names[i:], partitions(t, s, kind, from)); diff != "" {
			t.Errorf("from %s (-want +got):\n%s", from, diff)
		}
	}
}

// The sweep deletes the partition at hand while others write.
func partitionsWhileWriting(t *testing.T, s collect.Store, kind string) {
	const n = 20
	for i := range n {
		want(t, s.Batch(t.Context(), rows(kind, fmt.Sprintf("p%02d", i), 3)), nil, "batch")
	}
	var seen []string
	for name, err := range s.Partitions(t.Context(), kind, "") {
		want(t, err, nil, "list partitions")
		seen = append(seen, name)
		for row, err := range s.List(t.Context(), kind, name, "") {
			want(t, err, nil, "list")
			want(t, s.Delete(t.Context(), row.Key, row.Version), nil, "delete")
		}
		insert(t, s, collect.Key{Kind: kind, Partition: "a" + name, Row: "r"}, nil) // before it
		if name == "p05" {
			insert(t, s, collect.Key{Kind: kind, Partition: "p055", Row: "r"}, nil) // behind it
		}
	}
	if len(seen) != n+1 || !slices.IsSorted(seen) || !slices.Contains(seen, "p055") {
		t.Errorf("saw %v", seen)
	}
	if got := partitions(t, s, kind, "b"); got != nil {
		t.Errorf("%v are left", got)
	}
}

func waking(t *testing.T, s collect.Store, kind string) {
	key := collect.Key{Kind: kind, Partition: "p", Row: "r"}
	for range 2 { // twice is no error, nor is a row that is not there
		want(t, s.Wake(t.Context(), key, time.Now()), nil, "wake")
	}
	for name, bad := range map[string]collect.Key{
		"no kind": {Partition: "p", Row: "r"}, "no partition": {Kind: kind, Row: "r"},
		"a long row": {Kind: kind, Partition: "p", Row: strings.Repeat("x", 1001)}, "an address": {Kind: kind, Partition: "p", Row: "https://host.example/"},
	} {
		want(t, s.Wake(t.Context(), bad, time.Now()), collect.ErrLimit, "wake with "+name)
	}
}
