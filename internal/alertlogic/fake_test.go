package alertlogic_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/x509"
	"encoding/json"
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
	"azcollector/internal/collect"
	"azcollector/internal/wire"
	wireformat "azcollector/proto"
)

const (
	keyID   = "key-id-0001"
	secret  = "sEcReT+/0002"
	account = "134232278"
)

// A service is Alert Logic: AIMS, endpoints, azcollect and ingest on one host.
// It fails the test on whatever the real one would choke on.
type service struct {
	t        *testing.T
	mu       sync.Mutex
	host     string // what the endpoints service answers
	tokens   int    // handed out; only the last one is good
	lifetime time.Duration
	lookups  int
	posts    []post
	maxBody  int
	aims     func(http.ResponseWriter, *http.Request) bool // answers instead, if it returns true
	lookup   func(http.ResponseWriter, *http.Request) bool
	ingest   func(http.ResponseWriter, *http.Request, post) bool
	probe    http.HandlerFunc // a GET on ingest's data path; nil: 405
	other    http.HandlerFunc
}

// A post is a body that reached ingest.
type post struct {
	stream string
	size   int // compressed
	plain  []byte
	batch  *wireformat.CollectedBatch
	taken  bool
}

func (p post) raws() []string {
	var raws []string
	for _, m := range p.batch.Message {
		raws = append(raws, m.GetMessage())
	}
	return raws
}

func newService(t *testing.T) *service {
	return &service{t: t, lifetime: 6 * time.Hour, maxBody: 700_000}
}

// overTLS serves it and returns its address and a client that trusts it.
func (s *service) overTLS() alertlogic.Options {
	server := httptest.NewTLSServer(s)
	s.t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	client := wire.Client(wire.Options{Roots: pool})
	s.t.Cleanup(client.CloseIdleConnections)
	api, err := url.Parse(server.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	s.host = api.Host
	return alertlogic.Options{AccessKeyID: keyID, SecretKey: secret, API: api, HTTP: client}
}

// inProcess needs no network, so that it works where time is synthetic.
func (s *service) inProcess() alertlogic.Options {
	s.host = "ingest.test"
	return alertlogic.Options{
		AccessKeyID: keyID, SecretKey: secret,
		API:  &url.URL{Scheme: "https", Host: "api.test"},
		HTTP: &http.Client{Transport: handled{s}},
	}
}

type handled struct{ http.Handler }

func (h handled) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), r.Context().Err()
}

func (s *service) token() string { return fmt.Sprintf("tOkEn-%d", s.tokens) }

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.URL.Path == "/aims/v1/authenticate":
		s.authenticate(w, r)
	case r.Header.Get("X-Aims-Auth-Token") == "":
		s.t.Errorf("%s %s without a token", r.Method, r.URL)
	case r.Header.Get("X-Aims-Auth-Token") != s.token():
		http.Error(w, "bad token "+r.Header.Get("X-Aims-Auth-Token"), http.StatusUnauthorized)
	case strings.HasPrefix(r.URL.Path, "/endpoints/v1/"+account+"/residency/default/services/"):
		s.lookups++
		if s.lookup != nil && s.lookup(w, r) {
			return
		}
		name := strings.Split(r.URL.Path, "/")[7]
		_ = json.NewEncoder(w).Encode(map[string]string{name: s.host})
	case strings.HasPrefix(r.URL.Path, "/ingest/v1/"+account+"/data/") && r.Method == http.MethodGet:
		if s.probe != nil {
			s.probe(w, r)
			return
		}
		w.WriteHeader(http.StatusMethodNotAllowed)
	case strings.HasPrefix(r.URL.Path, "/ingest/v1/"+account+"/data/"):
		s.take(w, r)
	case s.other != nil:
		s.other(w, r)
	default:
		s.t.Errorf("%s %s: nobody asks for that", r.Method, r.URL)
	}
}

