package main

import (
	"debug/buildinfo"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"azcollector/internal/release"
)

// functions packs what the Functions host needs and nothing else.
type functions struct {
	Root      string   `required:"" help:"The repository." type:"existingdir"`
	Handler   string   `required:"" help:"The program, built for linux/amd64." type:"existingfile"`
	Notices   string   `required:"" help:"THIRD_PARTY_NOTICES." type:"existingfile"`
	Out       string   `arg:"" help:"The package to write."`
	Functions []string `arg:"" help:"The functions, such as pull/function.json in the repository."`
}

func (c *functions) Run() error {
	info, err := buildinfo.ReadFile(c.Handler)
	if err != nil {
		return fmt.Errorf("read how the handler was built: %w", err)
	}
	if err := checkHandler(info); err != nil {
		return err
	}
	items, err := c.items()
	if err != nil {
		return err
	}
	if err := pack(c.Out, items); err != nil {
		return err
	}
	return checkPackage(c.Out)
}

// items are sorted by name. The caller says which functions there are: what else lies
// in the repository's folder need not belong to it.
func (c *functions) items() ([]item, error) {
	items := []item{
		{"handler", c.Handler, 0o755},
		{"host.json", filepath.Join(c.Root, "host.json"), 0o644},
		{"LICENSE", filepath.Join(c.Root, "LICENSE"), 0o644},
		{"THIRD_PARTY_NOTICES", c.Notices, 0o644},
	}
	for _, name := range c.Functions {
		if dir, base := path.Split(name); base != "function.json" || strings.Count(dir, "/") != 1 || !fs.ValidPath(name) {
			return nil, fmt.Errorf("pack %s: must be the function.json of a first-level folder, where alone the host looks", name)
		}
		items = append(items, item{name, filepath.Join(c.Root, filepath.FromSlash(name)), 0o644})
	}
	slices.SortFunc(items, func(a, b item) int { return strings.Compare(a.name, b.name) })
	return items, nil
}

// checkHandler refuses a program that would not start on Azure, where every plan
// we deploy to is 64-bit Linux on x86 and has no libc that we could count on.
func checkHandler(info *buildinfo.BuildInfo) error {
	built := map[string]string{}
	for _, s := range info.Settings {
		built[s.Key] = s.Value
	}
	for name, right := range map[string]string{"GOOS": "linux", "GOARCH": "amd64", "CGO_ENABLED": "0"} {
		if built[name] != right {
			return fmt.Errorf("pack the handler: it was built with %s=%s, must be %s", name, built[name], right)
		}
	}
	return nil
}

// checkPackage opens a package as the updater will, so that an unsigned one is
// judged as well.
func checkPackage(file string) error {
	pkg, err := readPackage(file)
	if err != nil {
		return err
	}
	_, err = release.Manifest{SHA256: hashOf(pkg)}.Open(pkg)
	return err
}
