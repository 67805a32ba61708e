package main

import (
	"fmt"
	"path/filepath"
)

// archive packs what somebody needs to run the program by himself.
type archive struct {
	Root    string   `required:"" help:"Where everything lies as in the archive." type:"existingdir"`
	Out     string   `arg:"" help:"The archive to write."`
	Program string   `arg:"" help:"The program, in the root."`
	Files   []string `arg:"" help:"What goes with it, such as docs/deploy.md."`
}

func (c *archive) Run() error {
	items := []item{{c.Program, filepath.Join(c.Root, c.Program), 0o755}}
	for _, file := range c.Files {
		items = append(items, item{file, filepath.Join(c.Root, filepath.FromSlash(file)), 0o644})
	}
	seen := map[string]bool{}
	for _, it := range items {
		if seen[it.name] {
			return fmt.Errorf("make the archive %s: two files are called %s", c.Out, it.name)
		}
		if !filepath.IsLocal(it.name) {
			return fmt.Errorf("make the archive %s: %s is no path inside it", c.Out, it.name)
		}
		seen[it.name] = true
	}
	return pack(c.Out, items)
}
