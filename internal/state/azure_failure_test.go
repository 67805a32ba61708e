package state_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"azcollector/internal/collect"
	"azcollector/internal/state"
	"azcollector/internal/state/azurite"
	"azcollector/internal/wire"
)

// A breaker stands before Azurite, over TLS, and spoils the writes it is told to.
type breaker struct {
	*httptest.Server
	target string

	mu     sync.Mutex
	spoil  []failure // of the next writes
	meddle func()    // runs once, after the first spoiled write
	done   int       // writes that Azurite acknowledged
}

type failure struct {
	name      string
	persisted bool // the write reaches Azurite
	status    int  // answered instead; 0: the connection breaks
	part      bool // half of the real answer comes first
}

func newBreaker(t *testing.T, target string) *breaker {
	b := &breaker{target: target}
	b.Server = httptest.NewTLSServer(b)
	t.Cleanup(b.Close)
	return b
}

func (b *breaker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	var fail *failure
	isWrite := r.Method != http.MethodGet && r.Method != http.MethodHead &&
		!strings.HasSuffix(r.URL.Path, "/Tables") && r.URL.Query().Get("restype") != "container" ||
		strings.HasSuffix(r.URL.Path, "/messages") // who reads a queue's messages hides them
	b.mu.Lock()
	if isWrite && len(b.spoil) > 0 {
		fail, b.spoil = &b.spoil[0], b.spoil[1:]
	}
	b.mu.Unlock()

	if fail == nil || fail.persisted {
		status, header, answer := b.forward(r, body)
		if isWrite && status < 300 {
			b.mu.Lock()
			b.done++
			b.mu.Unlock()
		}
		if fail == nil || fail.part {
			for name, values := range header {
				w.Header()[name] = values
			}
			w.WriteHeader(status)
			if fail == nil {
				_, _ = w.Write(answer)
				return
			}
			_, _ = w.Write(answer[:len(answer)/2])
			_ = http.NewResponseController(w).Flush()
		}
	}
	if b.meddle != nil {
		b.meddle()
		b.meddle = nil
	}
	if fail.status == 0 {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(fail.status)
}

func (b *breaker) forward(r *http.Request, body []byte) (int, http.Header, []byte) {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, b.target+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	req.Header = r.Header
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return resp.StatusCode, resp.Header, answer
}

// A proxied store goes to Azurite through breakers; direct does not.
type proxied struct {
	tables, blobs, queues *breaker
	through, direct       *state.Azure
}

func behind(t *testing.T) proxied {
	real := connection(t)
	roots := x509.NewCertPool()
	before := func(name string) *breaker {
		_, rest, _ := strings.Cut(real, name+"Endpoint=")
		rest, _, _ = strings.Cut(rest, "/devstoreaccount1")
		b := newBreaker(t, rest)
		roots.AddCert(b.Certificate())
		return b
	}
	p := proxied{tables: before("Table"), blobs: before("Blob"), queues: before("Queue")}
	p.through = openAzure(t, state.AzureOptions{
		ConnectionString: azurite.ConnectionString(p.blobs.URL, p.queues.URL, p.tables.URL),
		HTTP:             wire.Client(wire.Options{Roots: roots}),
	})
	p.direct = openAzure(t, state.AzureOptions{ConnectionString: real})
	return p
}

var failures = []failure{
	{name: "connection breaks, not persisted"},
	{name: "connection breaks, persisted", persisted: true},
	{name: "answer cut, persisted", persisted: true, part: true},
	{name: "503, not persisted", status: 503},
	{name: "503, persisted", persisted: true, status: 503},
	{name: "500, persisted", persisted: true, status: 500},
	{name: "408, persisted", persisted: true, status: 408},
	{name: "429, not persisted", status: 429},
}

func TestAzureWritesSurviveFailure(t *testing.T) {
	p := behind(t)
	for _, op := range []struct {
		name string
		at   *breaker
		run  func(t *testing.T, s, direct collect.Store, kind string)
	}{
		{"insert", p.tables, insertSurvives},
		{"replace", p.tables, replaceSurvives},
		{"delete", p.tables, deleteSurvives},
		{"batch", p.tables, batchSurvives},
		{"batch of deletes", p.tables, deletesSurvive},
		{"payload", p.blobs, payloadSurvives},
	} {
		for _, f := range failures {
			for _, times := range []int{1, 3} {
				t.Run(op.name+"/"+f.name, func(t *testing.T) {
					kind := freshKind()
					// The table and its neighbour are there: what is spoiled is the write itself.
					insert(t, p.direct, collect.Key{Kind: kind, Partition: "n", Row: "neighbour"}, nil)
					op.run(t, &arming{Store: p.through, at: op.at, spoil: slices.Repeat([]failure{f}, times)}, p.direct, kind)
					if left := op.at.disarm(); left > 0 && !f.persisted {
						t.Errorf("%d of %d failures were not met", left, times)
					}
				})
			}
		}
	}
}

// arming arms the breaker just before the one write that is under test.
type arming struct {
	collect.Store
	at    *breaker
	spoil []failure
}

func (a *arming) arm() { a.at.arm(a.spoil) }

func (b *breaker) arm(spoil []failure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spoil, b.done = spoil, 0
}

// disarm returns how many failures were not met.
func (b *breaker) disarm() (left int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	left, b.spoil = len(b.spoil), nil
	return left
}

// acknowledged is how many writes Azurite answered with success since it was armed.
func (b *breaker) acknowledged() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.done
}

