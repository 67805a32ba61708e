package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"errors"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"
)

// A packedFile is one in an archive for self-hosting.
type packedFile struct {
	mode fs.FileMode
	text []byte
}

var docLink = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

// checkArchive: it holds the program for its platform, the terms, and papers that lead
// to this release and to nothing that is not there.
func checkArchive(t *testing.T, file, goos, goarch string) {
	t.Helper()
	files := archived(t, file)
	program := "azcollector"
	if goos == "windows" {
		program += ".exe"
	}
	info, err := buildinfo.Read(bytes.NewReader(files[program].text))
	if err != nil {
		t.Fatalf("%s: %s: %v", file, program, err)
	}
	built := map[string]string{}
	for _, s := range info.Settings {
		built[s.Key] = s.Value
	}
	if built["GOOS"] != goos || built["GOARCH"] != goarch || files[program].mode != 0o755 {
		t.Errorf("%s: the program has mode %v and is for %s/%s", file, files[program].mode, built["GOOS"], built["GOARCH"])
	}
	for _, name := range []string{"LICENSE", "THIRD_PARTY_NOTICES", "README.md", "SECURITY.md", "docs/operations.md"} {
		if len(files[name].text) == 0 {
			t.Errorf("%s: no %s in it", file, name)
		}
	}
	if !bytes.Contains(files["README.md"].text, []byte(packageHome+"/v9.8.7/")) {
		t.Errorf("%s: README.md does not lead to %s", file, packageHome)
	}
	links := 0
	for name, f := range files {
		if path.Ext(name) != ".md" {
			continue
		}
		for _, link := range docLink.FindAllSubmatch(f.text, -1) {
			links++
			if to := path.Join(path.Dir(name), string(link[1])); files[to].text == nil {
				t.Errorf("%s: %s leads to %s, which is not in it", file, name, to)
			}
		}
	}
	if links == 0 {
		t.Errorf("%s: found no link in its papers", file)
	}
}

func archived(t *testing.T, file string) map[string]packedFile {
	t.Helper()
	files := map[string]packedFile{}
	add := func(name string, mode fs.FileMode, from io.Reader) {
		text, err := io.ReadAll(from)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = packedFile{mode, text}
	}
	if strings.HasSuffix(file, ".zip") {
		r, err := zip.OpenReader(file)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for _, f := range r.File {
			from, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			add(f.Name, f.Mode(), from)
		}
		return files
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(read(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(unpacked); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		} else if err != nil {
			t.Fatal(err)
		}
		add(h.Name, h.FileInfo().Mode(), r)
	}
}
