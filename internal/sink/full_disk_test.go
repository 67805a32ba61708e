//go:build linux

package sink_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"azcollector/internal/collect"
	"azcollector/internal/sink"
)

// The kernel refuses to let the child's file grow beyond a limit, as a full disk
// would: the write breaks off in the middle of a line.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFullDiskChild$", "-test.v")
	child.Env = append(os.Environ(), "JSONL_CHILD="+path)
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "child is done") {
		t.Fatalf("child: %v\n%s", err, out)
	}
	if got, want := read(t, path), "{\"first\":1}\n{\"second\":2}\n{\"third\":3}\n"; got != want {
		t.Errorf("file: %q, want %q", got, want)
	}
}

func TestFullDiskChild(t *testing.T) {
	path := os.Getenv("JSONL_CHILD")
	if path == "" {
		t.Skip("runs as the child of TestFullDisk")
	}
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limit := before
	limit.Cur = 100
	j := open(t, path)
	if err := batchOf(t, j, `{"first":1}`).Send(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	large := batchOf(t, j, `{"a":1}`, `{"large":"`+strings.Repeat("x", 200)+`"}`)
	err := large.Send(t.Context())
	if err == nil || large.Outcome(0).State != collect.Open || !strings.Contains(err.Error(), "JSONL_PATH") {
		t.Fatalf("beyond the limit: %v", err)
	}
	if got := read(t, path); got != "{\"first\":1}\n" {
		t.Fatalf("the torn line is still there: %q", got)
	}
	if err := batchOf(t, j, `{"second":2}`).Send(t.Context()); err != nil {
		t.Fatal(err) // what fits is still written
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	large.Reset()
	large.Add(collect.Record{Raw: []byte(`{"third":3}`)})
	if err := large.Send(t.Context()); err != nil {
		t.Fatal(err)
	}
	fmt.Println("child is done")
}

func TestDeviceThatIsFull(t *testing.T) {
	j := open(t, "/dev/full")
	if got := j.Acknowledgement(); got != "sent" {
		t.Errorf("acknowledgement of a device: %s, want sent", got)
	}
	b := batchOf(t, j, `{}`)
	if err := b.Send(t.Context()); err == nil || b.Outcome(0).State != collect.Open {
		t.Errorf("error %v, outcome %v", err, b.Outcome(0))
	}
}

// A pipe on the standard output gets the lines and promises nothing; a file there is flushed.
func TestStandardOutput(t *testing.T) {
	if os.Getenv("JSONL_STDOUT") != "" {
		j, err := sink.OpenJSONL("-")
		if err != nil {
			t.Fatal(err)
		}
		if err := batchOf(t, j, `{"ack":"`+j.Acknowledgement()+`"}`).Send(t.Context()); err != nil {
			t.Fatal(err)
		}
		return
	}
	run := func(stdout *os.File) string {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStandardOutput$")
		child.Env = append(os.Environ(), "JSONL_STDOUT=1")
		if stdout == nil {
			out, err := child.Output()
			if err != nil {
				t.Fatal(err)
			}
			return string(out)
		}
		child.Stdout = stdout
		if err := child.Run(); err != nil {
			t.Fatal(err)
		}
		return read(t, stdout.Name())
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if got := run(nil); !strings.HasPrefix(got, "{\"ack\":\"sent\"}\n") {
		t.Errorf("pipe: %q", got)
	}
	if got := run(file); !strings.HasPrefix(got, "{\"ack\":\"flushed\"}\n") {
		t.Errorf("file: %q", got)
	}
}
