package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func signingKey(t *testing.T) (ed25519.PublicKey, string) {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return public, file
}

// makeRelease runs the script of a repository and returns where the release is.
func makeRelease(t *testing.T, repository string, env []string, options ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "release")
	said, err := scriptsPackage(t, repository, env, append(options, "--version", "9.8.7", "--released", "2026-11-22", "--home", packageHome, "--out", out)...)
	if err != nil {
		t.Fatalf("scripts/package: %v\n%s", err, said)
	}
	return out
}

func scriptsPackage(t *testing.T, repository string, env []string, options ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", append([]string{filepath.Join(repository, "scripts", "package")}, options...)...)
	cmd.Env = append(os.Environ(), env...)
	said, err := cmd.CombinedOutput()
	return string(said), err
}

// goSettings is what go env -w would leave behind, beside what there is.
func goSettings(t *testing.T, lines ...string) string {
	t.Helper()
	where, err := exec.CommandContext(t.Context(), "go", "env", "GOENV").Output()
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(strings.TrimSpace(string(where)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, append(old, "\n"+strings.Join(lines, "\n")+"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	return "GOENV=" + file
}

// commit makes a commit of a repository's copy, and beside it what the commit does not
// have and git does not tell of: with it, nothing could be built.
func commit(t *testing.T, dir string) {
	t.Helper()
	git(t, dir, "init", "--quiet")
	git(t, dir, "add", "--all")
	git(t, dir, "commit", "--quiet", "--message", "a release")
	for name, text := range map[string]string{
		".git/info/exclude": "/functions/ignored.go\n/ignored/\n", "functions/ignored.go": "no Go at all",
		"ignored/function.json": "{}",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// git knows nobody's settings, and no repository but the one it is in.
func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=nobody", "-c", "user.email=nobody@collector.example"}, args...)...)
	cmd.Dir = dir
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "GIT_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v\n%s", args[0], err, said)
	}
}

// copyOfRepository has other modes, times and a longer path.
func copyOfRepository(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "another", "place")
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", ".build", "node_modules"}, d.Name()):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(target, 0o700)
		case !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}
