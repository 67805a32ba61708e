//go:build interop

package alertlogic_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Google's own protoc reads what we write.
func TestProtocDecodesThePost(t *testing.T) {
	const path = "testdata/post.txt"
	protoc := exec.CommandContext(t.Context(), "protoc", "--decode=collected_batch_list", "-I../../proto", "ingest.proto")
	protoc.Stdin = bytes.NewReader(samplePost(t).plain)
	got, err := protoc.Output()
	if err != nil {
		t.Fatalf("protoc: %v", err)
	}
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("decoded (-golden +got):\n%s", diff)
	}
}
