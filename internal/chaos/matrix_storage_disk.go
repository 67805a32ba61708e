package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"azcollector/internal/sim"
)

// disk is the collector by itself with its embedded store on a file system of its own,
// which can be filled. Where nobody may mount one there are no such cells, and the table
// says so.
func disk() lane {
	full := operation{name: "state-file", told: []string{"no space left on device"}, most: 80}
	if why := mountable(); why != nil {
		full.without = map[string]string{"full": why.Error()}
	}
	return lane{
		name: "disk", operations: []operation{full}, course: fillUp, within: time.Minute,
		faults: []fault{{name: "full", class: "disk full"}},
		furnish: func(_ context.Context, _ *sim.World, dir string) (*furniture, error) {
			state := filepath.Join(dir, "state")
			if err := mountSmall(state); err != nil {
				return nil, err
			}
			return &furniture{
				env:   []string{"STATE_DIR=" + state, "PULL_SCHEDULE=*/2 * * * * *"},
				close: func() { _ = syscall.Unmount(state, syscall.MNT_DETACH) },
			}, nil
		},
	}
}

// smallDisk holds a state of a few contents, and little more.
const smallDisk = "1m"

func mountSmall(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+smallDisk); err != nil {
		return fmt.Errorf("mount a file system: %w", err)
	}
	return nil
}

// mountable tries it.
func mountable() error {
	dir, err := os.MkdirTemp("", "chaos-mount-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	small := filepath.Join(dir, "small")
	if err := mountSmall(small); err != nil {
		return err
	}
	return syscall.Unmount(small, syscall.MNT_DETACH)
}

// fillUp is the course of a cell: the disk is full from before the contents are published,
// one of which has a record that ingest refuses.
func fillUp(ctx context.Context, o *options, c cell, seed uint64) (result outcome, err error) {
	k, err := newKeeper(ctx, o, c, seed)
	if err != nil {
		return result, err
	}
	defer k.close()
	if err := k.begin(ctx, o); err != nil {
		return result, err
	}
	defer k.mortal.kill()
	if err := k.enter(ctx); err != nil {
		return result, err
	}
	ballast := filepath.Join(k.dir, "state", "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		return result, fmt.Errorf("fill the disk: %w", err)
	}
	k.letter = true
	k.struck = func() int { return len(k.complaints()) }
	k.lift = func() error { return os.Remove(ballast) }
	return k.course(ctx, o)
}
