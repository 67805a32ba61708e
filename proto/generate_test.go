//go:build interop

package proto_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The generator writes which protoc it ran under; that one may differ.
var toolVersion = regexp.MustCompile(`(?m)^// \tprotoc .*\n`)

func TestGeneratedCodeIsUpToDate(t *testing.T) {
	dir := t.TempDir()
	generate := exec.CommandContext(t.Context(), "../scripts/generate", dir)
	if out, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("scripts/generate: %v\n%s", err, out)
	}
	got := read(t, filepath.Join(dir, "proto", "ingest.pb.go"))
	want := read(t, "ingest.pb.go")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ingest.pb.go is not what ingest.proto says; run scripts/generate (-committed +generated):\n%s", diff)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return toolVersion.ReplaceAllString(string(b), "")
}
