package content_test

import (
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"azcollector/internal/alertlogic"
	"azcollector/internal/wire"
	wireformat "azcollector/proto"
)

// A weather is how the destination does.
type weather int

const (
	fine        weather = iota
	unavailable         // every service answers 503
	unreachable         // nobody answers
)

// A destination is Alert Logic, answering requests without a network, so that it
// works where time is synthetic.
type destination struct {
	t *testing.T

	mu    sync.Mutex
	now   weather
	asked int            // requests, whatever they came to
	taken map[string]int // copies of each record
	last  time.Time      // when it took something for the last time
}

func newDestination(t *testing.T) *destination {
	return &destination{t: t, taken: map[string]int{}}
}

// sink is the door to it.
func (d *destination) sink() *alertlogic.Ingest {
	client := wire.Client(wire.Options{})
	client.Transport = d
	s, err := alertlogic.NewIngest(alertlogic.NewClient(alertlogic.Options{
		AccessKeyID: "id", SecretKey: "secret", HTTP: client,
		API:    &url.URL{Scheme: "https", Host: "api.test"},
		Ingest: &url.URL{Scheme: "https", Host: "ingest.test"},
	}), alertlogic.IngestOptions{
		Hostname: "collector.test", DeflateLevel: 1,
		Identity: func(context.Context) (alertlogic.Registration, error) {
			return alertlogic.Registration{HostID: "host", SourceID: "source"}, nil
		},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

func (d *destination) becomes(w weather) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = w
}

func (d *destination) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	w := httptest.NewRecorder()
	switch d.now {
	case unreachable:
		return nil, errors.New("dial tcp 192.0.2.1:443: connect: connection refused")
	case unavailable:
		http.Error(w, "no capacity", http.StatusServiceUnavailable)
	default:
		d.answer(w, r, body)
	}
	return w.Result(), r.Context().Err()
}

func (d *destination) answer(w http.ResponseWriter, r *http.Request, body []byte) {
	switch r.URL.Path {
	case "/aims/v1/authenticate": // a token that is renewed every 20 minutes
		_, _ = fmt.Fprintf(w, `{"authentication":{"token":"t","token_expiration":%d,"account":{"id":"1"}}}`, time.Now().Add(30*time.Minute).Unix())
	case "/ingest/v1/1/data/logmsgs":
		for _, record := range d.decode(body) {
			d.taken[record]++
		}
		d.last = time.Now()
		w.WriteHeader(http.StatusCreated)
	default:
		d.t.Errorf("%s %s: nobody asks for that", r.Method, r.URL)
	}
}

func (d *destination) decode(body []byte) (records []string) {
	zr, err := zlib.NewReader(strings.NewReader(string(body)))
	if err != nil {
		d.t.Errorf("inflate: %v", err)
		return nil
	}
	plain, err := io.ReadAll(zr)
	if err != nil {
		d.t.Errorf("inflate: %v", err)
	}
	var list wireformat.CollectedBatchList
	if err := proto.Unmarshal(plain, &list); err != nil {
		d.t.Errorf("decode: %v", err)
	}
	for _, batch := range list.Elem {
		for _, m := range batch.Message {
			records = append(records, m.GetMessage())
		}
	}
	return records
}
