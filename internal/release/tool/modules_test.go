package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// listed is go list's account of a made-up program: what is imported comes first.
func listed(t *testing.T, root string, extra ...map[string]any) []byte {
	t.Helper()
	at := func(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }
	of := func(path, version string) map[string]any {
		return map[string]any{"Path": path, "Version": version, "Dir": at(path), "Sum": "h1:" + path}
	}
	ours := map[string]any{"Path": "azcollector", "Dir": at("ours")}
	var out bytes.Buffer
	for _, p := range append([]map[string]any{
		{"ImportPath": "fmt", "Standard": true, "Dir": at("go", "src", "fmt")},
		{"ImportPath": "vendor/x/idna", "Standard": true, "Dir": at("go", "src", "vendor", "x", "idna"), "Imports": []string{"fmt"}},
		{"ImportPath": "a.example/zip/inner", "Module": of("a.example/zip", "v1.0.0"), "Dir": at("a.example/zip", "inner"), "Imports": []string{"fmt"}},
		{"ImportPath": "b.example/net", "Module": of("b.example/net", "v2.0.0"), "Dir": at("b.example/net"), "Imports": []string{"a.example/zip/inner", "fmt"}},
	}, append(extra, map[string]any{"ImportPath": "azcollector/functions", "Module": ours, "Dir": at("ours", "functions"), "Imports": []string{"b.example/net"}})...) {
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
	}
	return out.Bytes()
}

func TestModulesAndTheirBill(t *testing.T) {
	all := map[string]*module{}
	root := t.TempDir()
	for range 2 { // two platforms with the same modules
		if err := add(all, listed(t, root)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := all[standard].Dir, filepath.Join(root, "go"); got != want {
		t.Errorf("Go lies in %s, want %s", got, want)
	}
	var modules []*module
	for _, path := range slices.Sorted(maps.Keys(all)) {
		modules = append(modules, all[path])
	}
	b := (&sbom{Version: "1.4.0"}).bill(modules)
	if c := b.Metadata.Component; c.Name != "azcollector" || c.Version != "1.4.0" || c.Type != "application" {
		t.Errorf("the bill is about %+v", c)
	}
	std := "pkg:golang/stdlib@" + all[standard].Version
	want := []dependency{
		{Ref: "pkg:golang/a.example/zip@v1.0.0", On: []string{std}},
		{Ref: "azcollector@1.4.0", On: []string{"pkg:golang/b.example/net@v2.0.0"}},
		{Ref: "pkg:golang/b.example/net@v2.0.0", On: []string{"pkg:golang/a.example/zip@v1.0.0", std}},
		{Ref: std},
	}
	if diff := cmp.Diff(want, b.Dependencies); diff != "" {
		t.Error(diff)
	}
	if len(b.Components) != 3 || b.Components[0].Properties[0].Value != "h1:a.example/zip" {
		t.Errorf("components %+v", b.Components)
	}
}

// Terms are found at a module's root and beside the code they are for, and nowhere
// else; a module without any cannot be given away.
func TestLicences(t *testing.T) {
	root := t.TempDir()
	for _, file := range []string{
		"a.example/zip/LICENSE.txt", "a.example/zip/NOTICE", "a.example/zip/licenser.go", "a.example/zip/license.go",
		"a.example/zip/inner/COPYING", "a.example/zip/unused/LICENSE", "b.example/net/README.md", "go/LICENSE", "LICENSE",
	} {
		file = filepath.Join(root, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	all := map[string]*module{}
	if err := add(all, listed(t, root)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]string{
		"a.example/zip": {"LICENSE.txt", "NOTICE", filepath.Join("inner", "COPYING")},
		standard:        {"LICENSE"},
	} {
		got, err := all[path].licences()
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", path, err, diff)
		}
	}
	if got, err := all["b.example/net"].licences(); err == nil || !strings.Contains(err.Error(), "licence of b.example/net: no LICENSE") {
		t.Errorf("without terms: %q, %v", got, err)
	}
}
