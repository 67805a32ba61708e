package main

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	signed "azcollector/internal/release" // release is our own version, which the linker sets
	"azcollector/internal/sim"
)

const (
	packageHome = "https://releases.test/azcollector"
	packaged    = "azcollector_9.8.7_linux_amd64.zip"
)

// TestPackage makes a release of a commit, and another one of the same source in other
// surroundings, and runs what is in it.
func TestPackage(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the Functions package is for linux/amd64")
	}
	public, key := signingKey(t)
	committed := copyOfRepository(t, "..")
	copied := copyOfRepository(t, committed)
	commit(t, committed)
	made := makeRelease(t, committed, nil, "--only", "linux/amd64", "--key", key)
	again := makeRelease(t, copied, []string{
		"TZ=Asia/Kathmandu", "LC_ALL=C.UTF-8", "SOURCE_DATE_EPOCH=1", "GOFLAGS=-tags=other", "GOAMD64=v3", "GOOS=windows", "CGO_ENABLED=1",
		goSettings(t, "GOARCH=arm64", "GOARM64=v9.0")}, "--only", "linux/amd64")
	signed, unsigned := hashes(t, made), hashes(t, again)
	for _, name := range []string{"manifest.json", "SHA256SUMS"} { // as docs/release.md says
		delete(signed, name)
		delete(unsigned, name)
	}
	if diff := cmp.Diff(signed, unsigned); diff != "" {
		t.Fatalf("the same source gave two releases:\n%s", diff)
	}
	checkSums(t, made, "azcollector_9.8.7.cdx.json", "azcollector_9.8.7_linux_amd64.tar.gz", packaged, "azuredeploy.json", "createUiDefinition.json", "manifest.json")
	checkArchive(t, filepath.Join(made, "azcollector_9.8.7_linux_amd64.tar.gz"), "linux", "amd64")
	dir := unpack(t, openPackage(t, made, public))
	checkParts(t, made, dir)
	checkNotification(t, dir)
}

func hashes(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for _, file := range files {
		sums[file.Name()] = fmt.Sprintf("%x", sha256.Sum256(read(t, filepath.Join(dir, file.Name()))))
	}
	return sums
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// checkSums: SHA256SUMS is right about everything that a release consists of.
func checkSums(t *testing.T, made string, names ...string) {
	t.Helper()
	want := hashes(t, made)
	delete(want, "SHA256SUMS")
	got := map[string]string{}
	for line := range strings.Lines(string(read(t, filepath.Join(made, "SHA256SUMS")))) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		got[name] = sum
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("SHA256SUMS: %s", diff)
	}
	if diff := cmp.Diff(names, slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("the release consists of: %s", diff)
	}
}

// openPackage does what a collector would before it updates itself.
func openPackage(t *testing.T, made string, key ed25519.PublicKey) *zip.Reader {
	t.Helper()
	m, err := signed.Verify(read(t, filepath.Join(made, "manifest.json")), []ed25519.PublicKey{key})
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	if take, err := m.Offer("v9.8.6", "", day); !take || err != nil {
		t.Errorf("it is not taken: %v", err)
	}
	const url = packageHome + "/v9.8.7/" + packaged
	if m.Version != "9.8.7" || m.Package != url || !m.Released.Equal(day) || !m.Expires.Equal(day.AddDate(0, 0, 90)) {
		t.Errorf("manifest %+v", m)
	}
	if !bytes.Contains(read(t, filepath.Join(made, "azuredeploy.json")), []byte(`"`+url+`"`)) {
		t.Errorf("azuredeploy.json does not deploy %s", url)
	}
	archive, err := m.Open(read(t, filepath.Join(made, packaged)))
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

// unpack is what unzip does, and looks at modes and layout on the way.
func unpack(t *testing.T, archive *zip.Reader) string {
	t.Helper()
	dir, modes := t.TempDir(), map[string]string{}
	for _, f := range archive.File {
		modes[f.Name] = f.Mode().String()
		from, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(from)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, f.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{"handler": "-rwxr-xr-x", "host.json": "-rw-r--r--", "LICENSE": "-rw-r--r--", "THIRD_PARTY_NOTICES": "-rw-r--r--"}
	functions, err := filepath.Glob("../*/function.json")
	if err != nil || len(functions) == 0 {
		t.Fatalf("found no functions: %v", err)
	}
	for _, function := range functions {
		want[strings.TrimPrefix(filepath.ToSlash(function), "../")] = "-rw-r--r--"
	}
	if diff := cmp.Diff(want, modes); diff != "" {
		t.Errorf("the package holds: %s", diff)
	}
	return dir
}

// checkParts: the bill of materials and the licences name what is in the program,
// by its own account.
func checkParts(t *testing.T, made, dir string) {
	t.Helper()
	info, err := buildinfo.ReadFile(filepath.Join(dir, "handler"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"stdlib " + strings.TrimPrefix(info.GoVersion, "go")}
	for _, m := range info.Deps {
		want = append(want, m.Path+" "+m.Version)
	}
	slices.Sort(want)
	var bill struct {
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(read(t, filepath.Join(made, "azcollector_9.8.7.cdx.json")), &bill); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range bill.Components {
		got = append(got, c.Name+" "+c.Version)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bill of materials: %s", diff)
	}
	notices := string(read(t, filepath.Join(dir, "THIRD_PARTY_NOTICES")))
	for _, m := range want {
		if !strings.Contains(notices, "\n"+m+": ") {
			t.Errorf("THIRD_PARTY_NOTICES does not name %s", m)
		}
	}
}

// checkNotification starts the unpacked handler as the Functions host does, and lets
// it be told of a content once: no second notification follows a bad answer, and
// nothing lists it.
func checkNotification(t *testing.T, dir string) {
	t.Helper()
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	world := sim.Start(t, sim.Options{Calm: true, HostID: "host-of-the-test", SourceID: "source-of-the-test",
		Push: sim.PushOptions{To: "http://" + address + hostWebhookPath, Failures: 1, Timeout: patience}})
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	handler := &process{Cmd: exec.CommandContext(t.Context(), filepath.Join(dir, "handler"))}
	handler.Dir = dir
	for name, value := range settingsOf(world, "FUNCTIONS_CUSTOMHANDLER_PORT="+port, "AzureWebJobs.master.Disabled=true",
		"PUBLIC_URL=https://collector.example", "PULL_SCHEDULE=0 * * * * *", "STATE_DIR="+t.TempDir()) {
		handler.Env = append(handler.Env, name+"="+value)
	}
	handler.Stdout, handler.Stderr = &handler.log, &handler.log
	if err := handler.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		handler.kill()
		if log := handler.log.String(); t.Failed() || !strings.Contains(log, `"version":"v9.8.7"`) {
			t.Errorf("the handler is not well or not of version v9.8.7:\n%s", log)
		}
	}()
	newFakeHost(t, address).waitUntilReady()
	world.Offer(sim.Offer{ContentType: "Audit.General", Records: onlyRecord("packaged"), Unlisted: true})
	if err := world.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	soon(t, "the record arrives", func() bool { return world.Book.Report().Lost == 0 })
	world.RequireClean(t)
}
