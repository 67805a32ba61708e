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
	"slices"
	"strings"
	"testing"
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
				program := write(t, "azcollector", "program", mode, at)
				root := filepath.Dir(program)
				if err := os.Mkdir(filepath.Join(root, "docs"), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.Rename(write(t, "a.md", "text", mode, at), filepath.Join(root, "docs", "a.md")); err != nil {
					t.Fatal(err)
				}
				out := filepath.Join(t.TempDir(), form)
				if err := (&archive{Root: root, Out: out, Program: "azcollector", Files: []string{"docs/a.md"}}).Run(); err != nil {
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
			want := []entry{{"azcollector", 0o755, "1980-01-01", "program"}, {"docs/a.md", 0o644, "1980-01-01", "text"}}
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
	root, name := filepath.Split(write(t, "azcollector", "program", 0o755, epoch))
	there := write(t, "a.zip", "", 0o644, epoch)
	for name, c := range map[string]struct {
		archive
		want string
	}{
		"what is there already": {archive{Out: there, Program: name}, "file exists"},
		"another form":          {archive{Out: filepath.Join(t.TempDir(), "a.rar"), Program: name}, ".zip or .tar.gz"},
		"two of a name":         {archive{Out: filepath.Join(t.TempDir(), "a.zip"), Program: name, Files: []string{name}}, "two files are called azcollector"},
		"a file of elsewhere":   {archive{Out: filepath.Join(t.TempDir(), "a.zip"), Program: name, Files: []string{"../a"}}, "../a is no path inside it"},
		"a missing file":        {archive{Out: filepath.Join(t.TempDir(), "a.tar.gz"), Program: name + "x"}, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			c.Root = root
			if err := c.Run(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestFunctionsAreOfTheFirstLevel(t *testing.T) {
	c := functions{Root: "/r", Handler: "/h", Notices: "/n", Functions: []string{"webhook/function.json", "content/function.json"}}
	items, err := c.items()
	want := []item{{"LICENSE", "/r/LICENSE", 0o644}, {"THIRD_PARTY_NOTICES", "/n", 0o644}, {"content/function.json", "/r/content/function.json", 0o644},
		{"handler", "/h", 0o755}, {"host.json", "/r/host.json", 0o644}, {"webhook/function.json", "/r/webhook/function.json", 0o644}}
	if err != nil || !slices.Equal(items, want) {
		t.Errorf("got %v, %v; want %v", items, err, want)
	}
	for _, name := range []string{"function.json", "rooms/pull/function.json", "../function.json", "./function.json", "/function.json", "pull/host.json"} {
		if _, err := (&functions{Functions: []string{name}}).items(); err == nil || !strings.Contains(err.Error(), "pack "+name+": must be") {
			t.Errorf("%s: %v", name, err)
		}
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
