package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.etcd.io/bbolt"
)

// createDatabase makes an empty database under another name first. So a file
// under the final name was whole once, and one that is empty or short is damaged
// rather than new.
func createDatabase(dir, file, payloads string) error {
	if err := refuseOrphans(file, payloads); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, unfinished)
	if err != nil {
		return fmt.Errorf("create %s: %w", file, err)
	}
	defer os.Remove(f.Name())
	if err = f.Close(); err == nil {
		err = fill(f.Name())
	}
	if err == nil {
		err = giveName(f.Name(), file)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("create %s: %w", file, err)
	}
	return nil
}

// refuseOrphans finds out that the database is not new but gone: payloads were
// written by one.
func refuseOrphans(file, payloads string) error {
	entries, err := os.ReadDir(payloads)
	if err != nil {
		return fmt.Errorf("create %s: %w", file, err)
	}
	left := 0
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), unfinished) {
			left++
		}
	}
	if left == 0 {
		return nil
	}
	return fmt.Errorf("open %s: the file is missing, and %s holds what it knew of (records that were not delivered, %d files); restore it from a backup, or move %[2]s away to start with nothing remembered",
		file, payloads, left)
}

// fill makes a whole database of an empty file, flushed to disk.
func fill(name string) error {
	db, err := bbolt.Open(name, 0o600, options())
	if err != nil {
		return err
	}
	return db.Close()
}

// giveName gives a file its final name, unless somebody else's has it. Linking, unlike
// renaming, never puts ours in another's place.
func giveName(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	if other := renameAlone(from, to); other != nil {
		return errors.Join(other, err)
	}
	return nil
}

// renameAlone does the same where there are no hard links (FAT, many shares over SMB):
// all who come here hold one lock while they look whether the name is free and take it.
// The lock is bbolt's, on a database that nobody uses, because file locks differ by
// system and it knows them all. If we crash here, the lock goes with us, and the next
// start removes its file; who opened that file before finds the name taken.
func renameAlone(from, to string) error {
	lock, err := bbolt.Open(filepath.Join(filepath.Dir(to), unfinished+"naming"), 0o600, options())
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(from, to)
}
