package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"azcollector/internal/collect"
)

// A JSONL appends records to a file, one a line.
//
// A record's bytes are verbatim with one exception: a raw CR or LF inside it,
// which JSON allows between tokens only, becomes a space, or a record would be
// two lines. A file belongs to one process; batches of many goroutines never
// interleave. To rotate it, copy and truncate: a file that is renamed goes on
// being written to under its new name until the next start.
type JSONL struct {
	file    *os.File
	durable bool // a regular file: flushed to the disk before it counts
	ours    bool // a regular file that nobody else writes to: it may be cut back
	turn    chan struct{}
	torn    int64 // where the whole lines end, if a write broke off; -1: nothing is torn
}

var _ collect.Sink = (*JSONL)(nil)

// OpenJSONL opens or creates the file and mends what a crash left of a last
// line. "-" is the standard output; if that is a regular file, it is flushed as
// well, but never cut back, since others may write to it.
func OpenJSONL(path string) (*JSONL, error) {
	if path == "-" {
		return newJSONL(os.Stdout, false)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o640) // #nosec G302 G304 -- JSONL_PATH; a forwarder of the group reads it
	if err != nil {
		return nil, fmt.Errorf("open JSONL_PATH: %w", err)
	}
	j, err := newJSONL(file, true)
	if err == nil && j.ours {
		err = j.adopt(path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open JSONL_PATH %s: %w", path, err), file.Close())
	}
	return j, nil
}

func newJSONL(file *os.File, ours bool) (*JSONL, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	regular := info.Mode().IsRegular()
	return &JSONL{file: file, durable: regular, ours: ours && regular, turn: make(chan struct{}, 1), torn: -1}, nil
}

// adopt makes the file ours alone, its name durable and its last line whole.
func (j *JSONL) adopt(path string) error {
	if err := lock(j.file); err != nil {
		return fmt.Errorf("lock it (is another collector writing to it?): %w", err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("flush its directory: %w", err)
	}
	if err := mend(j.file); err != nil {
		return fmt.Errorf("mend its last line: %w", err)
	}
	return nil
}

// Name is the value of SINK that chooses this sink.
func (j *JSONL) Name() string { return "jsonl" }

// Acknowledgement is "flushed" for a regular file, and "sent" for anything else:
// what became of a line in a pipe is not known.
func (j *JSONL) Acknowledgement() string {
	if j.durable {
		return "flushed"
	}
	return "sent"
}

// NewBatch returns an empty batch.
func (j *JSONL) NewBatch() collect.Batch { return &batch{sink: j} }

// Close closes the file. Nothing is held back in memory.
func (j *JSONL) Close() error {
	j.turn <- struct{}{}
	defer func() { <-j.turn }()
	if err := j.file.Close(); err != nil {
		return fmt.Errorf("close JSONL_PATH: %w", err)
	}
	return nil
}

// append writes whole lines and returns once they are durable. If it returns an
// error, none of them counts: they are cut off at once or, if even that cannot
// be done, before the next write or at the next start.
func (j *JSONL) append(ctx context.Context, lines []byte) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case j.turn <- struct{}{}:
	}
	defer func() { <-j.turn }()
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if err := j.repair(); err != nil {
		return fmt.Errorf("repair JSONL_PATH after a broken write: %w", err)
	}
	end, err := j.end()
	if err != nil {
		return fmt.Errorf("write to JSONL_PATH: %w", err)
	}
	n, err := j.write(lines)
	if err == nil {
		return nil
	}
	if whole := n == 0 || n == len(lines); j.ours || !whole {
		j.torn = end
	}
	return errors.Join(fmt.Errorf("write to JSONL_PATH: %w", err), j.repair())
}

func (j *JSONL) write(lines []byte) (int, error) {
	n, err := j.file.Write(lines)
	if err == nil && j.durable {
		err = j.file.Sync()
	}
	return n, err
}

// end is where the next line begins. It is asked for each time, because the file
// may have been copied and truncated meanwhile.
func (j *JSONL) end() (int64, error) {
	if !j.ours {
		return 0, nil
	}
	return j.file.Seek(0, io.SeekEnd)
}

// repair removes what a broken write left behind. In a file that is not ours
// alone the torn line is ended instead.
func (j *JSONL) repair() error {
	if j.torn < 0 {
		return nil
	}
	if !j.ours {
		if _, err := j.file.Write([]byte{'\n'}); err != nil {
			return err
		}
		j.torn = -1
		return nil
	}
	end, err := j.end()
	if err != nil {
		return err
	}
	if end > j.torn {
		if err := j.file.Truncate(j.torn); err != nil {
			return err
		}
	}
	j.torn = -1
	return nil
}
