//go:build interop

package main

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// byHand is the page's way to check a manifest without anything of ours.
func byHand(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "release.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?ms)^```\n(.*?)^```$").FindAllSubmatch(page, -1) {
		if bytes.Contains(block[1], []byte("openssl pkeyutl -verify")) {
			return string(block[1])
		}
	}
	t.Fatal("docs/release.md has no commands that verify with OpenSSL")
	return ""
}

// OpenSSL's keys are good for us, and OpenSSL finds our signatures good: by the very
// commands of docs/release.md, which do not find another manifest or package good.
func TestOpenSSL(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	run := func(name string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		said, err := cmd.CombinedOutput()
		return string(said), err
	}
	for _, args := range [][]string{
		{"genpkey", "-algorithm", "ed25519", "-out", "key.pem"},
		{"pkey", "-in", "key.pem", "-pubout", "-outform", "DER", "-out", "public.der"},
	} {
		if said, err := run("openssl", args...); err != nil {
			t.Fatalf("openssl %s: %v\n%s", args[0], err, said)
		}
	}
	var manifest, pub bytes.Buffer
	c := signing(makePackage(t, "program"), file("key.pem"))
	if err := c.Run(&manifest); err != nil {
		t.Fatal(err)
	}
	if err := (&public{Keys: c.Keys}).Run(&pub); err != nil {
		t.Fatal(err)
	}
	key := strings.TrimSpace(pub.String())
	spki, err := os.ReadFile(file("public.der"))
	if err != nil {
		t.Fatal(err)
	}
	if want := base64.StdEncoding.EncodeToString(spki[len(spki)-32:]); key != want {
		t.Errorf("the public key is %s, OpenSSL has %s", key, want)
	}
	pkg, err := readPackage(c.Package)
	if err != nil {
		t.Fatal(err)
	}
	_, stranger := makeKey(t)

	for name, c := range map[string]struct {
		manifest string
		pkg      []byte
		key      string
		good     bool
	}{
		"as it was made":   {manifest.String(), pkg, key, true},
		"another package":  {manifest.String(), append(pkg, 0), key, false},
		"another manifest": {strings.Replace(manifest.String(), `"payload": "`, `"payload": "ICAg`, 1), pkg, key, false},
		"another key":      {manifest.String(), pkg, stranger, false},
	} {
		t.Run(name, func(t *testing.T) {
			for name, content := range map[string][]byte{"manifest.json": []byte(c.manifest), "azcollector_1.4.0_linux_amd64.zip": c.pkg} {
				if err := os.WriteFile(file(name), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			said, err := run("bash", "-euo", "pipefail", "-c", "KEY="+c.key+"\n"+byHand(t))
			if (err == nil) != c.good || c.good && !strings.Contains(said, "Verified Successfully") {
				t.Errorf("%v\n%s", err, said)
			}
		})
	}
}
