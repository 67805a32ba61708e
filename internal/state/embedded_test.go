package state_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"azcollector/internal/collect"
	"azcollector/internal/state"
)

func TestEmbeddedBelongsToOne(t *testing.T) {
	dir := t.TempDir()
	first := openEmbedded(t, dir)
	_, err := state.OpenEmbedded(dir)
	if err == nil || !strings.Contains(err.Error(), "another azcollector owns this STATE_DIR") {
		t.Fatalf("a second open: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	openEmbedded(t, dir)
}

func TestEmbeddedIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := openEmbedded(t, dir)
	want(t, s.PutPayload(t.Context(), "name", []byte("body")), nil, "put")
	for path, mode := range map[string]os.FileMode{
		dir: 0o700, filepath.Join(dir, "payloads"): 0o700,
		filepath.Join(dir, "state.db"): 0o600, filepath.Join(dir, "payloads", "name"): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != mode {
			t.Errorf("%s has mode %o, want %o", path, got, mode)
		}
	}
}

func TestEmbeddedRefusesDamage(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"empty":          func([]byte) []byte { return nil },
		"text":           func([]byte) []byte { return []byte(strings.Repeat("this is no database\n", 2000)) },
		"short":          func(b []byte) []byte { return b[:100] },
		"both metas bad": func(b []byte) []byte { clear(b[16:64]); clear(b[4096+16 : 4096+64]); return b },
		"cut in half":    func(b []byte) []byte { return b[:len(b)/2] },
		"metas only":     func(b []byte) []byte { return b[:2*4096] },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openEmbedded(t, dir)
			for chunk := range 5 {
				want(t, s.Batch(t.Context(), rows("kind", fmt.Sprint(chunk), 100)), nil, "batch")
			}
			s.Close()
			file := filepath.Join(dir, "state.db")
			whole, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			broken := damage(whole)
			if err := os.WriteFile(file, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err = state.OpenEmbedded(dir)
			if err == nil {
				s.Close()
				t.Fatal("a damaged file was opened")
			}
			if !strings.Contains(err.Error(), "the file is damaged") {
				t.Errorf("got %v", err)
			}
			if got, _ := os.ReadFile(file); string(got) != string(broken) {
				t.Error("the damaged file was written to")
			}
		})
	}
}

func TestEmbeddedRemovesWhatIsUnfinished(t *testing.T) {
	dir := t.TempDir()
	openEmbedded(t, dir).Close()
	left := []string{filepath.Join(dir, "_tmp-1"), filepath.Join(dir, "payloads", "_tmp-2")}
	for _, file := range left {
		if err := os.WriteFile(file, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	openEmbedded(t, dir)
	for _, file := range left {
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", file, err)
		}
	}
}

// crashDir makes the test binary a child that writes until it is killed.
const crashDir = "AZCOLLECTOR_TEST_CRASH_DIR"

func writeUntilKilled(dir string) {
	s, err := state.OpenEmbedded(dir)
	if err != nil {
		fmt.Println("!", err)
		os.Exit(1)
	}
	var out sync.Mutex
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%d-%07d", w, i)
				key := collect.Key{Kind: "kind", Partition: "p", Row: name}
				if _, err := s.Insert(context.Background(), collect.Row{Key: key, Fields: collect.Fields{"Name": name}}); err != nil {
					os.Exit(1)
				}
				if err := s.PutPayload(context.Background(), name, []byte(name)); err != nil {
					os.Exit(1)
				}
				out.Lock()
				fmt.Println(name)
				out.Unlock()
			}
		})
	}
	writers.Wait()
}

func TestEmbeddedSurvivesSIGKILL(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), crashDir+"="+filepath.Join(dir, fmt.Sprint(round)))
		pipe, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		var acknowledged []string
		lines := bufio.NewReader(pipe)
		for {
			line, err := lines.ReadString('\n')
			if err == io.EOF {
				break // a line without an end was not acknowledged
			}
			if err != nil {
				t.Fatal(err)
			}
			if acknowledged = append(acknowledged, strings.TrimSpace(line)); len(acknowledged) == 150 {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = child.Wait() // killed, as it should be
		if len(acknowledged) < 150 {
			t.Fatalf("the child ended by itself after %q", acknowledged)
		}
		s := openEmbedded(t, filepath.Join(dir, fmt.Sprint(round)))
		for _, name := range acknowledged {
			row, err := s.Get(t.Context(), collect.Key{Kind: "kind", Partition: "p", Row: name})
			want(t, err, nil, "get "+name)
			if row.Fields["Name"] != name {
				t.Errorf("row %s holds %v", name, row.Fields)
			}
			wantPayload(t, s, name, []byte(name))
		}
	}
}
