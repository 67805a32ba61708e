package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// write makes a file with a mode and a time that must leave no trace.
func write(t *testing.T, name, text string, mode fs.FileMode, at time.Time) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(file, mode), os.Chtimes(file, at, at)); err != nil {
		t.Fatal(err)
	}
	return file
}

// Modes, times and places of the sources leave no trace in an archive.
func TestPackIsReproducible(t *testing.T) {
	for _, form := range []string{"a.zip", "a.tar.gz"} {
		t.Run(form, func(t *testing.T) {
			var packed [2][]byte
			for i := range packed {
				at, mode := time.Date(2001+i, 1, 1, 0, 0, 0, 0, time.UTC), []fs.FileMode{0o600, 0o755}[i]
				out := filepath.Join(t.TempDir(), form)
				c := archive{Out: out, Program: write(t, "azcollector", "program", mode, at), Files: []string{write(t, "LICENSE", "terms", mode, at)}}
				if err := c.Run(); err != nil {
					t.Fatal(err)
				}
				var err error
				if packed[i], err = os.ReadFile(out); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(packed[0], packed[1]) {
				t.Error("the same contents gave two archives")
			}
			want := []entry{{"azcollector", 0o755, "1980-01-01", "program"}, {"LICENSE", 0o644, "1980-01-01", "terms"}}
			if diff := cmp.Diff(want, entries(t, form, packed[0])); diff != "" {
				t.Error(diff)
			}
		})
	}
}

type entry struct {
	Name string
	Mode fs.FileMode
	Day  string
	Text string
}

func entries(t *testing.T, form string, archive []byte) (all []entry) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	add := func(name string, mode fs.FileMode, at time.Time, from io.Reader) {
		text, err := io.ReadAll(from)
		must(err)
		all = append(all, entry{name, mode, at.UTC().Format(time.DateOnly), string(text)})
	}
	if strings.HasSuffix(form, ".zip") {
		r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
		must(err)
		for _, f := range r.File {
			from, err := f.Open()
			must(err)
			add(f.Name, f.Mode(), f.Modified, from)
		}
		return all
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(archive))
	must(err)
	for r := tar.NewReader(unpacked); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		must(err)
		add(h.Name, h.FileInfo().Mode(), h.ModTime, r)
	}
}

func TestPackRefuses(t *testing.T) {
	program := write(t, "azcollector", "program", 0o755, epoch)
	there := write(t, "a.zip", "", 0o644, epoch)
	for name, c := range map[string]struct {
		archive
		want string
	}{
		"what is there already": {archive{Out: there, Program: program}, "file exists"},
		"another form":          {archive{Out: filepath.Join(t.TempDir(), "a.rar"), Program: program}, ".zip or .tar.gz"},
		"two of a name":         {archive{Out: filepath.Join(t.TempDir(), "a.zip"), Program: program, Files: []string{program}}, "two files are called azcollector"},
		"a missing file":        {archive{Out: filepath.Join(t.TempDir(), "a.tar.gz"), Program: program + "x"}, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.Run(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestFunctionFiles(t *testing.T) {
	for name, c := range map[string]struct {
		files string
		found string
		want  string // in the error
	}{
		"functions and others":  {"host.json pull/function.json pull/doc.go webhook/function.json docs/a.md", "pull/function.json webhook/function.json", ""},
		"hidden, or of tests":   {"pull/function.json .build/x/function.json functions/testdata/a/function.json scripts/azurite/node_modules/b/function.json", "pull/function.json", ""},
		"none":                  {"host.json", "", "no folder has a function.json"},
		"too deep":              {"pull/function.json rooms/graph/function.json", "", "rooms/graph/function.json: must be a file in a first-level folder"},
		"at the root":           {"pull/function.json function.json", "", "pack function.json: must be"},
		"a folder of that name": {"pull/function.json/a", "", "pull/function.json: must be a file"},
	} {
		t.Run(name, func(t *testing.T) {
			root := fstest.MapFS{}
			for file := range strings.FieldsSeq(c.files) {
				root[file] = &fstest.MapFile{Data: []byte("{}")}
			}
			found, err := functionFiles(root)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want an error with %q", err, c.want)
				}
				return
			}
			if got := strings.Join(found, " "); err != nil || got != c.found {
				t.Errorf("found %s (%v), want %s", got, err, c.found)
			}
		})
	}
}

func TestHandlerMustBeForAzure(t *testing.T) {
	for name, c := range map[string]struct{ goos, goarch, cgo, want string }{
		"as it must be": {"linux", "amd64", "0", ""},
		"for arm":       {"linux", "arm64", "0", "GOARCH=arm64, must be amd64"},
		"for Windows":   {"windows", "amd64", "0", "GOOS=windows, must be linux"},
		"with a libc":   {"linux", "amd64", "1", "CGO_ENABLED=1, must be 0"},
		"who knows":     {"linux", "amd64", "", "CGO_ENABLED=, must be 0"},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkHandler(&debug.BuildInfo{Settings: []debug.BuildSetting{
				{Key: "CGO_ENABLED", Value: c.cgo}, {Key: "GOARCH", Value: c.goarch}, {Key: "GOOS", Value: c.goos}}})
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want an error with %q", err, c.want)
			}
		})
	}
}
