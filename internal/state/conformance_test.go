package state_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"azcollector/internal/collect"
	"azcollector/internal/state"
)

// conformance is what every collect.Store must do. Each case has a kind of its own.
var conformance = []struct {
	name string
	run  func(*testing.T, collect.Store, string)
}{
	{"a row that is not there", absentRow},
	{"insert, get, replace, delete", rowLife},
	{"insert what exists", insertTwice},
	{"replace what changed", replaceStale},
	{"delete what changed", deleteStale},
	{"a version does not come back", versionsDiffer},
	{"replace writes all fields", replaceDropsFields},
	{"fields come back as they were", fieldsRoundTrip},
	{"keys with every legal character", legalKeys},
	{"of concurrent inserts one wins", concurrentInserts},
	{"of concurrent replaces one wins", concurrentReplaces},
	{"list from a row", listFrom},
	{"list in byte order", listOrder},
	{"list many rows while writing", listWhileWriting},
	{"list a listing's versions", listVersions},
	{"partitions from a name", partitionsFrom},
	{"partitions in byte order", partitionsOrder},
	{"partitions while writing", partitionsWhileWriting},
	{"batch", batchAll},
	{"batch or nothing", batchNothing},
	{"batch, then others", batchThen},
	{"batch refused, nothing else", batchRefusedThen},
	{"batch deletes what is gone", batchDeletesGone},
	{"batch of nothing", batchEmpty},
	{"limits of rows", rowLimits},
	{"limits of keys", keyLimits},
	{"limits of batches", batchLimits},
	{"as large as can be", largest},
	{"payloads", payloadLife},
	{"names of payloads", payloadNames},
	{"waking", waking},
	{"a context that ended", endedContext},
}

func TestEmbeddedConforms(t *testing.T) {
	for _, c := range conformance {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, openEmbedded(t, t.TempDir()), freshKind())
		})
	}
}

func TestAzureConforms(t *testing.T) {
	s := openAzure(t, state.AzureOptions{ConnectionString: connection(t)})
	for _, c := range conformance {
		t.Run(c.name, func(t *testing.T) { c.run(t, s, freshKind()) })
	}
}

// want fails unless err is target (nil for success).
func want(tb testing.TB, err, target error, doing string) {
	tb.Helper()
	if !errors.Is(err, target) || target == nil && err != nil {
		tb.Fatalf("%s: got error %v, want %v", doing, err, target)
	}
}

func insert(tb testing.TB, s collect.Store, key collect.Key, fields collect.Fields) (version string) {
	tb.Helper()
	version, err := s.Insert(tb.Context(), collect.Row{Key: key, Fields: fields})
	want(tb, err, nil, "insert "+key.Row)
	if version == "" {
		tb.Fatalf("insert %s: no version", key.Row)
	}
	return version
}

func wantRow(tb testing.TB, s collect.Store, row collect.Row) {
	tb.Helper()
	got, err := s.Get(tb.Context(), row.Key)
	want(tb, err, nil, "get "+row.Row)
	if diff := cmp.Diff(row, got, cmp.Comparer(bytes.Equal)); diff != "" {
		tb.Fatalf("row %s (-want +got):\n%s", row.Row, diff)
	}
}

func wantGone(tb testing.TB, s collect.Store, key collect.Key) {
	tb.Helper()
	_, err := s.Get(tb.Context(), key)
	want(tb, err, collect.ErrNotFound, "get "+key.Row)
}

func absentRow(t *testing.T, s collect.Store, kind string) {
	key := collect.Key{Kind: kind, Partition: "p", Row: "r"}
	for _, table := range []string{"missing", "present"} {
		wantGone(t, s, key)
		_, err := s.Replace(t.Context(), collect.Row{Key: key, Version: `W/"datetime'2020-01-01T00%3A00%3A00.0000000Z'"`})
		want(t, err, collect.ErrChanged, "replace, table "+table)
		want(t, s.Delete(t.Context(), key, ""), nil, "delete, table "+table)
		want(t, s.Delete(t.Context(), key, `W/"datetime'2020-01-01T00%3A00%3A00.0000000Z'"`), nil, "delete a version, table "+table)
		for row, err := range s.List(t.Context(), kind, "p", "") {
			t.Fatalf("list, table %s: got %v, %v", table, row, err)
		}
		insert(t, s, collect.Key{Kind: kind, Partition: "q", Row: "r"}, nil)
		kind = strings.ToUpper(kind) // names of tables fold case
		if table == "missing" {
			wantGone(t, s, collect.Key{Kind: kind, Partition: "p", Row: "r"})
			want(t, s.Delete(t.Context(), collect.Key{Kind: kind, Partition: "q", Row: "r"}, ""), nil, "delete")
		}
	}
}

