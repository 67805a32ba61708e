package main

import (
	"archive/zip"
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue"

	"azcollector/internal/collect"
	"azcollector/internal/dsse"
	"azcollector/internal/sim"
	"azcollector/internal/sink"
	"azcollector/internal/state"
	"azcollector/internal/state/azurite"
)

// realPackage has this very program for a handler, and the repository's functions.
func realPackage(t *testing.T) *zip.Reader {
	t.Helper()
	folders, err := filepath.Glob("../*/function.json")
	if err != nil || len(folders) == 0 {
		t.Fatalf("found no functions: %v", err)
	}
	for i, folder := range folders {
		folders[i] = filepath.Base(filepath.Dir(folder))
	}
	return packageOf(t, fmt.Sprintf("#!/bin/sh\nexec %q \"$@\"\n", os.Args[0]), folders...)
}

// asParent is the environment of a program under the Functions host, which tries another.
func asParent(env map[string]string) []string {
	lines := asItself("FUNCTIONS_CUSTOMHANDLER_PORT=1")
	for name, value := range env {
		lines = append(lines, name+"="+value)
	}
	return lines
}

// The real program passes, and nobody can tell that it was there: nothing is in the
// storage account, and the services were asked for a token and for nothing else.
func TestSelfTestLeavesNoTrace(t *testing.T) {
	emptyTemp(t)
	world, storage := newWorld(t), azurite.Start(t)
	for _, op := range sim.Ops() { // what is asked for is refused, and counted
		if op != sim.OpToken && op != sim.OpDiscovery {
			world.Dial.Set(sim.Rule{Op: op, Kind: sim.Status, Status: 500})
		}
	}
	env := asParent(settingsOf(world, "AzureWebJobsStorage="+storage, "PUBLIC_URL=https://collector.example"))
	if err := selfTest(t.Context(), realPackage(t), version(), env); err != nil {
		t.Error(err)
	}
	if faults := world.Dial.Counts(); len(faults) > 0 || world.Calls() != (sim.Calls{}) || len(world.ListTimes()) > 0 {
		t.Errorf("somebody was asked: %v, %+v", faults, world.Calls())
	}
	if a := world.AlertLogic; len(a.Registrations())+len(a.CheckIns())+len(a.Posts()) > 0 {
		t.Errorf("registrations %v, check-ins %v, %d posts", a.Registrations(), a.CheckIns(), len(a.Posts()))
	}
	if all := inStorage(t, storage); len(all) > 0 {
		t.Errorf("in the storage account: %q", all)
	}
	world.RequireClean(t)
}

// inStorage lists tables, queues and containers by Microsoft's own clients.
func inStorage(t *testing.T, connection string) (all []string) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	tables, err := aztables.NewServiceClientFromConnectionString(connection, nil)
	check(err)
	for pager := tables.NewListTablesPager(nil); pager.More(); {
		page, err := pager.NextPage(t.Context())
		check(err)
		for _, table := range page.Tables {
			all = append(all, "table "+*table.Name)
		}
	}
	queues, err := azqueue.NewServiceClientFromConnectionString(connection, nil)
	check(err)
	for pager := queues.NewListQueuesPager(nil); pager.More(); {
		page, err := pager.NextPage(t.Context())
		check(err)
		for _, queue := range page.Queues {
			all = append(all, "queue "+*queue.Name)
		}
	}
	blobs, err := azblob.NewClientFromConnectionString(connection, nil)
	check(err)
	for pager := blobs.NewListContainersPager(nil); pager.More(); {
		page, err := pager.NextPage(t.Context())
		check(err)
		for _, container := range page.ContainerItems {
			all = append(all, "container "+*container.Name)
		}
	}
	return all
}

