//go:build interop

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// OpenSSL's keys are good for us, and OpenSSL finds our signatures good: by the
// commands of docs/release.md, which use nothing of ours.
func TestOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatal("openssl is not on the PATH")
	}
	dir := t.TempDir()
	openssl := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "openssl", args...)
		cmd.Dir = dir
		said, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, said)
		}
		return string(said)
	}
	openssl("genpkey", "-algorithm", "ed25519", "-out", "key.pem")
	openssl("pkey", "-in", "key.pem", "-pubout", "-out", "public.pem")
	key := filepath.Join(dir, "key.pem")
	var manifest, pub bytes.Buffer
	c := sign{Version: "1.4.0", Minimum: "1.0.0", URL: "https://releases.example/p.zip", Released: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		Package: makePackage(t, "program"), Keys: []string{key}}
	if err := c.Run(&manifest); err != nil {
		t.Fatal(err)
	}
	if err := (&public{Keys: c.Keys}).Run(&pub); err != nil {
		t.Fatal(err)
	}
	openssl("pkey", "-in", "key.pem", "-pubout", "-outform", "DER", "-out", "public.der")
	spki, err := os.ReadFile(filepath.Join(dir, "public.der"))
	if err != nil {
		t.Fatal(err)
	}
	if want := base64.StdEncoding.EncodeToString(spki[len(spki)-32:]); strings.TrimSpace(pub.String()) != want {
		t.Errorf("the public key is %s, OpenSSL has %s", pub.String(), want)
	}

	var e struct {
		PayloadType string
		Payload     []byte // encoding/json reads base64
		Signatures  []struct{ Sig []byte }
	}
	if err := json.Unmarshal(manifest.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"signed": fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(e.PayloadType), e.PayloadType, len(e.Payload), e.Payload),
		"sig":    e.Signatures[0].Sig,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if said := openssl("pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin", "-in", "signed", "-sigfile", "sig"); !strings.Contains(said, "Verified Successfully") {
		t.Error(said)
	}
}
