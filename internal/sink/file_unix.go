//go:build unix

package sink

import (
	"errors"
	"os"
	"syscall"
)

// lock makes the file ours until it is closed or the process ends, however it
// ends. A file system that knows no locks (some network shares) gives none.
func lock(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return err
	}
	return nil
}

// syncDir makes the names in a directory durable: a flushed file that no name
// leads to after a power cut would be lost.
func syncDir(path string) error {
	dir, err := os.Open(path) // #nosec G304 -- the folder of JSONL_PATH
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err // the others know no such thing: network shares
	}
	return nil
}
