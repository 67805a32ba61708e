package sink_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"azcollector/internal/collect"
	"azcollector/internal/sink"
)

func open(t *testing.T, path string) *sink.JSONL {
	t.Helper()
	j, err := sink.OpenJSONL(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func batchOf(t *testing.T, j *sink.JSONL, raws ...string) collect.Batch {
	t.Helper()
	b := j.NewBatch()
	for _, raw := range raws {
		if !b.Add(collect.Record{Raw: []byte(raw)}) {
			t.Fatalf("record of %d bytes was not added", len(raw))
		}
	}
	return b
}

func TestLinesAreVerbatim(t *testing.T) {
	tests := []struct{ name, raw, line string }{
		{"big integer and order", `{"b":12345678901234567890, "a":1}`, `{"b":12345678901234567890, "a":1}`},
		{"escapes", `{"a":"\n\u000a\r"}`, `{"a":"\n\u000a\r"}`},
		{"invalid UTF-8", "{\"a\":\"\xff\"}", "{\"a\":\"\xff\"}"},
		{"line breaks between tokens", "{\r\n\"a\":\n1}", `{  "a": 1}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out.jsonl")
			j := open(t, path)
			b := batchOf(t, j, `{"first":1}`, tt.raw)
			if err := b.Send(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got, want := read(t, path), "{\"first\":1}\n"+tt.line+"\n"; got != want {
				t.Errorf("file: %q, want %q", got, want)
			}
			if got := string(b.Raw(1)); got != tt.raw {
				t.Errorf("Raw: %q, want %q", got, tt.raw)
			}
			if b.Outcome(0).State != collect.Delivered || b.Outcome(1).State != collect.Delivered {
				t.Error("not delivered")
			}
			if err := b.Send(t.Context()); err != nil || strings.Count(read(t, path), "\n") != 2 {
				t.Errorf("a second Send wrote again (%v)", err)
			}
		})
	}
}

func TestBatchIsFullAt4MiB(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "f")).NewBatch()
	huge := collect.Record{Raw: []byte(`"` + strings.Repeat("x", 5<<20) + `"`)}
	if !b.Add(huge) {
		t.Error("an empty batch takes any record")
	}
	if b.Add(collect.Record{Raw: []byte("{}")}) {
		t.Error("a full batch took another one")
	}
	b.Reset()
	if b.Len() != 0 || !b.Add(collect.Record{Raw: []byte("{}")}) || string(b.Raw(0)) != "{}" {
		t.Error("not empty after Reset")
	}
}

func TestOpenMendsTheLastLine(t *testing.T) {
	tests := []struct{ name, before, after string }{
		{"whole", "{\"a\":1}\n", "{\"a\":1}\n"},
		{"empty", "", ""},
		{"torn record", "{\"a\":1}\n{\"b\":", "{\"a\":1}\n"},
		{"torn first record", "{\"b\":", ""},
		{"zeros after a power cut", "{\"a\":1}\n\x00\x00\x00", "{\"a\":1}\n"},
		{"record without its newline", "{\"a\":1}\n{\"b\":2}", "{\"a\":1}\n{\"b\":2}\n"},
		{"somebody's own text", "notes", "notes\n"},
		{"torn record over many blocks", "{\"a\":1}\n{\"b\":\"" + strings.Repeat("x", 300<<10), "{\"a\":1}\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out.jsonl")
			if err := os.WriteFile(path, []byte(tt.before), 0o600); err != nil {
				t.Fatal(err)
			}
			j := open(t, path)
			if got := read(t, path); got != tt.after {
				t.Errorf("after opening: %.60q, want %.60q", got, tt.after)
			}
			if err := batchOf(t, j, `{"new":1}`).Send(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got, want := read(t, path), tt.after+"{\"new\":1}\n"; got != want {
				t.Errorf("after a record: %.60q, want %.60q", got, want)
			}
		})
	}
}

func TestBatchesNeverInterleave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	j := open(t, path)
	const writers, batches, records = 8, 10, 20
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			b := j.NewBatch()
			for n := range batches {
				for i := range records {
					b.Add(collect.Record{Raw: fmt.Appendf(nil, `{"w":%d,"n":%d,"i":%d,"pad":"%s"}`, w, n, i, strings.Repeat("x", w*100))})
				}
				if err := b.Send(t.Context()); err != nil {
					t.Error(err)
				}
				b.Reset()
			}
		})
	}
	all.Wait()
	lines := strings.Split(strings.TrimSuffix(read(t, path), "\n"), "\n")
	if len(lines) != writers*batches*records {
		t.Fatalf("%d lines, want %d", len(lines), writers*batches*records)
	}
	next := map[string]int{} // each writer's batches come whole and in order
	for at := 0; at < len(lines); at += records {
		writer, _, _ := strings.Cut(lines[at], ",")
		for i := range records {
			want := fmt.Sprintf(`%s,"n":%d,"i":%d,`, writer, next[writer], i)
			if !strings.HasPrefix(lines[at+i], want) {
				t.Fatalf("line %d begins %.40s, want %s", at+i, lines[at+i], want)
			}
		}
		next[writer]++
	}
}

func TestFileBelongsToOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	open(t, path)
	if second, err := sink.OpenJSONL(path); err == nil {
		_ = second.Close()
		t.Error("opened twice")
	}
}

func TestEndedContextWritesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	b := batchOf(t, open(t, path), `{}`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Send(ctx); err == nil || b.Outcome(0).State != collect.Open || read(t, path) != "" {
		t.Errorf("error %v, file %q", err, read(t, path))
	}
}

func TestFileMayBeCopiedAndTruncated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	j := open(t, path)
	for range 2 {
		if err := batchOf(t, j, `{"a":1}`).Send(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); got != "{\"a\":1}\n" {
			t.Errorf("file: %q", got)
		}
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever bytes a record has, it is one line, and Raw gives them back.
func FuzzOneLine(f *testing.F) {
	f.Add([]byte("{\r\n}"))
	f.Add([]byte{0xff, '\n'})
	path := filepath.Join(f.TempDir(), "out.jsonl")
	j, err := sink.OpenJSONL(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		b := batchOf(t, j, string(raw))
		if err := b.Send(t.Context()); err != nil {
			t.Fatal(err)
		}
		line := read(t, path)
		want := strings.NewReplacer("\r", " ", "\n", " ").Replace(string(raw)) + "\n"
		if line != want || !bytes.Equal(b.Raw(0), raw) {
			t.Errorf("line %q, Raw %q of %q", line, b.Raw(0), raw)
		}
	})
}
