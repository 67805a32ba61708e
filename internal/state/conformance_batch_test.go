package state_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"azcollector/internal/collect"
)

// stock puts r0000 to r0003 into a partition and returns them.
func stock(t *testing.T, s collect.Store, kind, partition string) (out []collect.Row) {
	t.Helper()
	want(t, s.Batch(t.Context(), rows(kind, partition, 4)), nil, "stock")
	for row, err := range s.List(t.Context(), kind, partition, "") {
		want(t, err, nil, "list")
		out = append(out, row)
	}
	return out
}

func batchAll(t *testing.T, s collect.Store, kind string) {
	old := stock(t, s, kind, "p")
	changed := old[0]
	changed.Fields = collect.Fields{"N": int64(100)}
	whatever := old[2]
	whatever.Version = ""
	added := collect.Row{Key: collect.Key{Kind: kind, Partition: "p", Row: "added"}, Fields: collect.Fields{"N": int64(101)}}
	want(t, s.Batch(t.Context(), []collect.Write{
		{Op: collect.OpReplace, Row: changed},
		{Op: collect.OpDelete, Row: old[1]},
		{Op: collect.OpDelete, Row: whatever},
		{Op: collect.OpInsert, Row: added},
	}), nil, "batch")
	if diff := cmp.Diff([]string{"added", "r0000", "r0003"}, list(t, s, kind, "p", "")); diff != "" {
		t.Error(diff)
	}
	wantRow(t, s, old[3])
	for _, row := range []collect.Row{changed, added} {
		got, err := s.Get(t.Context(), row.Key)
		want(t, err, nil, "get")
		if diff := cmp.Diff(row.Fields, got.Fields); diff != "" {
			t.Error(diff)
		}
		if got.Version == old[0].Version {
			t.Error("the version did not change")
		}
	}
}

func batchNothing(t *testing.T, s collect.Store, kind string) {
	for _, c := range []struct {
		name  string
		spoil func(kept, other collect.Row) collect.Write
		want  error
	}{
		{"insert exists", func(kept, _ collect.Row) collect.Write { return collect.Write{Op: collect.OpInsert, Row: kept} }, collect.ErrExists},
		{"replace changed", func(kept, other collect.Row) collect.Write {
			kept.Version = other.Version
			return collect.Write{Op: collect.OpReplace, Row: kept}
		}, collect.ErrChanged},
		{"replace without version", func(kept, _ collect.Row) collect.Write {
			kept.Version = ""
			return collect.Write{Op: collect.OpReplace, Row: kept}
		}, collect.ErrChanged},
		{"replace what is gone", func(kept, _ collect.Row) collect.Write {
			kept.Row = "gone"
			return collect.Write{Op: collect.OpReplace, Row: kept}
		}, collect.ErrChanged},
		{"delete changed", func(kept, other collect.Row) collect.Write {
			kept.Version = other.Version
			return collect.Write{Op: collect.OpDelete, Row: kept}
		}, collect.ErrChanged},
	} {
		t.Run(c.name, func(t *testing.T) {
			partition := collect.EscapeKey(c.name)
			old := stock(t, s, kind, partition)
			stale := old[3] // gives a version that was r0001's never
			added := collect.Row{Key: collect.Key{Kind: kind, Partition: partition, Row: "added"}}
			version, err := s.Replace(t.Context(), old[1])
			want(t, err, nil, "replace")
			stale.Version, old[1].Version = old[1].Version, version

			changed := old[0]
			changed.Fields = collect.Fields{"N": int64(100)}
			err = s.Batch(t.Context(), []collect.Write{
				{Op: collect.OpInsert, Row: added},
				{Op: collect.OpReplace, Row: changed},
				c.spoil(old[1], stale),
				{Op: collect.OpDelete, Row: old[2]},
			})
			want(t, err, c.want, "batch")
			wantGone(t, s, added.Key)
			for _, row := range old {
				wantRow(t, s, row)
			}
		})
	}
}

