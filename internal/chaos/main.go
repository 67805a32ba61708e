// Command chaos injects faults into the real collector, as a program of its own, and
// looks for every record afterwards.
//
// Its one promise: nothing is called green that was not looked at. A fault that met no
// request, a run without records and a record that nobody looked for are failures, like a
// record that is missing. It measures no speed (internal/bench does), and what it cannot
// bring about (a real tenant, real Azure) it does not pretend.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alecthomas/kong"
)

// options are what all commands have in common.
type options struct {
	Collector string `help:"The collector's program." default:".build/chaos/azcollector" type:"path"`
	Dir       string `help:"Where states and logs go; a temporary directory by default." type:"path"`
	Keep      bool   `help:"Keep the directory with states and logs."`
	Figures   string `help:"Append what was done and found, as a line of JSON, to this file." type:"path" placeholder:"FILE"`
	Seed      uint64 `help:"Seed of records and of everything random; 0: drawn, and told."`

	court *court
}

type commands struct {
	options
	Matrix matrix `cmd:"" help:"Every remote operation meets every fault."`
	Crash  crash  `cmd:"" help:"The collector is killed at every step, and at random times."`
	Flood  flood  `cmd:"" help:"More comes at once than can be delivered."`
	Total  total  `cmd:"" help:"Add up what other commands kept with --figures."`
}

func main() {
	c := commands{options: options{court: newCourt()}}
	k := kong.Parse(&c, kong.Name("chaos"), kong.Description("Injects faults into the collector and looks for every record afterwards."), kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k.BindTo(ctx, (*context.Context)(nil))
	done, err := c.place()
	k.FatalIfErrorf(err)
	err = k.Run(&c.options)
	done()
	k.FatalIfErrorf(err)
}

// place makes the directory for states and logs; done removes it unless it is to be kept.
func (o *options) place() (done func(), err error) {
	if o.Dir != "" {
		return func() {}, os.MkdirAll(o.Dir, 0o700)
	}
	if o.Dir, err = os.MkdirTemp("", "chaos-"); err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	if o.Keep {
		fmt.Fprintln(os.Stderr, "chaos: states and logs are in", o.Dir)
		return func() {}, nil
	}
	return func() { _ = os.RemoveAll(o.Dir) }, nil
}

// room makes a directory of a run's own, another one if it is run again.
func (o *options) room(name string) (dir string, err error) {
	dir = filepath.Join(o.Dir, name)
	if err = os.MkdirAll(filepath.Dir(dir), 0o700); err == nil {
		err = os.Mkdir(dir, 0o700)
	}
	if errors.Is(err, fs.ErrExist) {
		dir, err = os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+"-")
	}
	if err != nil {
		return "", fmt.Errorf("make a directory: %w", err)
	}
	return dir, nil
}
