package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// standard is the standard library's name among the modules, by which vulnerability
// databases know it (https://go.dev/doc/security/vuln/database).
const standard = "stdlib"

// A module is one that the program is made of.
type module struct {
	Path, Version string
	Sum           string // as go.sum has it; the standard library has none
	Dir           string
	needs         map[string]bool // paths of modules that it imports
	folders       map[string]bool // its packages' folders
}

// platforms that the program is built for, as os/arch.
type platforms struct {
	Platforms []string `arg:"" name:"platform" help:"Such as linux/amd64."`
}

// modules are everything in the program on any of the platforms, ours included,
// sorted by path. It asks the Go tool in the working directory.
func (p platforms) modules() ([]*module, error) {
	all := map[string]*module{}
	for _, platform := range p.Platforms {
		goos, goarch, ok := strings.Cut(platform, "/")
		if !ok {
			return nil, fmt.Errorf("list the modules: %q is no platform, write it like linux/amd64", platform)
		}
		cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,Standard,Module,Imports", "./functions")
		cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
		cmd.Stderr = os.Stderr
		list, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("list the modules for %s: go list: %w", platform, err)
		}
		if err := add(all, list); err != nil {
			return nil, fmt.Errorf("read go list for %s: %w", platform, err)
		}
	}
	var sorted []*module
	for _, path := range slices.Sorted(maps.Keys(all)) {
		sorted = append(sorted, all[path])
	}
	return sorted, nil
}

// add reads go list's packages, which come after what they import.
func add(all map[string]*module, list []byte) error {
	owner := map[string]string{}
	for packages := json.NewDecoder(bytes.NewReader(list)); ; {
		var p struct {
			ImportPath, Dir string
			Standard        bool
			Module          *module
			Imports         []string
		}
		if err := packages.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if p.Standard {
			// Go's own folder, which alone has the terms. (The field Root is wrong for the
			// packages that the standard library vendors: Go 1.26.)
			p.Dir = strings.TrimSuffix(p.Dir, filepath.Join("/src", filepath.FromSlash(p.ImportPath)))
			p.Module = &module{Path: standard, Version: strings.TrimPrefix(runtime.Version(), "go"), Dir: p.Dir}
		}
		m := all[p.Module.Path]
		if m == nil {
			m = p.Module
			m.needs, m.folders = map[string]bool{}, map[string]bool{}
			all[m.Path] = m
		}
		owner[p.ImportPath] = m.Path
		m.folders[p.Dir] = true
		for _, path := range p.Imports {
			if o := owner[path]; o != m.Path && m.Path != standard {
				m.needs[o] = true
			}
		}
	}
}

// ours reports whether the module is the program's own: it has no version.
func (m *module) ours() bool { return m.Version == "" }

// above lists a package's folder and those above it, up to its module's root.
func (m *module) above(folder string) (folders []string) {
	for {
		folders = append(folders, folder)
		if folder == m.Dir || folder == filepath.Dir(folder) {
			return folders
		}
		folder = filepath.Dir(folder)
	}
}
