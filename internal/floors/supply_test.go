package floors_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// goMod is go.mod, as `go mod edit -json` prints it.
type goMod struct {
	Require []struct {
		Path, Version string
		Indirect      bool
	}
	Tool             []struct{ Path string }
	Replace, Exclude []json.RawMessage
}

func readGoMod(t *testing.T) (m goMod) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json")
	cmd.Dir = root
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &m)
	}
	if err != nil || len(m.Require) == 0 {
		t.Fatalf("read go.mod: %d modules, %v", len(m.Require), err)
	}
	return m
}

// Whatever go.mod names has a reason, the tools and what only they need as well, and no
// directive puts another module in the place of one.
func TestEveryModuleHasAReason(t *testing.T) {
	m := readGoMod(t)
	if len(m.Replace)+len(m.Exclude) > 0 {
		t.Errorf("go.mod replaces or excludes: %s %s", m.Replace, m.Exclude)
	}
	required := map[string]bool{}
	for _, r := range m.Require {
		required[r.Path] = true
		_, direct := dependencies[r.Path]
		switch {
		case direct == r.Indirect:
			t.Errorf("%s: indirect is %v in go.mod, which the tables of internal/floors do not say", r.Path, r.Indirect)
		case !direct && indirect[r.Path] == "" && toolModules[r.Path] == "":
			t.Errorf("%s is in go.mod, and in no table of internal/floors", r.Path)
		}
	}
	named := map[string]bool{}
	for _, tool := range m.Tool {
		named[tool.Path] = true
		if tools[tool.Path] == "" {
			t.Errorf("tool %s has no reason in internal/floors", tool.Path)
		}
	}
	for path := range tools {
		if !named[path] {
			t.Errorf("tool %s is in the table, and not in go.mod", path)
		}
	}
	for path, tool := range toolModules {
		if !required[path] || !named[tool] {
			t.Errorf("%s (for %s) is in the table, and nobody needs it", path, tool)
		}
	}
}

// go.sum pins the bytes of every module, and of its go.mod.
func TestEveryModuleIsPinned(t *testing.T) {
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range readGoMod(t).Require {
		for _, what := range []string{" ", "/go.mod "} {
			if !strings.Contains("\n"+string(sums), "\n"+r.Path+" "+r.Version+what+"h1:") {
				t.Errorf("go.sum has no hash of %s %s%s", r.Path, r.Version, what)
			}
		}
	}
}

// What npm installs is pinned by its bytes, and comes from the registry that npm is set
// to (the lock files name none) or from npm's own.
func TestEveryNodePackageIsPinned(t *testing.T) {
	locks, err := filepath.Glob(filepath.Join(root, "scripts", "*", "package-lock.json"))
	if err != nil || len(locks) == 0 {
		t.Fatalf("found no package-lock.json: %v", err)
	}
	for _, lock := range locks {
		var file struct {
			Packages map[string]struct {
				Version, Resolved, Integrity string
			}
		}
		text, err := os.ReadFile(lock)
		if err == nil {
			err = json.Unmarshal(text, &file)
		}
		if err != nil || len(file.Packages) < 2 {
			t.Fatalf("%s: %d packages, %v", lock, len(file.Packages), err)
		}
		for path, p := range file.Packages {
			elsewhere := p.Resolved != "" && !strings.HasPrefix(p.Resolved, "https://registry.npmjs.org/")
			if path != "" && (!strings.HasPrefix(p.Integrity, "sha512-") || elsewhere) {
				t.Errorf("%s: %s %s comes from %q with integrity %q", lock, path, p.Version, p.Resolved, p.Integrity)
			}
		}
	}
}

// installs is npm in a form that may choose other versions than the lock file's.
var installs = regexp.MustCompile(`\bnpm (install|i|add|update)\b|\bnpx\b`)

func TestScriptsInstallByTheLockFile(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join(root, "scripts", "*"))
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, script := range append(scripts, filepath.Join(root, ".ci", "run")) {
		text, err := os.ReadFile(script)
		if err != nil {
			continue // a folder, or a file that this copy has not
		}
		read++
		if found := installs.FindString(string(text)); found != "" {
			t.Errorf("%s says %q; npm ci installs what is locked", script, found)
		}
	}
	if read == 0 {
		t.Fatal("read no script")
	}
}

// #nosec silences gosec; each says which finding, and why it is none.
var silenced = regexp.MustCompile(`#nosec( G\d{3})+ -- \S+ \S+`)

func TestEverySilencedFindingHasAReason(t *testing.T) {
	count := 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == "floors"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".go":
			return nil
		}
		text, err := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "#nosec") {
				count++
				if !silenced.MatchString(line) {
					t.Errorf("%s: %s", path, strings.TrimSpace(line))
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	const most = 20 // more, and nobody believes them
	if count == 0 || count > most {
		t.Errorf("%d findings are silenced, at most %d", count, most)
	}
}
