package state_test

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/state"
)

// A stranger answers in the storage account's place.
type stranger struct {
	status int
	mark   bool // it carries the services' own mark all the same
	body   string
}

func (s stranger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	if s.mark {
		w.Header().Set("x-ms-request-id", "any")
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(s.status)
	_, _ = io.WriteString(w, s.body)
}

func instead(t *testing.T, h http.Handler) *state.Azure {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return openAzure(t, state.AzureOptions{ConnectionString: "AccountName=a;AccountKey=" + secret +
		";BlobEndpoint=" + server.URL + ";QueueEndpoint=" + server.URL + ";TableEndpoint=" + server.URL})
}

const page = "<!DOCTYPE html><html><body>Sign in to go on</body></html>"

// What a stranger says is no state: nothing is found, missing, written or gone by it.
func TestAzureBelievesNobodyElse(t *testing.T) {
	row := collect.Row{Key: collect.Key{Kind: "kind", Partition: "p", Row: "r"}, Version: `W/"1"`}
	writes := []collect.Write{{Op: collect.OpReplace, Row: row}}
	for name, h := range map[string]stranger{
		"200 and nothing":     {status: 200},
		"200 and a page":      {status: 200, body: page},
		"200 and an empty []": {status: 200, body: `{"value":[]}`},
		"201 and nothing":     {status: 201},
		"204":                 {status: 204},
		"404 and nothing":     {status: 404},
		"404 and a page":      {status: 404, body: page},
	} {
		s := instead(t, h)
		for doing, try := range map[string]func() error{
			"get":            func() error { _, err := s.Get(t.Context(), row.Key); return err },
			"list":           func() error { return endOf(s.List(t.Context(), "kind", "p", "")) },
			"partitions":     func() error { return endOf(s.Partitions(t.Context(), "kind", "")) },
			"insert":         func() error { _, err := s.Insert(t.Context(), row); return err },
			"replace":        func() error { _, err := s.Replace(t.Context(), row); return err },
			"delete":         func() error { return s.Delete(t.Context(), row.Key, "") },
			"batch":          func() error { return s.Batch(t.Context(), writes) },
			"payload":        func() error { _, err := s.Payload(t.Context(), "x"); return err },
			"put payload":    func() error { return s.PutPayload(t.Context(), "x", []byte("x")) },
			"delete payload": func() error { return s.DeletePayload(t.Context(), "x") },
			"wake":           func() error { return s.Wake(t.Context(), row.Key, time.Now()) },
			"receive":        func() error { _, err := s.Receive(t.Context(), 1, time.Minute); return err },
			"waiting":        func() error { _, err := s.Waiting(t.Context()); return err },
			"create queue":   func() error { return s.CreateQueue(t.Context()) },
		} {
			err := try()
			if err == nil || errors.Is(err, collect.ErrNotFound) || errors.Is(err, collect.ErrExists) || errors.Is(err, collect.ErrChanged) {
				t.Errorf("%s: %s: %v", name, doing, err)
			} else if !strings.Contains(err.Error(), "before the account answered") && !strings.Contains(err.Error(), "not by the storage account") {
				t.Errorf("%s: %s: says not who answered: %v", name, doing, err)
			}
		}
	}
}

// endOf is the error that a listing ends with.
func endOf[T any](all iter.Seq2[T, error]) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// Not every wrong answer comes from a stranger: a row is that row only by its own keys.
func TestAzureTakesNoOtherRow(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":   "",
		"null":      "null",
		"no keys":   `{"N":1}`,
		"row s":     `{"PartitionKey":"p","RowKey":"s"}`,
		"elsewhere": `{"PartitionKey":"q","RowKey":"r"}`,
	} {
		s := instead(t, stranger{status: 200, mark: true, body: body})
		row, err := s.Get(t.Context(), collect.Key{Kind: "kind", Partition: "p", Row: "r"})
		if err == nil || errors.Is(err, collect.ErrNotFound) {
			t.Errorf("%s: got %v, %v", name, row, err)
		}
	}
}

// The answer to an insert was lost, the next one is refused because the row is there,
// and whose it is cannot be read: then nobody may be told that it is somebody else's.
func TestAzureDoubtThatCannotBeSettled(t *testing.T) {
	for name, look := range map[string]stranger{
		"forbidden":      {status: 403},
		"404 of a proxy": {status: 404, body: page},
		"page":           {status: 200, body: page},
		"empty":          {status: 200, mark: true},
		"another row":    {status: 200, mark: true, body: `{"PartitionKey":"q","RowKey":"r","Nonce":"x"}`},
		"busy":           {status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			var inserts atomic.Int64
			s := instead(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method == http.MethodGet:
					look.ServeHTTP(w, r)
				case inserts.Add(1) == 1:
					panic(http.ErrAbortHandler)
				default:
					w.Header().Set("x-ms-error-code", "EntityAlreadyExists")
					w.WriteHeader(http.StatusConflict)
					fmt.Fprint(w, `{"odata.error":{"code":"EntityAlreadyExists"}}`)
				}
			}))
			_, err := s.Insert(t.Context(), collect.Row{Key: collect.Key{Kind: "kind", Partition: "p", Row: "r"}})
			if err == nil || errors.Is(err, collect.ErrExists) {
				t.Errorf("got %v", err)
			}
		})
	}
}
