package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

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
	commits  commits
	payloads string
}

var _ collect.Store = (*Embedded)(nil)

// OpenEmbedded opens the store in dir, which is made if it is missing. It refuses
// a file that is damaged or that another process has open.
func OpenEmbedded(dir string) (*Embedded, error) {
	payloads := filepath.Join(dir, payloadDir)
	if err := os.MkdirAll(payloads, 0o700); err != nil {
		return nil, fmt.Errorf("make STATE_DIR: %w", err)
	}
	file := filepath.Join(dir, databaseFile)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		if err := createDatabase(dir, file); err != nil {
			return nil, fmt.Errorf("create %s: %w", file, err)
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
	return &Embedded{db: db, payloads: payloads}, nil
}

// createDatabase makes an empty database under another name first. So a file
// under the final name was whole once, and one that is empty or short is damaged
// rather than new. Linking, unlike renaming, never puts ours in another's place.
func createDatabase(dir, file string) error {
	f, err := os.CreateTemp(dir, unfinished)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := f.Close(); err != nil {
		return err
	}
	db, err := bbolt.Open(f.Name(), 0o600, options())
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	if err := os.Link(f.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

// openDatabase refuses a damaged file before bbolt sees it in earnest: bbolt
// looks for free pages in a goroutine of its own, and a panic there ends us.
func openDatabase(file string) (db *bbolt.DB, err error) {
	if err := inspect(file); err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, damaged(file, fmt.Sprint(p))
		}
	}()
	db, err = bbolt.Open(file, 0o600, options())
	if err != nil {
		return nil, explain(file, err)
	}
	return db, nil
}

// inspect reads the whole tree, so that what is damaged or cut short makes bbolt
// panic here, where the panic becomes an error; so does reading memory behind
// the file's end.
func inspect(file string) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = damaged(file, fmt.Sprint(p))
		}
	}()
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("open %s: %w", file, err)
	}
	if info.Size() == 0 {
		return damaged(file, "it is empty") // bbolt would take it for a new one
	}
	o := options()
	o.ReadOnly = true
	db, err := bbolt.Open(file, 0o600, o)
	if err != nil {
		return explain(file, err)
	}
	defer db.Close()
	return db.View(func(tx *bbolt.Tx) error {
		if tx.Size() > info.Size() {
			return damaged(file, fmt.Sprintf("it has %d bytes of %d", info.Size(), tx.Size()))
		}
		read := 0
		return tx.ForEach(func(_ []byte, bucket *bbolt.Bucket) error {
			return bucket.ForEach(func(k, v []byte) error {
				if read += len(k) + len(v); read > forgetAfter {
					forgetPages(db)
					read = 0
				}
				return nil
			})
		})
	})
}

// forgetAfter is how many bytes are read until the file's pages leave our memory again.
// They stay in the machine's, and come back as they are needed.
const forgetAfter = 8 << 20

func explain(file string, err error) error {
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return fmt.Errorf("open %s: another azcollector owns this STATE_DIR; stop it, or give this one a STATE_DIR of its own", file)
	case errors.Is(err, bbolterrors.ErrInvalid), errors.Is(err, bbolterrors.ErrVersionMismatch),
		errors.Is(err, bbolterrors.ErrChecksum), errors.Is(err, bbolterrors.ErrInvalidMapping):
		return damaged(file, err.Error())
	}
	return fmt.Errorf("open %s: %w", file, err)
}

func damaged(file, why string) error {
	return fmt.Errorf("open %s: the file is damaged (%s); restore it from a backup, or move it away to start with nothing remembered", file, why)
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
