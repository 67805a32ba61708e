package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"azcollector/internal/sim"
)

// newWorld is a calm world that lists and announces nothing by itself, with one
// page for all.
func newWorld(t *testing.T) *sim.World {
	t.Helper()
	return sim.Start(t, sim.Options{
		Calm: true, PageSize: 100, HostID: "host-of-the-test", SourceID: "source-of-the-test",
		// With an address, lists and contents need no subscription.
		Push: sim.PushOptions{Off: true, To: "https://127.0.0.1:9/nobody"},
	})
}

// A process is the program itself, as somebody else started it.
type process struct {
	*exec.Cmd
	log logOf
}

// A logOf may be read while the process writes it.
type logOf struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logOf) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logOf) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// run starts the program with a world's settings and others, which win. It is
// killed at the end of the test, if it is still there.
func run(t *testing.T, env map[string]string, args ...string) *process {
	t.Helper()
	return runFile(t, os.Args[0], env, args...)
}

// runFile starts a program from a file.
func runFile(t *testing.T, file string, env map[string]string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.CommandContext(t.Context(), file, args...)}
	p.Dir = t.TempDir() // no appsettings.json here
	p.Env = asItself()
	for name, value := range env {
		p.Env = append(p.Env, name+"="+value)
	}
	p.Stdout, p.Stderr = &p.log, &p.log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("the program %q said:\n%s", args, p.log.String())
		}
	})
	return p
}

// kill is what the Functions host does: SIGKILL.
func (p *process) kill() {
	if p.ProcessState == nil {
		_ = p.Process.Kill()
		_ = p.Wait()
	}
}

// interrupt ends the program in order.
func (p *process) interrupt(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // its exit code is not this test's matter
}

// A handler is the program under a fake host.
type handler struct {
	*fakeHost
	*process
}

// settingsOf joins a world's settings with others, which win.
func settingsOf(w *sim.World, more ...string) map[string]string {
	env := w.Settings()
	for _, line := range more {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	return env
}

// underHost starts the program as the Functions host does. It does nothing by
// itself: what master would do at the start is left to the test.
func underHost(t *testing.T, w *sim.World, storage string, more ...string) *handler {
	t.Helper()
	address, err := freeAddress() // one that no simulator takes before the program listens
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	more = append([]string{"PUBLIC_URL=none", "AzureWebJobs.master.Disabled=true"}, more...)
	env := settingsOf(w, append(more, "FUNCTIONS_CUSTOMHANDLER_PORT="+port, "AzureWebJobsStorage="+storage)...)
	p := run(t, env)
	h := newFakeHost(t, address)
	h.waitUntilReady()
	return &handler{h, p}
}

// soon polls for what must happen; it fails only if that never does.
func soon(t *testing.T, what string, happened func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		}
	}
}
