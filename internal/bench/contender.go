package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"azcollector/internal/sim"
	"azcollector/internal/state/azurite"
)

// A contender is a program with its settings.
type contender struct {
	name    string
	about   string
	program string
	azurite bool
	pull    bool // pull runs beside the notifications
	bare    bool
}

// contenders are those that are asked for, in the order of the table.
func (b *bench) contenders(ctx context.Context) ([]contender, error) {
	var all []contender
	for _, c := range []contender{
		{name: "a", about: "the bare loop", program: b.Bare, bare: true},
		{name: "b", about: "the collector with its embedded store", program: b.Collector},
		{name: "c", about: "the collector with Azurite", program: b.Collector, azurite: true},
	} {
		if !slices.Contains(b.Only, c.name) {
			continue
		}
		if _, err := os.Stat(c.program); err != nil {
			return nil, fmt.Errorf("find %s (scripts/bench builds it): %w", c.about, err)
		}
		// A bell alone brings nothing: with wake there is no run without pull.
		if c.bare || b.Notifications == "fetch" {
			all = append(all, c)
		}
		if !c.bare && (b.PushAndPull || b.Notifications == "wake") {
			c.pull, c.name, c.about = true, c.name+"+pull", c.about+", pull beside push"
			all = append(all, c)
		}
	}
	if b.Ledger > 0 && slices.Contains(b.Only, "b") {
		return all, b.fill(ctx)
	}
	return all, nil
}

// storage is where a contender keeps its state, for one start or several.
type storage struct {
	settings map[string]string
	count    *counter // nil: not counted
	close    func()
}

// storage makes a contender's state, empty but for what --ledger says.
func (b *bench) storage(c contender, dir string) (*storage, error) {
	s := &storage{settings: map[string]string{}, close: func() {}}
	switch {
	case c.bare:
	case c.azurite:
		address, stop, err := azurite.Run()
		if err != nil {
			return nil, err
		}
		if s.count, err = count(address); err != nil {
			stop()
			return nil, err
		}
		s.settings["AzureWebJobsStorage"] = s.count.Connection
		s.close = func() { s.count.Close(); stop() }
	default:
		state := filepath.Join(dir, "state")
		s.settings["STATE_DIR"] = state
		if b.filled != "" {
			if err := os.CopyFS(state, os.DirFS(b.filled)); err != nil {
				return nil, fmt.Errorf("copy the ledger: %w", err)
			}
			if err := flush(filepath.Join(state, "state.db")); err != nil {
				return nil, fmt.Errorf("copy the ledger: %w", err)
			}
		}
	}
	return s, nil
}

// flush brings what was written to the disk: else the collector's first commit waits
// until our copy is there.
func flush(name string) error {
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}

// settings are a contender's environment. What is not its default is here, and why.
func (b *bench) settings(w *sim.World, s *storage) []string {
	all := w.Settings()
	for name, value := range s.settings {
		all[name] = value
	}
	all["WEBSITE_HOSTNAME"] = "bench.example"
	all["PUBLIC_URL"] = "none"                   // no subscription is to be started
	all["AzureWebJobs.master.Disabled"] = "true" // its first run would fall into the measurement
	all["DEFLATE_LEVEL"] = strconv.Itoa(b.Level)
	all["O365_NOTIFICATIONS"] = b.Notifications
	all["O365_REQUESTS_PER_MINUTE"] = "1000000" // Microsoft's quota, not ours, would be measured
	var env []string
	for name, value := range all {
		env = append(env, name+"="+value)
	}
	for _, more := range b.Env {
		env = append(env, strings.TrimSpace(more)) // later ones win
	}
	return env
}