func rowLife(t *testing.T, s collect.Store, kind string) {
	row := collect.Row{Key: collect.Key{Kind: kind, Partition: "p", Row: "r"}, Fields: collect.Fields{"Name": "first"}}
	row.Version = insert(t, s, row.Key, row.Fields)
	wantRow(t, s, row)

	row.Fields = collect.Fields{"Name": "second"}
	old := row.Version
	version, err := s.Replace(t.Context(), row)
	want(t, err, nil, "replace")
	if row.Version = version; version == "" || version == old {
		t.Fatalf("version %q after %q", version, old)
	}
	wantRow(t, s, row)

	want(t, s.Delete(t.Context(), row.Key, row.Version), nil, "delete")
	wantGone(t, s, row.Key)
	want(t, s.Delete(t.Context(), row.Key, row.Version), nil, "delete again")

	insert(t, s, row.Key, nil)
	want(t, s.Delete(t.Context(), row.Key, ""), nil, "delete whatever is there")
	wantGone(t, s, row.Key)
}

func insertTwice(t *testing.T, s collect.Store, kind string) {
	row := collect.Row{Key: collect.Key{Kind: kind, Partition: "p", Row: "r"}, Fields: collect.Fields{"Name": "first"}}
	row.Version = insert(t, s, row.Key, row.Fields)
	_, err := s.Insert(t.Context(), collect.Row{Key: row.Key, Fields: collect.Fields{"Name": "second"}})
	want(t, err, collect.ErrExists, "insert again")
	wantRow(t, s, row)
}

func replaceStale(t *testing.T, s collect.Store, kind string) {
	row := collect.Row{Key: collect.Key{Kind: kind, Partition: "p", Row: "r"}, Fields: collect.Fields{"N": int64(1)}}
	stale := insert(t, s, row.Key, row.Fields)
	row.Version, row.Fields = stale, collect.Fields{"N": int64(2)}
	version, err := s.Replace(t.Context(), row)
	want(t, err, nil, "replace")
	row.Version = version
	for _, v := range []string{stale, "", "*", "nonsense"} {
		_, err := s.Replace(t.Context(), collect.Row{Key: row.Key, Version: v, Fields: collect.Fields{"N": int64(3)}})
		want(t, err, collect.ErrChanged, "replace version "+v)
	}
	wantRow(t, s, row)
}

func deleteStale(t *testing.T, s collect.Store, kind string) {
	row := collect.Row{Key: collect.Key{Kind: kind, Partition: "p", Row: "r"}, Fields: collect.Fields{}}
	stale := insert(t, s, row.Key, row.Fields)
	row.Version = stale
	version, err := s.Replace(t.Context(), row)
	want(t, err, nil, "replace")
	row.Version = version
	for _, v := range []string{stale, "*", "nonsense"} {
		want(t, s.Delete(t.Context(), row.Key, v), collect.ErrChanged, "delete version "+v)
	}
	wantRow(t, s, row)
}

func versionsDiffer(t *testing.T, s collect.Store, kind string) {
	key := collect.Key{Kind: kind, Partition: "p", Row: "r"}
	old := insert(t, s, key, collect.Fields{"N": int64(1)})
	want(t, s.Delete(t.Context(), key, ""), nil, "delete")
	insert(t, s, key, collect.Fields{"N": int64(1)})
	_, err := s.Replace(t.Context(), collect.Row{Key: key, Version: old})
	want(t, err, collect.ErrChanged, "replace a row of the same content that came later")
}

func replaceDropsFields(t *testing.T, s collect.Store, kind string) {
	row := collect.Row{Key: collect.Key{Kind: kind, Partition: "p", Row: "r"}, Fields: collect.Fields{"A": "a"}}
	row.Version = insert(t, s, row.Key, collect.Fields{"A": "old", "B": "b"})
	version, err := s.Replace(t.Context(), row)
	want(t, err, nil, "replace")
	row.Version = version
	wantRow(t, s, row)
}

func fieldsRoundTrip(t *testing.T, s collect.Store, kind string) {
	zone := time.FixedZone("east", 2*60*60)
	every := make([]byte, 64<<10)
	for i := range every {
		every[i] = byte(i * 7)
	}
	row := collect.Row{Key: collect.Key{Kind: kind, Partition: "p", Row: "r"}, Fields: collect.Fields{
		"Text": "line\nfeed \"quoted\" \\ 'single' <&> \u2028 ü 漢 😀", "Empty": "",
		"Number": int64(math.MaxInt64), "Least": int64(math.MinInt64), "Zero": int64(0), "Odd": int64(1<<53 + 1),
		"Yes": true, "No": false,
		"Time":  time.Date(2026, 11, 22, 1, 2, 3, 123456700, time.UTC),
		"Whole": time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC),
		"Old":   time.Date(1601, 1, 1, 0, 0, 0, 100, time.UTC), "Late": time.Date(9999, 12, 31, 23, 59, 59, 999999900, time.UTC),
		"Bytes": every, "NoBytes": []byte{},
		"LooksLikeTime": "2026-11-22T01:02:03Z", "LooksLikeNumber": "42",
	}}
	row.Version = insert(t, s, row.Key, row.Fields)
	wantRow(t, s, row)

	row.Fields = collect.Fields{"East": time.Date(2026, 11, 22, 3, 2, 3, 123456789, zone), "Never": time.Time{}, "Nil": []byte(nil)}
	version, err := s.Replace(t.Context(), row)
	want(t, err, nil, "replace")
	row.Version = version
	row.Fields = collect.Fields{ // UTC, 100 ns; a zero time is not kept; nil bytes are empty ones
		"East": time.Date(2026, 11, 22, 1, 2, 3, 123456700, time.UTC), "Nil": []byte{},
	}
	wantRow(t, s, row)
	got, _ := s.Get(t.Context(), row.Key)
	if east := got.Fields["East"].(time.Time); east.Location() != time.UTC {
		t.Errorf("a time came back in %v, want UTC", east.Location())
	}
}

