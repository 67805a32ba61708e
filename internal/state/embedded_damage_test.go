package state_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"azcollector/internal/collect"
	"azcollector/internal/state"
)

// kindsOfDamage are the tables of a store that has every type of page: long lists with
// branches, a small one within its entry, rows longer than a page, and free pages.
var kindsOfDamage = []string{"content", "due", "recordids", "tenant"}

// furnished makes such a store and returns its file.
func furnished(t *testing.T, dir string) (file string) {
	s := openEmbedded(t, dir)
	for chunk := range 6 {
		want(t, s.Batch(t.Context(), rows("content", fmt.Sprint(chunk), 100)), nil, "batch")
		want(t, s.Batch(t.Context(), rows("due", fmt.Sprint(chunk), 100)), nil, "batch")
	}
	for i := range 3 {
		long := collect.Row{Key: collect.Key{Kind: "recordids", Partition: "p", Row: fmt.Sprint(i)}, Fields: collect.Fields{"Ids": bytes.Repeat([]byte{byte(i)}, 60_000)}}
		_, err := s.Insert(t.Context(), long)
		want(t, err, nil, "insert")
	}
	insert(t, s, collect.Key{Kind: "tenant", Partition: "p", Row: "r"}, collect.Fields{"Secret": "small"})
	for chunk := range 3 { // and so there are free pages
		for _, w := range rows("due", fmt.Sprint(chunk), 100) {
			want(t, s.Delete(t.Context(), w.Row.Key, ""), nil, "delete")
		}
	}
	want(t, s.Close(), nil, "close")
	return filepath.Join(dir, "state.db")
}

// everything is all that a store holds; an error stands for the row that has it.
func everything(t *testing.T, s *state.Embedded) (all []string) {
	for _, kind := range kindsOfDamage {
		for partition, err := range s.Partitions(t.Context(), kind, "") {
			if err != nil {
				t.Fatal(err)
			}
			for row, err := range s.List(t.Context(), kind, partition, "") {
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, fmt.Sprint(kind, row.Partition, row.Row, row.Version, row.Fields))
			}
		}
	}
	return all
}

const pageSize = 4096

// typesOfPages tells the pages of a file by their type.
func typesOfPages(file []byte) map[string][]int {
	types := map[string][]int{}
	for at := 0; at+pageSize <= len(file); at += pageSize {
		name := map[uint16]string{1: "branch", 2: "leaf", 4: "meta", 16: "free list"}[binary.NativeEndian.Uint16(file[at+8:])]
		if binary.NativeEndian.Uint64(file[at:]) != uint64(at/pageSize) {
			name = "no head" // a page goes on here, or it was never written
		}
		types[name] = append(types[name], at)
	}
	return types
}

// One bit is flipped, anywhere: the file is refused, with advice, or it did not matter.
func TestEmbeddedFindsOneFlippedBit(t *testing.T) {
	dir := t.TempDir()
	file := furnished(t, dir)
	s := openEmbedded(t, dir)
	before := fmt.Sprint(everything(t, s))
	s.Close()
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dice := rand.New(rand.NewPCG(7, 7))
	refused := map[string]int{}
	types := typesOfPages(whole)
	list := int(binary.NativeEndian.Uint64(whole[newestMeta(whole)*pageSize+16+32:])) // the others are free themselves
	types["free list"] = []int{list * pageSize}
	listed := 16 + 8*int(binary.NativeEndian.Uint16(whole[list*pageSize+10:]))
	for _, name := range []string{"branch", "leaf", "free list", "no head"} {
		if len(types[name]) == 0 {
			t.Fatalf("the file has no page of type %s", name)
		}
		for try := range 50 {
			at := types[name][dice.IntN(len(types[name]))]
			switch {
			case try < 32: // the heads of page and entries, where a flip leads furthest astray
				at += try
			case name == "free list":
				at += dice.IntN(listed)
			default:
				at += dice.IntN(pageSize)
			}
			broken := bytes.Clone(whole)
			broken[at] ^= 1 << dice.IntN(8)
			if err := os.WriteFile(file, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := state.OpenEmbedded(dir)
			if err != nil {
				refused[name]++
				wantAdvice(t, err, file)
				continue
			}
			if now := fmt.Sprint(everything(t, s)); now != before {
				t.Errorf("%s: a bit of byte %d was flipped, and nobody was told of other rows", name, at)
			}
			s.Close()
		}
	}
	// Some of the pages were left behind by earlier transactions, and hold nothing any more.
	for name, n := range map[string]int{"branch": 3, "leaf": 15, "free list": 15, "no head": 3} {
		if refused[name] < n {
			t.Errorf("of the pages of type %s, %d flips were found, want %d or more", name, refused[name], n)
		}
	}
}

func wantAdvice(t *testing.T, err error, file string) {
	t.Helper()
	for _, part := range []string{"open " + file, "the file is damaged", "restore it from a backup, or move it away"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("says not %q: %v", part, err)
		}
	}
}