// once fails unless Azurite acknowledged exactly one write.
func once(t *testing.T, s collect.Store) {
	t.Helper()
	if n := s.(*arming).at.acknowledged(); n != 1 {
		t.Errorf("the write happened %d times", n)
	}
}

func insertSurvives(t *testing.T, s, direct collect.Store, kind string) {
	row := collect.Row{Key: collect.Key{Kind: kind, Partition: "p", Row: "r"}, Fields: collect.Fields{"N": int64(1)}}
	s.(*arming).arm()
	row.Version = insert(t, s, row.Key, row.Fields)
	once(t, s)
	wantRow(t, direct, row)
	_, err := s.Insert(t.Context(), row)
	want(t, err, collect.ErrExists, "a second insert")
}

func replaceSurvives(t *testing.T, s, direct collect.Store, kind string) {
	row := collect.Row{Key: collect.Key{Kind: kind, Partition: "p", Row: "r"}, Fields: collect.Fields{"N": int64(1)}}
	row.Version = insert(t, direct, row.Key, nil)
	s.(*arming).arm()
	version, err := s.Replace(t.Context(), row)
	want(t, err, nil, "replace")
	once(t, s)
	_, err = s.Replace(t.Context(), row)
	want(t, err, collect.ErrChanged, "a second replace")
	row.Version = version
	wantRow(t, direct, row)
}

func deleteSurvives(t *testing.T, s, direct collect.Store, kind string) {
	key := collect.Key{Kind: kind, Partition: "p", Row: "r"}
	version := insert(t, direct, key, nil)
	s.(*arming).arm()
	want(t, s.Delete(t.Context(), key, version), nil, "delete")
	once(t, s)
	wantGone(t, direct, key)
}

func batchSurvives(t *testing.T, s, direct collect.Store, kind string) {
	old := stock(t, direct, kind, "p")[1:]
	changed := old[0]
	changed.Fields = collect.Fields{"N": int64(100)}
	writes := []collect.Write{
		{Op: collect.OpDelete, Row: old[1]},
		{Op: collect.OpReplace, Row: changed},
		{Op: collect.OpInsert, Row: collect.Row{Key: collect.Key{Kind: kind, Partition: "p", Row: "added"}}},
	}
	s.(*arming).arm()
	want(t, s.Batch(t.Context(), writes), nil, "batch")
	if diff := cmp.Diff([]string{"added", "r0000", "r0001", "r0003"}, list(t, direct, kind, "p", "")); diff != "" {
		t.Error(diff)
	}
	got, err := direct.Get(t.Context(), changed.Key)
	want(t, err, nil, "get")
	if diff := cmp.Diff(changed.Fields, got.Fields); diff != "" {
		t.Error(diff)
	}
	if err := s.Batch(t.Context(), writes); !errors.Is(err, collect.ErrExists) && !errors.Is(err, collect.ErrChanged) {
		t.Errorf("a second batch: %v", err)
	}
}

func deletesSurvive(t *testing.T, s, direct collect.Store, kind string) {
	old := stock(t, direct, kind, "p")
	s.(*arming).arm()
	want(t, s.Batch(t.Context(), []collect.Write{{Op: collect.OpDelete, Row: old[0]}, {Op: collect.OpDelete, Row: old[2]}}), nil, "batch")
	if diff := cmp.Diff([]string{"r0001", "r0003"}, list(t, direct, kind, "p", "")); diff != "" {
		t.Error(diff)
	}
}

