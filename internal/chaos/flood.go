package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// A flood is more at once than can be delivered: callers who take their time, and more
// notifications than the destination takes records. The collector is the self-hosted
// one, behind TLS, with its own settings but for what is said where they are set.
type flood struct {
	Slow          int `help:"Slow connections at a time; 0: none." default:"10000"`
	Notifications int `help:"Notifications at a time while ingest is slow; 0: none." default:"200"`
	Contents      int `help:"Contents of each of them." default:"100"`
	Records       int `help:"Records of each content." default:"5"`
}

// floodMemory is what the collector may hold at any moment of a flood, in bytes.
const floodMemory = 100 << 20

// floodPatience bounds how long one thing may take that must happen. It judges no speed.
const floodPatience = 10 * time.Minute

// Run implements the command.
func (f *flood) Run(ctx context.Context, o *options) error { return f.run(ctx, o, os.Stdout) }

func (f *flood) run(ctx context.Context, o *options, out io.Writer) error {
	if err := f.roomForFiles(); err != nil {
		return err
	}
	all := figures{Command: "flood"}
	if f.Slow > 0 {
		for _, crowd := range crowds(f.Slow) {
			one, err := f.besiege(ctx, o, crowd, out)
			if err != nil {
				return err
			}
			all.add(one)
		}
	}
	if f.Notifications > 0 {
		one, err := f.burst(ctx, o, out)
		if err != nil {
			return err
		}
		all.add(one)
	}
	return o.conclude(all, out)
}

// roomForFiles looks whether so many connections can be open. The runtime has raised the
// limit as far as it goes.
func (f *flood) roomForFiles() error {
	const besides = 500 // the simulator's, and what every program has
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read how many files may be open: %w", err)
	}
	if need := f.Slow + 4*f.Notifications + besides; uint64(need) > limit.Cur {
		return fmt.Errorf("only %d files may be open and %d are needed: raise ulimit -n, or ask for less", limit.Cur, need)
	}
	return nil
}
