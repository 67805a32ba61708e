package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// notices prints the licence texts that must go with the binary.
type notices struct{ platforms }

// licence names the files that hold terms, as pkg.go.dev knows them, and what Apache
// licences demand to go along (NOTICE) or Go's own grants (PATENTS).
var licence = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense|notice|patents)([-.].*)?$`)

func (c *notices) Run(out io.Writer) error {
	modules, err := c.modules()
	if err != nil {
		return err
	}
	var text strings.Builder
	text.WriteString("azcollector contains the following, under these terms.\n")
	for _, m := range modules {
		if m.ours() {
			continue
		}
		files, err := m.licences()
		if err != nil {
			return err
		}
		for _, file := range files {
			terms, err := os.ReadFile(filepath.Join(m.Dir, file)) // #nosec G304 -- a licence in the module cache
			if err != nil {
				return fmt.Errorf("read the licence of %s: %w", m.Path, err)
			}
			fmt.Fprintf(&text, "\n%s\n%s %s: %s\n\n%s\n", strings.Repeat("=", 80), m.Path, m.Version, filepath.ToSlash(file),
				strings.TrimSpace(strings.ReplaceAll(string(terms), "\r\n", "\n")))
		}
	}
	_, err = io.WriteString(out, text.String())
	return err
}

// licences are the files with terms at the module's root and in the folders down to
// the packages that are used: some hold code under other terms.
func (m *module) licences() ([]string, error) {
	found := map[string]bool{}
	looked := map[string]bool{}
	for folder := range m.folders {
		for _, folder := range m.above(folder) {
			if looked[folder] {
				continue
			}
			looked[folder] = true
			entries, err := os.ReadDir(folder)
			if err != nil {
				return nil, fmt.Errorf("look for the licence of %s: %w", m.Path, err)
			}
			for _, e := range entries {
				if !e.Type().IsRegular() || !licence.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
					continue
				}
				file, err := filepath.Rel(m.Dir, filepath.Join(folder, e.Name()))
				if err != nil {
					return nil, fmt.Errorf("look for the licence of %s: %w", m.Path, err)
				}
				found[file] = true
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("look for the licence of %s: no LICENSE or COPYING in %s; without one it cannot be given to others", m.Path, m.Dir)
	}
	return slices.Sorted(maps.Keys(found)), nil
}