func (s *service) authenticate(w http.ResponseWriter, r *http.Request) {
	if s.aims != nil && s.aims(w, r) {
		return
	}
	if id, key, ok := r.BasicAuth(); r.Method != http.MethodPost || !ok || id != keyID || key != secret {
		http.Error(w, "unknown key "+r.Header.Get("Authorization"), http.StatusUnauthorized)
		return
	}
	s.tokens++
	_, _ = fmt.Fprintf(w, `{"authentication":{"token":%q,"token_expiration":%d,"account":{"id":%q}}}`,
		s.token(), time.Now().Add(s.lifetime).Unix(), account)
}

func (s *service) take(w http.ResponseWriter, r *http.Request) {
	p := post{stream: r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]}
	media := map[string]string{"logmsgs": "alertlogic.com/lm3-protobuf", "aicspmsgs": "alertlogic.com/pass-through"}[p.stream]
	for name, want := range map[string]string{"Content-Type": media, "Content-Encoding": "deflate", "X-Invoked-By": "azure_function"} {
		if got := r.Header.Get(name); got != want || r.Method != http.MethodPost {
			s.t.Errorf("%s with %s: %q, want POST with %q", r.Method, name, got, want)
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Errorf("read the posted body: %v", err)
	}
	p.size = len(body)
	p.plain, p.batch = decode(s.t, body)
	if p.size > s.maxBody && len(p.batch.Message) > 1 {
		s.t.Errorf("%d records in a body of %d bytes, over %d", len(p.batch.Message), p.size, s.maxBody)
	}
	if s.ingest == nil || !s.ingest(w, r, p) {
		p.taken = true
		w.WriteHeader(http.StatusCreated)
	}
	s.posts = append(s.posts, p)
}

// decode reads a body with the generated code.
func decode(t *testing.T, body []byte) ([]byte, *wireformat.CollectedBatch) {
	t.Helper()
	zr, err := zlib.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Errorf("inflate: %v", err)
		return nil, &wireformat.CollectedBatch{}
	}
	plain, err := io.ReadAll(zr)
	if err != nil {
		t.Errorf("inflate: %v", err)
	}
	var list wireformat.CollectedBatchList
	if err := proto.Unmarshal(plain, &list); err != nil {
		t.Errorf("decode: %v", err)
	}
	if len(list.Elem) != 1 {
		t.Errorf("%d batches in a list, want 1", len(list.Elem))
		return plain, &wireformat.CollectedBatch{}
	}
	return plain, list.Elem[0]
}

// taken is every record that was acknowledged, in order of arrival.
func (s *service) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var raws []string
	for _, p := range s.posts {
		if p.taken {
			raws = append(raws, p.raws()...)
		}
	}
	return raws
}

func identity(context.Context) (alertlogic.Registration, error) {
	return alertlogic.Registration{HostID: "HOST-1", SourceID: "SOURCE-1"}, nil
}

func mustIngest(t testing.TB, o alertlogic.Options, io alertlogic.IngestOptions) *alertlogic.Ingest {
	t.Helper()
	io.Identity, io.Hostname = identity, "collector.test"
	sink, err := alertlogic.NewIngest(alertlogic.NewClient(o), io)
	if err != nil {
		t.Fatal(err)
	}
	return sink
}

func record(raw string) collect.Record {
	return collect.Record{Raw: []byte(raw), Type: []byte("15"), Time: time.Date(2026, 11, 22, 10, 20, 30, 123456789, time.UTC)}
}

// fill adds records and fails if one does not fit.
func fill(t testing.TB, sink *alertlogic.Ingest, raws ...string) collect.Batch {
	t.Helper()
	b := sink.NewBatch()
	for _, raw := range raws {
		if !b.Add(record(raw)) {
			t.Fatalf("record %d of %d bytes was not added", b.Len(), len(raw))
		}
	}
	return b
}

// states is each record's outcome as a letter: open, delivered, refused.
func states(b collect.Batch) string {
	var s strings.Builder
	for i := range b.Len() {
		s.WriteByte("odr"[b.Outcome(i).State])
	}
	return s.String()
}

func verdict(err error) string {
	if err == nil {
		return "none"
	}
	return collect.VerdictOf(err).String()
}
