package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// packageScript is a repository with the script and nothing that could be built.
func packageScript(t *testing.T, committed bool) string {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, "scripts/package", string(read(t, "../scripts/package")))
	put(t, dir, "CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n")
	put(t, dir, ".gitignore", "/.build/\n")
	put(t, dir, ".build/release/earlier", "kept")
	if committed {
		git(t, dir, "init", "--quiet")
		git(t, dir, "add", "--all")
		git(t, dir, "commit", "--quiet", "--message", "all")
	}
	return dir
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Whatever is wrong is said before anything is built, and an earlier release stays.
func TestPackageRefuses(t *testing.T) {
	version := []string{"--version", "1.4.0", "--released", "2026-11-22"}
	signed := append([]string{"--key", "key.pem", "--home", packageHome}, version...)
	clean, none := packageScript(t, true), packageScript(t, false)
	changed := packageScript(t, true)
	put(t, changed, "CHANGELOG.md", "changed")
	added := packageScript(t, true)
	put(t, added, "functions/more.go", "package main")
	git(t, added, "config", "status.showUntrackedFiles", "no")
	inside := filepath.Join(clean, "inside")
	put(t, inside, "scripts/package", string(read(t, "../scripts/package")))
	git(t, clean, "add", "--all")
	git(t, clean, "commit", "--quiet", "--message", "more")
	for name, c := range map[string]struct {
		repository string
		env        string
		options    []string
		want       string
	}{
		"a leading zero":          {clean, "", []string{"--version", "1.04.0"}, "version 1.04.0: must be"},
		"a leading v":             {clean, "", []string{"--version", "v1.4.0"}, "version v1.4.0: must be"},
		"an empty candidate":      {clean, "", []string{"--version", "1.4.0-rc..1"}, "version 1.4.0-rc..1: must be"},
		"a candidate's zero":      {clean, "", []string{"--version", "1.4.0-rc.01"}, "version 1.4.0-rc.01: must be"},
		"build metadata":          {clean, "", []string{"--version", "1.4.0+5"}, "version 1.4.0+5: must be"},
		"no minimum":              {clean, "", append([]string{"--minimum", "1.4"}, version...), "--minimum 1.4: must be"},
		"no day of release":       {clean, "", []string{"--version", "1.4.0", "--released", "22.11.2026"}, "day 22.11.2026: must be"},
		"no day of the end":       {clean, "", append([]string{"--expires", "soon"}, version...), "day soon: must be"},
		"signed without a day":    {clean, "", []string{"--version", "1.4.0", "--key", "key.pem"}, "give --released"},
		"no heading":              {clean, "", nil, `newest heading of CHANGELOG.md is "## [Unreleased]"`},
		"home without TLS":        {clean, "", append([]string{"--home", "http://releases.test"}, version...), "--home http://releases.test: must be"},
		"home with a query":       {clean, "", append([]string{"--home", packageHome + "?a"}, version...), "must be an https URL"},
		"a platform too many":     {clean, "", append([]string{"--only", "plan9/amd64"}, version...), "--only plan9/amd64: must be one of"},
		"what is there":           {clean, "", append([]string{"--out", clean}, version...), "and not an empty directory"},
		"no value":                {clean, "", []string{"--key"}, "--key needs a value"},
		"no option":               {clean, "", []string{"--sign", "key.pem"}, "there is no option --sign"},
		"an experiment":           {clean, goSettings(t, "GOEXPERIMENT=fieldtrack"), version, "go env -u GOEXPERIMENT"},
		"signed, a changed file":  {changed, "", signed, " M CHANGELOG.md"},
		"signed, a file too many": {added, "", signed, "?? functions/more.go"},
		"signed, without git":     {none, "", signed, "is no git work tree"},
		"signed, another's git":   {inside, "", signed, "is no git work tree"},
		"signed, a hook's git":    {none, "GIT_DIR=" + filepath.Join(clean, ".git"), signed, "is no git work tree"},
	} {
		t.Run(name, func(t *testing.T) {
			said, err := scriptsPackage(t, c.repository, []string{c.env}, c.options...)
			var ended *exec.ExitError
			if !errors.As(err, &ended) || ended.ExitCode() != 2 || !strings.Contains(said, c.want) {
				t.Errorf("%v, want exit code 2 and %q:\n%s", err, c.want, said)
			}
			if _, err := os.Stat(filepath.Join(c.repository, ".build", "release", "earlier")); err != nil && c.repository != inside {
				t.Error(err)
			}
		})
	}
	if said, err := scriptsPackage(t, clean, nil, "--help"); err != nil || !strings.Contains(said, "\nusage: scripts/package") || strings.Contains(said, "set -") {
		t.Errorf("--help: %v\n%s", err, said)
	}
}

// A key that cannot be used and days that do not fit are not found out after minutes.
func TestPackageJudgesBeforeItBuilds(t *testing.T) {
	t.Parallel()
	_, key := signingKey(t)
	_, open := signingKey(t)
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		options []string
		want    string
	}{
		"a key that others can read":  {[]string{"--key", open}, "mode 0644"},
		"an end before the beginning": {[]string{"--key", key, "--expires", "2026-11-21"}, "expires is"},
		"a day that is none":          {[]string{"--key", key, "--expires", "2026-11-31"}, "--expires"},
		"a minimum beyond it":         {[]string{"--key", key, "--minimum", "2.0.0"}, "minimumVersion is"},
	} {
		t.Run(name, func(t *testing.T) {
			said, err := scriptsPackage(t, "..", nil, append(c.options, "--version", "1.4.0", "--released", "2026-11-22", "--out", filepath.Join(t.TempDir(), "out"))...)
			if err == nil || !strings.Contains(said, c.want) || strings.Contains(said, "building") {
				t.Errorf("%v, want %q before anything is built:\n%s", err, c.want, said)
			}
		})
	}
}