func legalKeys(t *testing.T, s collect.Store, kind string) {
	part := "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789$.|-_5F"
	for _, p := range []string{part, ".", "..", "$", strings.Repeat("k", 400), collect.EscapeKey("tenant", `a/b\c#d?e'f%g ü`)} {
		for _, r := range []string{p, ""} {
			row := collect.Row{Key: collect.Key{Kind: kind, Partition: p, Row: r}, Fields: collect.Fields{"R": r}}
			row.Version = insert(t, s, row.Key, row.Fields)
			wantRow(t, s, row)
			version, err := s.Replace(t.Context(), row)
			want(t, err, nil, "replace "+r)
			row.Version = version
			err = s.Batch(t.Context(), []collect.Write{{Op: collect.OpReplace, Row: row}})
			want(t, err, nil, "batch "+r)
		}
		n := 0
		for row, err := range s.List(t.Context(), kind, p, "") {
			want(t, err, nil, "list")
			want(t, s.Delete(t.Context(), row.Key, row.Version), nil, "delete")
			n++
		}
		if n != 2 {
			t.Errorf("partition %q lists %d rows, want 2", p, n)
		}
	}
}

func concurrentInserts(t *testing.T, s collect.Store, kind string) {
	key := collect.Key{Kind: kind, Partition: "p", Row: "r"}
	wins := race(t, func(ctx context.Context, i int) error {
		_, err := s.Insert(ctx, collect.Row{Key: key, Fields: collect.Fields{"By": int64(i)}})
		return err
	}, collect.ErrExists)
	got, err := s.Get(t.Context(), key)
	want(t, err, nil, "get")
	if diff := cmp.Diff(collect.Fields{"By": int64(wins)}, got.Fields); diff != "" {
		t.Error("the row is not the winner's", diff)
	}
}

func concurrentReplaces(t *testing.T, s collect.Store, kind string) {
	key := collect.Key{Kind: kind, Partition: "p", Row: "r"}
	version := insert(t, s, key, nil)
	wins := race(t, func(ctx context.Context, i int) error {
		_, err := s.Replace(ctx, collect.Row{Key: key, Version: version, Fields: collect.Fields{"By": int64(i)}})
		return err
	}, collect.ErrChanged)
	got, err := s.Get(t.Context(), key)
	want(t, err, nil, "get")
	if diff := cmp.Diff(collect.Fields{"By": int64(wins)}, got.Fields); diff != "" {
		t.Error("the row is not the winner's", diff)
	}
}

// race lets sixteen try at once and returns who won; all others must lose.
func race(t *testing.T, try func(context.Context, int) error, loss error) (winner int) {
	t.Helper()
	errs := make([]error, 16)
	var wait sync.WaitGroup
	for i := range errs {
		wait.Go(func() { errs[i] = try(t.Context(), i) })
	}
	wait.Wait()
	winner = -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			t.Fatalf("both %d and %d won", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, loss):
			t.Fatalf("%d lost with %v, want %v", i, err, loss)
		}
	}
	if winner < 0 {
		t.Fatal("nobody won")
	}
	return winner
}

func endedContext(t *testing.T, s collect.Store, kind string) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	key := collect.Key{Kind: kind, Partition: "p", Row: "r"}
	_, getErr := s.Get(ctx, key)
	_, insertErr := s.Insert(ctx, collect.Row{Key: key})
	_, payloadErr := s.Payload(ctx, "name")
	var listErr error
	for _, listErr = range s.List(ctx, kind, "p", "") {
		break
	}
	var partitionsErr error
	for _, partitionsErr = range s.Partitions(ctx, kind, "") {
		break
	}
	for doing, err := range map[string]error{
		"get": getErr, "insert": insertErr, "list": listErr, "partitions": partitionsErr, "delete": s.Delete(ctx, key, ""),
		"batch":       s.Batch(ctx, []collect.Write{{Op: collect.OpInsert, Row: collect.Row{Key: key}}}),
		"put payload": s.PutPayload(ctx, "name", nil), "payload": payloadErr, "delete payload": s.DeletePayload(ctx, "name"),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want %v", doing, err, context.Canceled)
		}
	}
	wantGone(t, s, key)
}

// rows makes n inserts r0000, r0001, …
func rows(kind, partition string, n int) (writes []collect.Write) {
	for i := range n {
		writes = append(writes, collect.Write{Row: collect.Row{
			Key: collect.Key{Kind: kind, Partition: partition, Row: fmt.Sprintf("r%04d", i)}, Fields: collect.Fields{"N": int64(i)},
		}})
	}
	return writes
}
