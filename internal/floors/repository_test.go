package floors_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	root = "../.."
	// longest is where a file stops being one thought.
	longest = 500
)

// platforms that a build may be made for; their files import different packages.
var platforms = []string{"linux", "darwin", "windows"}

// list returns every package of ours and all they need, with the tests' needs.
// The same package may look different on each platform: imports are united.
func list(t *testing.T) graph {
	t.Helper()
	g := graph{}
	for _, platform := range platforms {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Name,Standard,Module,Imports,TestImports,XTestImports", "-deps", "-test", "-tags=interop", "./...")
		cmd.Dir, cmd.Env = root, append(os.Environ(), "GOOS="+platform, "CGO_ENABLED=0")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list for %s: %v\n%s", platform, err, stderr.String())
		}
		for packages := json.NewDecoder(bytes.NewReader(out)); ; {
			var u unit
			if err := packages.Decode(&u); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("read go list for %s: %v", platform, err)
			}
			g.add(u)
		}
	}
	return g
}

// add unites u with what another platform said. The variants of a package that
// go list makes up for tests ("a [b.test]", "b.test") say nothing new.
func (g graph) add(u unit) {
	if strings.HasSuffix(u.ImportPath, "]") || strings.HasSuffix(u.ImportPath, ".test") {
		return
	}
	known := g[u.ImportPath]
	u.Imports = append(known.Imports, u.Imports...)
	u.TestImports = append(known.TestImports, u.TestImports...)
	u.XTestImports = append(known.XTestImports, u.XTestImports...)
	g[u.ImportPath] = u
}

func TestTheHouse(t *testing.T) {
	g := list(t)
	if len(g) < 100 || !g[module+"/functions"].ours() {
		t.Fatalf("go list shows %d packages, and not all of ours", len(g))
	}
	for _, complaint := range inspect(g) {
		t.Error(complaint)
	}
}

// Every module that anything needs is in the tables, and nothing else is.
func TestDependenciesAreNamed(t *testing.T) {
	used := map[string]bool{}
	for _, u := range list(t) {
		if u.Module != nil && !u.ours() {
			used[u.Module.Path] = true
		}
	}
	for _, path := range slices.Sorted(maps.Keys(used)) {
		if _, known := dependencies[path]; !known && indirect[path] == "" {
			t.Errorf("%s is in the build, and in no table of internal/floors", path)
		}
	}
	for path, d := range dependencies {
		if !used[path] {
			t.Errorf("%s is in the table, and nobody needs it", path)
		}
		if d.reason == "" {
			t.Errorf("%s has no reason", path)
		}
	}
	for path, by := range indirect {
		if !used[path] || !used[by] {
			t.Errorf("%s (by %s) is in the table, and nobody needs it", path, by)
		}
	}
}

// docs/design.md gives each dependency of ours its reason at length.
func TestDependenciesAreExplained(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "design.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range slices.Sorted(maps.Keys(dependencies)) {
		if !strings.Contains(string(page), "`"+path+"`") {
			t.Errorf("docs/design.md does not name %s", path)
		}
	}
}

// The form that Go's own tools look for (go help generate).
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func TestFileLengths(t *testing.T) {
	var lengths []int
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && path != root && (name == "node_modules" || name == "testdata" || strings.HasPrefix(name, ".") && name != ".."):
			return filepath.SkipDir
		case filepath.Ext(name) != ".go":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil || generated.Match(text) {
			return err
		}
		n := bytes.Count(text, []byte("\n"))
		lengths = append(lengths, n)
		if n > longest {
			t.Errorf("%s has %d lines, at most %d", path, n, longest)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(lengths) == 0 {
		t.Fatal("no Go files below " + root)
	}
	slices.Sort(lengths)
	t.Logf("%d files, median %d lines, longest %d", len(lengths), lengths[len(lengths)/2], lengths[len(lengths)-1])
}
