package microsoft

import (
	"io"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// unzip undoes the compression that we asked for. net/http would do it by itself, with
// the standard library's decompressor, which takes half as much time again: one of the
// larger parts of what a record costs.
func unzip(resp *http.Response) {
	if resp.Header.Get("Content-Encoding") != "gzip" {
		return
	}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength = -1
	resp.Uncompressed = true
	resp.Body = &unzipped{body: resp.Body}
}

// An unzipped body reads a compressed one. What is wrong with its header shows at the
// first read, as with the rest of it.
type unzipped struct {
	body   io.ReadCloser
	reader *gzip.Reader
	failed error
}

// unzippers keep the memory of decompressors for the next answer.
var unzippers sync.Pool

func (u *unzipped) Read(p []byte) (int, error) {
	if u.failed != nil {
		return 0, u.failed
	}
	if u.reader == nil {
		if u.reader, _ = unzippers.Get().(*gzip.Reader); u.reader == nil {
			u.reader = new(gzip.Reader)
		}
		if u.failed = u.reader.Reset(u.body); u.failed != nil {
			return 0, u.failed
		}
	}
	n, err := u.reader.Read(p)
	u.failed = err
	return n, err
}

func (u *unzipped) Close() error {
	if u.reader != nil {
		unzippers.Put(u.reader)
		u.reader = nil
	}
	u.failed = http.ErrBodyReadAfterClose
	return u.body.Close()
}
