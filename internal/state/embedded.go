package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"azcollector/internal/collect"
)

const (
	databaseFile = "state.db"
	payloadDir   = "payloads"
	unfinished   = "_tmp-" // what a killed process left; no escaped name begins like this
	lockPatience = time.Second
	// Most rows come in the order of their keys, at some places: pages that are split
	// there stay as full as they are left.
	fullPages = 0.9
)

// Embedded is the [collect.Store] of a process that has no storage account: a
// file of rows and a directory of payloads. The process that opened it owns it.
type Embedded struct {
	db       *bbolt.DB
	commits  *commits
	payloads string
}

var _ collect.Store = (*Embedded)(nil)

// OpenEmbedded opens the store in dir, which is made if it is missing. It refuses
// a file that is damaged, that another process has open, or that is gone while its
// payloads are there.
func OpenEmbedded(dir string) (*Embedded, error) {
	payloads := filepath.Join(dir, payloadDir)
	if err := os.MkdirAll(payloads, 0o700); err != nil {
		return nil, fmt.Errorf("make STATE_DIR: %w", err)
	}
	file := filepath.Join(dir, databaseFile)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		if err := createDatabase(dir, file, payloads); err != nil {
			return nil, err
		}
	}
	db, err := openDatabase(file)
	if err != nil {
		return nil, err
	}
	// The lock is ours: what has no final name now never gets one.
	for _, d := range []string{dir, payloads} {
		if err := removeUnfinished(d); err != nil {
			_ = db.Close() // the first error says what is wrong
			return nil, fmt.Errorf("clean STATE_DIR: %w", err)
		}
	}
	return &Embedded{db: db, commits: newCommits(), payloads: payloads}, nil
}

func options() *bbolt.Options {
	return &bbolt.Options{
		Timeout: lockPatience,
		// The list of free pages is written with every commit: else it would be found
		// again by reading the whole file at each start.
		FreelistType: bbolt.FreelistMapType,
	}
}

// Close waits for the running transactions and gives the file free.
func (e *Embedded) Close() error {
	if err := e.db.Close(); err != nil {
		return fmt.Errorf("close %s: %w", databaseFile, err)
	}
	return nil
}

// Wake implements [collect.Store] and does nothing but refuse what the other
// store refuses: there is no queue here, and whoever owns the file polls the due
// rows.
func (e *Embedded) Wake(_ context.Context, content collect.Key, _ time.Time) error {
	if err := checkKey(content); err != nil {
		return fmt.Errorf("wake content: %w", err)
	}
	return nil
}

// view gives f the last committed state.
func (e *Embedded) view(ctx context.Context, f func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	return e.db.View(f)
}
