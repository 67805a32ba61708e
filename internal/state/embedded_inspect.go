package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"syscall"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// openDatabase refuses a damaged file before bbolt sees it in earnest.
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

// inspect reads the whole file. One of the two meta pages may be bad: a commit that a
// power cut tore leaves it like that, and the file is as it was before.
func inspect(file string) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // bbolt reads a file that is cut short in memory
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
		f, err := os.Open(file) // #nosec G304 -- STATE_DIR is the administrator's, the name in it ours
		if err != nil {
			return fmt.Errorf("open %s: %w", file, err)
		}
		defer f.Close()
		if err := readPages(f, db.Info().PageSize, uint64(tx.ID())); err != nil {
			return explain(file, err)
		}
		return nil
	})
}

// explain says what to do. What is neither the lock's nor the system's error judges the
// file.
func explain(file string, err error) error {
	var path *fs.PathError
	var system syscall.Errno
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return fmt.Errorf("open %s: another azcollector owns this STATE_DIR; stop it, or give this one a STATE_DIR of its own", file)
	case errors.As(err, &path), errors.As(err, &system):
		return fmt.Errorf("open %s: %w", file, err)
	}
	return damaged(file, err.Error())
}

func damaged(file, why string) error {
	return fmt.Errorf("open %s: the file is damaged (%s); restore it from a backup, or move it away to start with nothing remembered", file, why)
}
