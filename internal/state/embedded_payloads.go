package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"azcollector/internal/collect"
)

// PutPayload implements [collect.Store]. Killed before the rename, it leaves an
// unfinished file that the next start removes; killed after it, the payload may
// be there although nobody was told, and a repeated put writes the same bytes.
func (e *Embedded) PutPayload(ctx context.Context, name string, body []byte) error {
	file, err := payloadName(name)
	if err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = writeDurably(e.payloads, file, body)
	}
	if err != nil {
		return fmt.Errorf("write payload: %w", err)
	}
	return nil
}

func writeDurably(dir, file string, body []byte) error {
	f, err := os.CreateTemp(dir, unfinished) // with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, file))
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the next start does, otherwise
		return err
	}
	return syncDir(dir)
}

// Payload implements [collect.Store].
func (e *Embedded) Payload(ctx context.Context, name string) ([]byte, error) {
	file, err := payloadName(name)
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("read payload: %w", err)
	}
	body, err := os.ReadFile(filepath.Join(e.payloads, file)) // #nosec G304 -- payloadName leaves no separator in it
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read payload %s: %w", file, collect.ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("read payload: %w", err)
	}
	return body, nil
}

// DeletePayload implements [collect.Store].
func (e *Embedded) DeletePayload(ctx context.Context, name string) error {
	file, err := payloadName(name)
	if err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = os.Remove(filepath.Join(e.payloads, file))
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("delete payload: %w", err)
	}
	return syncDir(e.payloads)
}

// syncDir makes the names in a directory durable; without it a file that was
// written and renamed can be gone after a power cut.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // it flushes no directory ("Access is denied"); NTFS keeps names in its journal
		return nil
	}
	d, err := os.Open(dir) // #nosec G304 -- STATE_DIR, an administrator's
	if err != nil {
		return fmt.Errorf("make names durable: %w", err)
	}
	err = errors.Join(d.Sync(), d.Close())
	if err != nil {
		return fmt.Errorf("make names durable: %w", err)
	}
	return nil
}

func removeUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), unfinished) {
			// Another process that came too late to make the store removes its own as well.
			if failed := os.Remove(filepath.Join(dir, entry.Name())); !errors.Is(failed, fs.ErrNotExist) {
				err = errors.Join(err, failed)
			}
		}
	}
	return err
}
