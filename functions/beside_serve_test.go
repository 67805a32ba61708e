package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"azcollector/internal/sim"
	"azcollector/internal/state/azurite"
)

// An administrator's shell need not have the collector's settings: where its state
// lies is enough. How long commands take beside a collector at work is logged.
func TestCommandsBesideServe(t *testing.T) {
	t.Parallel()
	world := newWorld(t)
	dir := sockets(t)
	for i := range 200 {
		world.Offer(sim.Offer{ContentType: "Audit.General", Records: onlyRecord("beside " + strings.Repeat("i", i)), Unpushed: true})
	}
	p := run(t, settingsOf(world, "STATE_DIR="+dir, "LISTEN=127.0.0.1:0", "PUBLIC_URL=none", "PULL_SCHEDULE=* * * * * *"), "serve")
	soon(t, "the collector collects", func() bool { return world.Book.Report().Received > 0 })
	for name, c := range map[string]struct {
		args   []string
		code   int // -1: whatever is found
		stdout string
	}{
		"status":             {[]string{"status"}, 0, "contents pending"},
		"status in JSON":     {[]string{"status", "--json"}, 0, `"contents":{`},
		"prove":              {[]string{"prove", "--since=1h"}, -1, "Audit.General"},
		"dead letters":       {[]string{"deadletter", "list"}, 0, ""},
		"subscriptions":      {[]string{"subscriptions", "list"}, 0, "Audit.General"},
		"a run by hand":      {[]string{"run", "pull"}, 0, ""},
		"what it is no part": {[]string{"serve"}, 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			shell := exec.CommandContext(t.Context(), os.Args[0], c.args...)
			shell.Dir = t.TempDir()
			shell.Env = asItself("STATE_DIR=" + dir)
			var stdout, stderr bytes.Buffer
			shell.Stdout, shell.Stderr = &stdout, &stderr
			began := time.Now()
			_ = shell.Run() // its code is looked at below
			t.Logf("%q took %v", c.args, time.Since(began).Round(time.Millisecond))
			if code := shell.ProcessState.ExitCode(); c.code >= 0 && code != c.code || !strings.Contains(stdout.String(), c.stdout) {
				t.Errorf("code %d, want %d\n%s%s", code, c.code, stdout.String(), stderr.String())
			}
		})
	}
	soon(t, "every record arrives", func() bool { return world.Book.Report().Lost == 0 })
	p.interrupt(t)
	if _, err := os.Stat(filepath.Join(dir, controlSocket)); !os.IsNotExist(err) {
		t.Errorf("the socket outlives the process: %v", err)
	}
	world.RequireClean(t)
}

// With a storage account and without the Functions host, serve listens to the queue
// itself, and the commands beside it need no socket.
func TestServeOnAStorageAccount(t *testing.T) {
	t.Parallel()
	world := newWorld(t)
	env := settingsOf(world, "AzureWebJobsStorage="+azurite.Start(t), "LISTEN=127.0.0.1:0", "PUBLIC_URL=none", "PULL_SCHEDULE=* * * * * *")
	offerSome(world, "at the start", 10)
	world.Dial.Set(sim.Rule{Op: sim.OpBlob, Kind: sim.Status, Status: 503, Count: 4}) // they come again
	p := run(t, env, "serve")
	soon(t, "what was there arrives", func() bool { return world.Book.Report().Lost == 0 })
	queue := newQueueTrigger(t, env["AzureWebJobsStorage"])
	for _, hostile := range []string{"no base64!", "bm8gSlNPTg==", `{"partition":"a","row":"b"}`, ""} {
		if _, err := queue.queue.EnqueueMessage(t.Context(), hostile, nil); err != nil {
			t.Fatal(err)
		}
	}
	offerSome(world, "behind hostile messages", 10)
	soon(t, "what came later arrives", func() bool { return world.Book.Report().Lost == 0 })
	if r := world.Book.Report(); r.Duplicates != 0 || r.Unknown != 0 {
		t.Errorf("%+v", r)
	}
	world.RequireClean(t)
	p.interrupt(t)
	// A message that names no row is told of, for nobody else will.
	if log := p.log.String(); !strings.Contains(log, "read message: it is no") || strings.Contains(log, "panic") {
		t.Errorf("the log does not tell of a message that nobody can read, or tells of a panic:\n%s", log)
	}
}
