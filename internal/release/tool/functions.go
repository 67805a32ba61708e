package main

import (
	"archive/zip"
	"debug/buildinfo"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"azcollector/internal/release"
)

// functions packs what the Functions host needs and nothing else.
type functions struct {
	Root    string `required:"" help:"The repository." type:"existingdir"`
	Handler string `required:"" help:"The program, built for linux/amd64." type:"existingfile"`
	Notices string `required:"" help:"THIRD_PARTY_NOTICES." type:"existingfile"`
	Out     string `arg:"" help:"The package to write."`
}

func (c *functions) Run() error {
	info, err := buildinfo.ReadFile(c.Handler)
	if err != nil {
		return fmt.Errorf("read how the handler was built: %w", err)
	}
	if err := checkHandler(info); err != nil {
		return err
	}
	items := []item{
		{"handler", c.Handler, 0o755},
		{"host.json", filepath.Join(c.Root, "host.json"), 0o644},
		{"LICENSE", filepath.Join(c.Root, "LICENSE"), 0o644},
		{"THIRD_PARTY_NOTICES", c.Notices, 0o644},
	}
	found, err := functionFiles(os.DirFS(c.Root))
	if err != nil {
		return err
	}
	for _, name := range found {
		items = append(items, item{name, filepath.Join(c.Root, filepath.FromSlash(name)), 0o644})
	}
	slices.SortFunc(items, func(a, b item) int { return strings.Compare(a.name, b.name) })
	if err := pack(c.Out, items); err != nil {
		return err
	}
	return checkPackage(c.Out)
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

// checkPackage opens a package as the updater will see it.
func checkPackage(file string) error {
	r, err := zip.OpenReader(file)
	if err != nil {
		return fmt.Errorf("open the package: %w", err)
	}
	defer r.Close()
	return release.CheckLayout(&r.Reader)
}

// functionFiles finds the function.json of every first-level folder. One anywhere
// else is a function that the host would never see.
func functionFiles(root fs.FS) (found []string, err error) {
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch base := path.Base(name); {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "testdata"):
			return fs.SkipDir
		case base != "function.json":
			return nil
		case strings.Count(name, "/") != 1 || !d.Type().IsRegular():
			return fmt.Errorf("pack %s: must be a file in a first-level folder, where alone the host looks", name)
		}
		found = append(found, name)
		return nil
	})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("pack the functions: no folder has a function.json")
	}
	return found, err
}