// newestMeta is the meta page with the higher transaction: they are written in turn.
func newestMeta(file []byte) int {
	if binary.NativeEndian.Uint64(file[16+48:]) < binary.NativeEndian.Uint64(file[pageSize+16+48:]) {
		return 1
	}
	return 0
}

// A commit that a power cut tore leaves one meta page bad, and the state before it.
func TestEmbeddedWithOneMetaPage(t *testing.T) {
	for page := range 2 {
		dir := t.TempDir()
		file := furnished(t, dir)
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		newest := newestMeta(whole)
		clear(whole[page*pageSize+16 : page*pageSize+64])
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		s := openEmbedded(t, dir)
		rows := len(everything(t, s))
		wanted := 600 + 300 + 3 + 1
		if page == newest {
			wanted++ // the last delete
		}
		if rows != wanted {
			t.Errorf("without meta page %d (the newest is %d) there are %d rows, want %d", page, newest, rows, wanted)
		}
		s.Close()
	}
}

// A file that was cut, at the border of a page or between two, is refused.
func TestEmbeddedRefusesWhatWasCut(t *testing.T) {
	dir := t.TempDir()
	file := furnished(t, dir)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	used := int(binary.NativeEndian.Uint64(whole[16+40:])) * pageSize
	for size := range used {
		if size%pageSize > 1 && size%pageSize < pageSize-1 && size%1111 > 0 || size/pageSize > 8 && size%(16*pageSize) > 1 {
			continue
		}
		if err := os.WriteFile(file, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := state.OpenEmbedded(dir)
		if err == nil {
			s.Close()
			t.Errorf("%d of %d bytes were opened", size, used)
			continue
		}
		wantAdvice(t, err, file)
		if info, err := os.Stat(file); err != nil || info.Size() != int64(size) {
			t.Errorf("the damaged file was written to: %v, %v", info, err)
		}
	}
}

// A page that leads back to one above it would be followed for ever.
func TestEmbeddedRefusesPagesInCircles(t *testing.T) {
	dir := t.TempDir()
	file := furnished(t, dir)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	circles := 0
	for _, at := range typesOfPages(whole)["branch"] {
		broken := bytes.Clone(whole)
		binary.NativeEndian.PutUint64(broken[at+16+8:], uint64(at/pageSize)) // its first entry is itself
		if err := os.WriteFile(file, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := state.OpenEmbedded(dir)
		if err == nil { // an old page that nothing leads to
			s.Close()
			continue
		}
		circles++
		wantAdvice(t, err, file)
	}
	if circles == 0 {
		t.Error("no branch page is in use")
	}
}

// The database is gone and what it knew of is there: somebody deleted it, and must know.
func TestEmbeddedRefusesToBeginAnew(t *testing.T) {
	dir := t.TempDir()
	s := openEmbedded(t, dir)
	want(t, s.PutPayload(t.Context(), "letter", []byte("record")), nil, "put")
	s.Close()
	file, payloads := filepath.Join(dir, "state.db"), filepath.Join(dir, "payloads")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, err := state.OpenEmbedded(dir)
	if err == nil {
		t.Fatal("it was made anew")
	}
	for _, part := range []string{"open " + file, "is missing", payloads, "1 files", "restore it from a backup, or move " + payloads + " away"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("says not %q: %v", part, err)
		}
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file was made: %v", err)
	}
	if err := os.Rename(payloads, payloads+".old"); err != nil { // as it was told
		t.Fatal(err)
	}
	openEmbedded(t, dir).Close()
}

// Half a payload says nothing of a database that was there.
func TestEmbeddedBeginsBesideWhatIsUnfinished(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "payloads"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "payloads", "_tmp-1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	openEmbedded(t, dir)
}
