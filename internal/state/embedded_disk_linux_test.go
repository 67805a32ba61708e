package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"azcollector/internal/collect"
	"azcollector/internal/state"
)

// childDir makes a test of this file do its work, in a process of its own: what the
// kernel refuses there, it refuses to all of it.
const childDir = "AZCOLLECTOR_TEST_CHILD_DIR"

// inChild runs the calling test again as a child, in a directory; there it returns true.
func inChild(t *testing.T) bool {
	if os.Getenv(childDir) != "" {
		return true
	}
	dir := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), childDir+"="+dir)
	out, err := child.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Fatalf("child: %v\n%s", err, out)
	}
	return false
}

// limitFiles lets no file of this process grow beyond a size, as a full disk would.
func limitFiles(t *testing.T, size uint64) (lift func()) {
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limit := before
	limit.Cur = size
	set := func(to *syscall.Rlimit) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, to); err != nil {
			t.Fatal(err)
		}
	}
	set(&limit)
	return func() { set(&before) }
}

// The disk is full, wherever in a commit that shows: what was written before is there,
// what is refused is not there in part, and the same store goes on once there is room.
func TestEmbeddedDiskFull(t *testing.T) {
	if !inChild(t) {
		return
	}
	dir := os.Getenv(childDir)
	s := openEmbedded(t, dir)
	var mu sync.Mutex
	written, refused := map[string]bool{}, map[string]bool{}
	write := func(round, from, to int) {
		var writers sync.WaitGroup
		for w := from; w < to; w++ {
			writers.Go(func() {
				name := fmt.Sprintf("%d-%d", round, w)
				batch := []collect.Write{
					{Row: collect.Row{Key: collect.Key{Kind: "kind", Partition: name, Row: "a"}, Fields: collect.Fields{"B": bytes.Repeat([]byte(name), 900)}}},
					{Row: collect.Row{Key: collect.Key{Kind: "kind", Partition: name, Row: "b"}}},
				}
				err := s.Batch(t.Context(), batch)
				payload := s.PutPayload(t.Context(), name, bytes.Repeat([]byte(name), 9000))
				mu.Lock()
				defer mu.Unlock()
				written[name], refused[name] = err == nil, err != nil
				if errors.Is(err, collect.ErrExists) {
					t.Errorf("%s: a write that failed was repeated: %v", name, err)
				}
				if info, failed := os.Stat(filepath.Join(dir, "payloads", name)); (failed == nil) != (payload == nil) || failed == nil && info.Size() != int64(9000*len(name)) {
					t.Errorf("%s: payload: %v, but %v, %v", name, payload, info, failed)
				}
			})
		}
		writers.Wait()
	}
	check := func() {
		t.Helper()
		for name, is := range written {
			for _, row := range []string{"a", "b"} {
				_, err := s.Get(t.Context(), collect.Key{Kind: "kind", Partition: name, Row: row})
				if is && err != nil || !is && !errors.Is(err, collect.ErrNotFound) {
					t.Errorf("%s/%s: written %t, but %v", name, row, is, err)
				}
			}
		}
	}
	full := 0
	for round := range 6 { // with limits in the middle of pages, before and behind the file's growth
		lift := limitFiles(t, uint64(20_000+round*23_456))
		write(round, 0, 12)
		check()
		lift()
		for name := range refused {
			if refused[name] {
				full++
			}
		}
		write(round, 12, 14)
		check()
		for w := 12; w < 14; w++ {
			if name := fmt.Sprintf("%d-%d", round, w); !written[name] {
				t.Fatalf("%s was refused although there is room again", name)
			}
		}
	}
	if full == 0 {
		t.Error("no write was refused")
	}
	want(t, s.Close(), nil, "close")
	s = openEmbedded(t, dir) // and so it is whole
	check()
}

// A store that cannot be made says so, leaves nothing half made, and can be made later.
func TestEmbeddedMadeOnAFullDisk(t *testing.T) {
	if !inChild(t) {
		return
	}
	dir := os.Getenv(childDir)
	lift := limitFiles(t, 5000)
	_, err := state.OpenEmbedded(dir)
	if err == nil || !strings.Contains(err.Error(), "create "+filepath.Join(dir, "state.db")) || !errors.Is(err, syscall.EFBIG) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "state.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half of it is there: %v", err)
	}
	lift()
	openEmbedded(t, dir)
}

// Where there are no hard links the store is made all the same, once.
func TestEmbeddedWithoutHardLinks(t *testing.T) {
	if !inChild(t) {
		return
	}
	dir := os.Getenv(childDir)
	forbidLinks(t)
	if err := os.Link(os.Args[0], filepath.Join(dir, "link")); !errors.Is(err, syscall.EPERM) {
		t.Fatalf("a link was made: %v", err)
	}
	insert(t, openEmbedded(t, dir), collect.Key{Kind: "kind", Partition: "p", Row: "r"}, nil)

	other := filepath.Join(dir, "other")
	var racers sync.WaitGroup
	var made []*state.Embedded
	var mu sync.Mutex
	for range 16 { // all make it, one has it
		racers.Go(func() {
			s, err := state.OpenEmbedded(other)
			mu.Lock()
			defer mu.Unlock()
			if err == nil { // and nobody else while it is open, unless there is another file
				made = append(made, s)
			} else if !strings.Contains(err.Error(), "another azcollector owns") && !strings.Contains(err.Error(), "timeout") {
				t.Error(err)
			}
		})
	}
	racers.Wait()
	for _, s := range made {
		want(t, s.Close(), nil, "close")
	}
	if len(made) != 1 {
		t.Errorf("%d made it", len(made))
	}
}

// forbidLinks lets the kernel refuse hard links to this process, as FAT and many shares
// over SMB do: a seccomp filter, for all threads ("seccomp(2)", "BPF" in bpf(4)).
func forbidLinks(t *testing.T) {
	type instruction struct {
		code   uint16
		jt, jf uint8
		k      uint32
	}
	const (
		load, jump, ret = 0x20, 0x15, 0x06 // BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
		allow, refuse   = 0x7fff0000, 0x00050000 | uint32(syscall.EPERM)
		noNewPrivs      = 38 // PR_SET_NO_NEW_PRIVS
		filterMode      = 1  // SECCOMP_SET_MODE_FILTER
		allThreads      = 1  // SECCOMP_FILTER_FLAG_TSYNC
	)
	seccomp := map[string]uintptr{"amd64": 317, "arm64": 277}[runtime.GOARCH]
	if seccomp == 0 {
		t.Skipf("the number of seccomp(2) on %s is not known here", runtime.GOARCH)
	}
	program := []instruction{
		{load, 0, 0, 0}, // the call's number
		{jump, 0, 1, syscall.SYS_LINKAT},
		{ret, 0, 0, refuse},
		{ret, 0, 0, allow},
	}
	filter := struct {
		length uint16
		first  *instruction
	}{uint16(len(program)), &program[0]}
	runtime.LockOSThread()
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, noNewPrivs, 1, 0, 0, 0, 0); errno != 0 {
		t.Fatal(errno)
	}
	if _, _, errno := syscall.RawSyscall(seccomp, filterMode, allThreads, uintptr(unsafe.Pointer(&filter))); errno != 0 {
		t.Skipf("this kernel takes no filter: %v", errno)
	}
}
