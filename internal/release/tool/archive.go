package main

import (
	"fmt"
	"path"
)

// archive packs what somebody needs to run the program by himself.
type archive struct {
	Out     string   `arg:"" help:"The archive to write."`
	Program string   `arg:"" help:"The program." type:"existingfile"`
	Files   []string `arg:"" help:"What goes with it." type:"existingfile"`
}

func (c *archive) Run() error {
	items := []item{{path.Base(c.Program), c.Program, 0o755}}
	for _, file := range c.Files {
		items = append(items, item{path.Base(file), file, 0o644})
	}
	seen := map[string]bool{}
	for _, it := range items {
		if seen[it.name] {
			return fmt.Errorf("make the archive %s: two files are called %s", c.Out, it.name)
		}
		seen[it.name] = true
	}
	return pack(c.Out, items)
}
