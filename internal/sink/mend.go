package sink

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
)

// mend makes a file end in a whole line. What follows the last newline was never
// acknowledged, because a line is flushed together with its newline. If it is
// the beginning of a record (or zeros, which a file system may leave after a
// power cut), it is cut off: the record comes again whole. Anything else may be
// somebody's own and is only ended by a newline.
func mend(file *os.File) error {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	from, err := lastLine(file, size)
	if err != nil || from == size {
		return err
	}
	tail, err := io.ReadAll(io.NewSectionReader(file, from, size-from))
	if err != nil {
		return err
	}
	if begun := tail[0] == '{' || tail[0] == 0; begun && !json.Valid(tail) {
		err = file.Truncate(from)
	} else {
		_, err = file.Write([]byte{'\n'})
	}
	if err != nil {
		return err
	}
	return file.Sync()
}

// lastLine is where what follows the last newline begins.
func lastLine(file io.ReaderAt, size int64) (int64, error) {
	block := make([]byte, 64<<10)
	for end := size; end > 0; {
		from := max(end-int64(len(block)), 0)
		b := block[:end-from]
		if _, err := file.ReadAt(b, from); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
			return from + int64(i) + 1, nil
		}
		end = from
	}
	return 0, nil
}