// What the running program has locked is left alone.
func TestSelfTestBesideTheRunningProgram(t *testing.T) {
	world, dir := newWorld(t), t.TempDir()
	kept, records := filepath.Join(dir, "state"), filepath.Join(dir, "records")
	store, err := state.OpenEmbedded(kept)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	file, err := sink.OpenJSONL(records)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := os.WriteFile(records, []byte(`{"half a rec`), 0o600); err != nil { // a start of its own would mend it
		t.Fatal(err)
	}
	files := func() map[string]string {
		all := map[string]string{}
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				all[path] = string(read(t, path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	before := files()
	env := asParent(settingsOf(world, "STATE_DIR="+kept, "SINK=jsonl", "JSONL_PATH="+records))
	if err := selfTest(t.Context(), realPackage(t), version(), env); err != nil {
		t.Error(err)
	}
	if !maps.Equal(before, files()) {
		t.Errorf("files have changed: %q", slices.Sorted(maps.Keys(files())))
	}
}

// What would keep the real program from working is told, and no secret with it.
func TestSelfTestComplains(t *testing.T) {
	t.Parallel()
	storage, other := azurite.Start(t), azurite.Start(t)
	public, key := signingKey(t)
	_, stranger := signingKey(t)
	keep := func(connection string, tenant, signer string, version int64, document string) {
		t.Helper()
		if err := collect.KeepConfig(t.Context(), openStorage(t, connection), tenant, version, forge(t, signer, document)); err != nil {
			t.Fatal(err)
		}
	}
	tenant := newWorld(t).Settings()["APP_TENANT_ID"]
	keep(storage, tenant, key, 7, `{"version": 7, "settings": {"O365_CONCURRENCY": 0, "LOG_LEVEL": "loud"}}`)
	keep(other, tenant, stranger, 8, `{"version": 8, "settings": {}}`)
	synced := "CONFIG_PUBLIC_KEY=" + dsse.FormatKey(public)
	const wrongKey = "d3Jvbmdrd3Jvbmdr"
	for name, c := range map[string]struct {
		settings []string
		fault    sim.Rule
		want     []string // none: it passes
	}{
		"settings":                  {settings: []string{"LOG_LEVEL=loud", "O365_CONCURRENCY=0"}, want: []string{"LOG_LEVEL=loud: must be", "O365_CONCURRENCY=0: must be"}},
		"one that the host forbids": {settings: []string{"SINK=jsonl", "JSONL_PATH=-"}, want: []string{"JSONL_PATH=-: must be the path of a file under the Functions host"}},
		"a credential of no use":    {settings: []string{"APP_CLIENT_SECRET=", "APP_CLIENT_CERTIFICATE=aHVudGVyMg=="}, want: []string{"APP_CLIENT_CERTIFICATE"}},
		"the wrong client secret":   {settings: []string{"APP_CLIENT_SECRET=hunter2hunter2"}, want: []string{"APP_CLIENT_SECRET is wrong"}},
		"no token for the moment":   {fault: sim.Rule{Op: sim.OpToken, Kind: sim.Status, Status: 503, RetryAfter: "60"}, want: []string{"the authority is not available", "(temporary)"}},
		"the wrong storage key":     {settings: []string{"AzureWebJobsStorage=" + withKey(storage, wrongKey)}, want: []string{"get config"}},
		"two things at once":        {settings: []string{"AzureWebJobsStorage=" + withKey(storage, wrongKey), "APP_CLIENT_SECRET=hunter2hunter2"}, want: []string{"get config", "APP_CLIENT_SECRET is wrong"}},
		"a configuration":           {settings: []string{"AzureWebJobsStorage=" + storage, synced}, want: []string{"use version 7 of the kept configuration: ", "O365_CONCURRENCY=0", "LOG_LEVEL=loud"}},
		"a configuration's key":     {settings: []string{"AzureWebJobsStorage=" + other, synced}, want: []string{"use version 8 of the kept configuration: "}},
		"an excused configuration":  {settings: []string{"AzureWebJobsStorage=" + storage, synced, excusedConfiguration + "=7"}},
		"another one is excused":    {settings: []string{"AzureWebJobsStorage=" + storage, synced, excusedConfiguration + "=6"}, want: []string{"use version 7"}},
		"a configuration unused":    {settings: []string{"AzureWebJobsStorage=" + storage}},
	} {
		t.Run(name, func(t *testing.T) {
			world := newWorld(t)
			if c.fault.Op != "" {
				world.Dial.Set(c.fault)
			}
			env := settingsOf(world, append([]string{"STATE_DIR=" + t.TempDir()}, c.settings...)...)
			err := selfTest(t.Context(), realPackage(t), version(), asParent(env))
			if len(c.want) == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			for _, want := range append(c.want, "it complains: ") {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v\nwant %s", err, want)
				}
			}
			for _, secret := range []string{"hunter2", "aHVudGVyMg", wrongKey, env["APP_CLIENT_SECRET"], env["APP_AL_SECRET_KEY"]} {
				if secret != "" && err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("it tells the secret %s: %v", secret, err)
				}
			}
		})
	}
}

func withKey(connection, key string) string {
	before, after, _ := strings.Cut(connection, "AccountKey=")
	_, after, _ = strings.Cut(after, ";")
	return before + "AccountKey=" + key + ";" + after
}

// The child answers one question, and ends with its parent: when stdin does.
func TestSelfTestCommand(t *testing.T) {
	child := exec.CommandContext(t.Context(), os.Args[0], "self-test")
	child.Dir, child.Env = t.TempDir(), asParent(nil)
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(stdout)
	line, err := said.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var at introduction
	if err := json.Unmarshal(line, &at); err != nil || !strings.HasPrefix(at.Address, "127.0.0.1:") {
		t.Fatalf("said %s", line)
	}
	for _, c := range []struct {
		method, path string
		status       int
		text         string
	}{
		{"GET", "/self-test", 200, `"complaints":["APP_TENANT_ID: missing`},
		{"GET", "/self-test", 200, `"functions":[]`},
		{"POST", "/self-test", 404, "not found"},
		{"GET", "/", 404, "not found"},
		{"POST", "/pull", 404, "not found"},
		{"GET", hostWebhookPath, 404, "not found"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+at.Address+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != c.status || !strings.Contains(string(text), c.text) {
			t.Errorf("%s %s: %d %s %v", c.method, c.path, resp.StatusCode, text, err)
		}
	}
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(said); err != nil || len(rest) > 0 {
		t.Errorf("said more: %s, %v", rest, err)
	}
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
}
