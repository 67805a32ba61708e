package main

import (
	"archive/tar"
	"archive/zip"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// epoch is the time of every file in every archive: the oldest that a zip can hold
// (APPNOTE.TXT 4.4.6, MS-DOS time), since what matters is the content.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// An item is a file on its way into an archive.
type item struct {
	name, source string
	mode         fs.FileMode // 0755 or 0644, whatever the source has
}

// pack writes items in their order to the file out, which must not exist.
func pack(out string, items []item) (err error) {
	f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) // #nosec G302 G304 -- a release, named on the command line: everybody may read it
	if err != nil {
		return fmt.Errorf("make the archive: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	write := packTar
	switch {
	case strings.HasSuffix(out, ".zip"):
		write = packZip
	case !strings.HasSuffix(out, ".tar.gz"):
		return fmt.Errorf("make the archive %s: its name must end in .zip or .tar.gz", out)
	}
	if err := write(f, items); err != nil {
		return fmt.Errorf("make the archive %s: %w", out, err)
	}
	return nil
}

func packZip(out io.Writer, items []item) error {
	w := zip.NewWriter(out)
	w.RegisterCompressor(zip.Deflate, func(to io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(to, flate.BestCompression)
	})
	for _, it := range items {
		h := &zip.FileHeader{Name: it.name, Method: zip.Deflate, Modified: epoch}
		h.SetMode(it.mode)
		to, err := w.CreateHeader(h)
		if err != nil {
			return err
		}
		if err := it.copyTo(to); err != nil {
			return err
		}
	}
	return w.Close()
}

func packTar(out io.Writer, items []item) error {
	compressed, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(compressed)
	for _, it := range items {
		info, err := os.Stat(it.source)
		if err != nil {
			return err
		}
		h := &tar.Header{Name: it.name, Size: info.Size(), Mode: int64(it.mode), ModTime: epoch, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if err := it.copyTo(w); err != nil {
			return err
		}
	}
	return errors.Join(w.Close(), compressed.Close())
}

func (it item) copyTo(to io.Writer) error {
	from, err := os.Open(it.source)
	if err != nil {
		return err
	}
	defer from.Close()
	_, err = io.Copy(to, from)
	return err
}
