package sim

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
)

// The operations of a storage account that a [Rule] can name, at a [Storage].
const (
	OpTableCreate   = "table-create"
	OpTableRead     = "table-read"  // of one row
	OpTableQuery    = "table-query" // of a page of rows
	OpTableInsert   = "table-insert"
	OpTableWrite    = "table-write" // over a row that is there
	OpTableDelete   = "table-delete"
	OpTableBatch    = "table-batch"
	OpQueueCreate   = "queue-create"
	OpQueueCount    = "queue-count"
	OpQueuePut      = "queue-put"
	OpQueueTake     = "queue-take"
	OpQueueDelete   = "queue-delete"
	OpPayloadCreate = "payload-create" // the container
	OpPayloadPut    = "payload-put"
	OpPayloadGet    = "payload-get"
	OpPayloadDelete = "payload-delete"
)

// StorageOps lists them.
func StorageOps() []string {
	return []string{
		OpTableCreate, OpTableRead, OpTableQuery, OpTableInsert, OpTableWrite, OpTableDelete, OpTableBatch,
		OpQueueCreate, OpQueueCount, OpQueuePut, OpQueueTake, OpQueueDelete,
		OpPayloadCreate, OpPayloadPut, OpPayloadGet, OpPayloadDelete,
	}
}

// A Storage stands before the services of a storage account, an emulator's, and lets
// somebody count or break what goes through it.
type Storage struct {
	// Connection is the connection string that leads through here.
	Connection string

	servers []*http.Server
	serving sync.WaitGroup
	onward  *http.Transport
}

// Storage puts the world's dial before an account. Close ends it.
func (w *World) Storage(connection string) (*Storage, error) { return Before(connection, w.Dial.Wrap) }

// Before puts what wrap makes before an account; op names a request's operation. Close
// ends it.
func Before(connection string, wrap func(op func(*http.Request) string, next http.Handler) http.Handler) (*Storage, error) {
	s := &Storage{Connection: connection, onward: &http.Transport{MaxIdleConnsPerHost: 256}}
	for endpoint, op := range map[string]func(method, path string, query url.Values) string{
		"TableEndpoint": tableOp, "QueueEndpoint": queueOp, "BlobEndpoint": blobOp,
	} {
		to, err := endpointOf(connection, endpoint)
		if err == nil {
			err = s.listen(wrap, endpoint+"=", to, op)
		}
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("stand before the storage account's %s: %w", endpoint, err)
		}
	}
	return s, nil
}

func endpointOf(connection, name string) (*url.URL, error) {
	for part := range strings.SplitSeq(connection, ";") {
		if value, ok := strings.CutPrefix(part, name+"="); ok {
			return url.Parse(value)
		}
	}
	return nil, errors.New("the connection string does not hold it")
}

// listen serves one service, and puts its own address in the place of the service's.
func (s *Storage) listen(wrap func(func(*http.Request) string, http.Handler) http.Handler, endpoint string, to *url.URL, op func(method, path string, query url.Values) string) error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	quiet := log.New(io.Discard, "", 0) // a collector that is killed hangs up
	onward := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host },
		Transport: s.onward, ErrorLog: quiet,
	}
	name := func(r *http.Request) string {
		return op(r.Method, strings.TrimPrefix(r.URL.Path, to.Path), r.URL.Query())
	}
	server := &http.Server{Handler: wrap(name, onward), ErrorLog: quiet}
	s.servers = append(s.servers, server)
	s.serving.Go(func() { _ = server.Serve(l) }) // ends with Close
	s.Connection = strings.Replace(s.Connection, endpoint+to.Scheme+"://"+to.Host, endpoint+"http://"+l.Addr().String(), 1)
	return nil
}

// Close ends it and cuts what is under way.
func (s *Storage) Close() {
	for _, server := range s.servers {
		_ = server.Close()
	}
	s.serving.Wait()
	s.onward.CloseIdleConnections()
}

// tableOp names a request by "Table service REST API".
func tableOp(method, path string, _ url.Values) string {
	switch {
	case path == "/Tables":
		return OpTableCreate
	case path == "/$batch":
		return OpTableBatch
	case method == http.MethodPost:
		return OpTableInsert
	case method == http.MethodDelete:
		return OpTableDelete
	case method != http.MethodGet:
		return OpTableWrite
	case strings.Contains(path, "(PartitionKey="):
		return OpTableRead
	}
	return OpTableQuery
}

// queueOp names a request by "Queue service REST API".
func queueOp(method, path string, _ url.Values) string {
	_, messages, of := strings.Cut(path, "/messages")
	switch {
	case !of && method == http.MethodPut:
		return OpQueueCreate
	case !of:
		return OpQueueCount
	case messages != "":
		return OpQueueDelete
	case method == http.MethodPost:
		return OpQueuePut
	}
	return OpQueueTake
}

// blobOp names a request by "Blob service REST API".
func blobOp(method, _ string, query url.Values) string {
	switch {
	case query.Get("restype") == "container":
		return OpPayloadCreate
	case method == http.MethodPut:
		return OpPayloadPut
	case method == http.MethodDelete:
		return OpPayloadDelete
	}
	return OpPayloadGet
}