func batchDeletesGone(t *testing.T, s collect.Store, kind string) {
	old := stock(t, s, kind, "p")
	want(t, s.Delete(t.Context(), old[1].Key, ""), nil, "delete")
	added := collect.Row{Key: collect.Key{Kind: kind, Partition: "p", Row: "added"}}
	want(t, s.Batch(t.Context(), []collect.Write{
		{Op: collect.OpDelete, Row: old[0]},
		{Op: collect.OpDelete, Row: old[1]},
		{Op: collect.OpDelete, Row: collect.Row{Key: collect.Key{Kind: kind, Partition: "p", Row: "never"}}},
		{Op: collect.OpInsert, Row: added},
	}), nil, "batch")
	if diff := cmp.Diff([]string{"added", "r0002", "r0003"}, list(t, s, kind, "p", "")); diff != "" {
		t.Error(diff)
	}
	gone := []collect.Write{{Op: collect.OpDelete, Row: old[0]}, {Op: collect.OpDelete, Row: old[1]}}
	want(t, s.Batch(t.Context(), gone), nil, "batch of deletes of rows that are gone")
	never := old[3]
	never.Row = "never"
	want(t, s.Batch(t.Context(), append(gone, collect.Write{Op: collect.OpReplace, Row: never})), collect.ErrChanged,
		"batch of deletes and a replace of rows that are gone")
	for i := range gone {
		gone[i].Row.Kind = freshKind()
		want(t, s.Batch(t.Context(), gone[i:i+1]), nil, "batch of deletes in a table that is missing")
	}
}

func batchEmpty(t *testing.T, s collect.Store, _ string) {
	want(t, s.Batch(t.Context(), nil), nil, "batch")
}

// What follows a batch has outcomes of its own, wherever it lies.
func batchThen(t *testing.T, s collect.Store, kind string) {
	old := stock(t, s, kind, "p")
	elsewhere := collect.Row{Key: collect.Key{Kind: kind + "2", Partition: "q", Row: "new"}, Fields: collect.Fields{"N": int64(7)}}
	long := elsewhere
	long.Row = strings.Repeat("r", 2000)
	written, err := s.BatchThen(t.Context(), []collect.Write{{Op: collect.OpReplace, Row: old[0]}}, []collect.Write{
		{Op: collect.OpInsert, Row: elsewhere},
		{Op: collect.OpInsert, Row: old[1]},
		{Op: collect.OpReplace, Row: old[2]},
		{Op: collect.OpInsert, Row: long},
		{Op: collect.OpDelete, Row: old[3]},
	})
	want(t, err, nil, "batch")
	for i, outcome := range []error{nil, collect.ErrExists, nil, collect.ErrLimit, nil} {
		want(t, written[i].Err, outcome, "write behind the batch")
	}
	if diff := cmp.Diff([]string{"r0000", "r0001", "r0002"}, list(t, s, kind, "p", "")); diff != "" {
		t.Error(diff)
	}
	elsewhere.Version = written[0].Version
	wantRow(t, s, elsewhere)
	old[2].Version = written[2].Version
	wantRow(t, s, old[2])
	if got, err := s.Get(t.Context(), old[0].Key); err != nil || got.Version == old[0].Version {
		t.Error("the batch was not written", err)
	}
}

// Behind a batch that is refused nothing is tried.
func batchRefusedThen(t *testing.T, s collect.Store, kind string) {
	old := stock(t, s, kind, "p")
	fresh := collect.Row{Key: collect.Key{Kind: kind, Partition: "q", Row: "new"}, Fields: collect.Fields{"N": int64(7)}}
	for _, batch := range [][]collect.Write{
		{{Op: collect.OpInsert, Row: old[1]}},
		{{Op: collect.OpDelete, Row: old[0]}, {Op: collect.OpInsert, Row: old[1]}},
	} {
		_, err := s.BatchThen(t.Context(), batch, []collect.Write{{Op: collect.OpInsert, Row: fresh}})
		want(t, err, collect.ErrExists, "batch")
		_, err = s.Get(t.Context(), fresh.Key)
		want(t, err, collect.ErrNotFound, "get what was to follow")
	}
	wantRow(t, s, old[0])
	written, err := s.BatchThen(t.Context(), nil, nil)
	if want(t, err, nil, "nothing"); len(written) > 0 {
		t.Error(written)
	}
}