func payloadSurvives(t *testing.T, s, direct collect.Store, kind string) {
	body := bytes.Repeat([]byte(kind), 100_000)
	s.(*arming).arm()
	want(t, s.PutPayload(t.Context(), kind, body), nil, "put")
	wantPayload(t, direct, kind, body)
	s.(*arming).arm()
	want(t, s.DeletePayload(t.Context(), kind), nil, "delete")
	_, err := direct.Payload(t.Context(), kind)
	want(t, err, collect.ErrNotFound, "read after")
}

// Between a failed attempt and the next one somebody else may come first.
func TestAzureSomebodyElseWins(t *testing.T) {
	p := behind(t)
	tables, s, direct := p.tables, p.through, p.direct
	for name, c := range map[string]struct {
		try  func(row collect.Row) error
		want error
	}{
		"insert": {func(row collect.Row) error {
			row.Row = "new"
			_, err := s.Insert(t.Context(), row)
			return err
		}, collect.ErrExists},
		"replace": {func(row collect.Row) error { _, err := s.Replace(t.Context(), row); return err }, collect.ErrChanged},
		"batch": {func(row collect.Row) error {
			return s.Batch(t.Context(), []collect.Write{{Op: collect.OpReplace, Row: row}})
		}, collect.ErrChanged},
		"delete": {func(row collect.Row) error { return s.Delete(t.Context(), row.Key, row.Version) }, collect.ErrChanged},
	} {
		t.Run(name, func(t *testing.T) {
			row := collect.Row{Key: collect.Key{Kind: freshKind(), Partition: "p", Row: "r"}, Fields: collect.Fields{"By": "us"}}
			row.Version = insert(t, direct, row.Key, row.Fields)
			theirs := row
			theirs.Fields = collect.Fields{"By": "them"}
			tables.mu.Lock()
			tables.spoil = []failure{{}}
			tables.meddle = func() {
				if _, err := direct.Replace(t.Context(), theirs); err != nil {
					t.Error(err)
				}
				fresh := theirs
				fresh.Row = "new"
				if _, err := direct.Insert(t.Context(), fresh); err != nil {
					t.Error(err)
				}
			}
			tables.mu.Unlock()
			want(t, c.try(row), c.want, name)
			for _, name := range []string{"r", "new"} {
				got, err := direct.Get(t.Context(), collect.Key{Kind: row.Kind, Partition: "p", Row: name})
				want(t, err, nil, "get")
				if diff := cmp.Diff(theirs.Fields, got.Fields); diff != "" {
					t.Errorf("their write of %s was lost: %s", name, diff)
				}
			}
		})
	}
}

func TestAzureGivesUp(t *testing.T) {
	p := behind(t)
	s, direct := p.through, p.direct
	kind := freshKind()
	key := collect.Key{Kind: kind, Partition: "p", Row: "r"}
	insert(t, direct, collect.Key{Kind: kind, Partition: "n", Row: "neighbour"}, nil)
	for _, f := range []failure{{name: "connection breaks"}, {name: "503", status: 503}} {
		for doing, try := range map[string]func() error{
			"insert":  func() error { _, err := s.Insert(t.Context(), collect.Row{Key: key}); return err },
			"delete":  func() error { return s.Delete(t.Context(), key, "") },
			"batch":   func() error { return s.Batch(t.Context(), []collect.Write{{Row: collect.Row{Key: key}}}) },
			"payload": func() error { return s.PutPayload(t.Context(), "x", []byte("x")) },
			"wake":    func() error { return s.Wake(t.Context(), key, time.Now()) },
			"receive": func() error { _, err := s.Receive(t.Context(), 1, time.Minute); return err },
		} {
			all := []*breaker{p.tables, p.blobs, p.queues}
			for _, b := range all {
				b.arm(slices.Repeat([]failure{f}, 4))
			}
			err := try()
			left := 0
			for _, b := range all {
				left += b.disarm()
			}
			fault, ok := errors.AsType[*collect.Fault](err)
			if !ok || fault.Verdict != collect.Temporary {
				t.Errorf("%s, %s: got %v, want a temporary fault", doing, f.name, err)
				continue
			}
			if left != 8 {
				t.Errorf("%s, %s: %d attempts, want 4", doing, f.name, 12-left)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%s, %s: more than a line: %q", doing, f.name, err)
			}
		}
	}
	wantGone(t, direct, key)
}
