package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"azcollector/internal/collect"
	"azcollector/internal/state"
)

// inMount runs the calling test again in a process that has mounts of its own, with a
// small file system in its memory; there it returns the directory of that.
func inMount(t *testing.T, size string) (dir string, child bool) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+size); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }) // and it is gone with us in any case
		return dir, true
	}
	if os.Geteuid() != 0 {
		t.Skip("only root may mount a file system")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), childDir+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skip("this machine lets nobody mount a file system")
	}
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Fatalf("child: %v\n%s", err, out)
	}
	return "", false
}

// Rows until the disk is full, again and again, with room made by hand in between.
func TestEmbeddedOnASmallDisk(t *testing.T) {
	dir, child := inMount(t, "384k")
	if !child {
		return
	}
	s := openEmbedded(t, dir)
	ballast := filepath.Join(dir, "ballast")
	acknowledged := 0
	for round := range 3 {
		if err := os.WriteFile(ballast, make([]byte, 128<<10), 0o600); err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		refused := 0
		for i := range 400 {
			key := collect.Key{Kind: "kind", Partition: fmt.Sprint(round), Row: fmt.Sprintf("%04d", i)}
			_, err := s.Insert(t.Context(), collect.Row{Key: key, Fields: collect.Fields{"B": make([]byte, 700)}})
			switch {
			case err == nil:
				acknowledged++
			case !errors.Is(err, syscall.ENOSPC):
				t.Fatalf("%v: %v", key, err)
			default:
				refused++
			}
		}
		if err := s.PutPayload(t.Context(), "payload", make([]byte, 256<<10)); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("a payload on a full disk: %v", err)
		}
		if refused == 0 {
			t.Error("no row was refused")
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		insert(t, s, collect.Key{Kind: "kind", Partition: "room", Row: fmt.Sprint(round)}, nil)
		acknowledged++
	}
	want(t, s.Close(), nil, "close")
	s = openEmbedded(t, dir)
	rows := 0
	for partition, err := range s.Partitions(t.Context(), "kind", "") {
		want(t, err, nil, "partitions")
		rows += len(list(t, s, "kind", partition, ""))
	}
	if rows != acknowledged {
		t.Errorf("%d rows, of which %d were acknowledged", rows, acknowledged)
	}
}

// root may write where a mode forbids it, but not to a file system that is read-only.
func TestEmbeddedOnAReadOnlyDisk(t *testing.T) {
	dir, child := inMount(t, "4m")
	if !child {
		return
	}
	mode := func(flags uintptr) {
		if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(doing string) {
		t.Helper()
		s, err := state.OpenEmbedded(dir)
		if err == nil {
			s.Close()
			t.Fatalf("%s: it was opened", doing)
		}
		if !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", doing, err)
		}
	}
	mode(syscall.MS_RDONLY)
	refused("new")
	mode(0)
	s := openEmbedded(t, dir)
	key := collect.Key{Kind: "kind", Partition: "p", Row: "r"}
	insert(t, s, key, nil)
	want(t, s.Close(), nil, "close")
	mode(syscall.MS_RDONLY)
	refused("made before")
	mode(0)
	if _, err := openEmbedded(t, dir).Get(t.Context(), key); err != nil {
		t.Error(err)
	}
}
