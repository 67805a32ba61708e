package sim_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"azcollector/internal/sim"

	"google.golang.org/protobuf/encoding/protowire"
)

// A pb is one protobuf field: a uint64 is a varint, a uint32 fixed32, an fix64
// fixed64, a string or pbs bytes.
type pb struct {
	num protowire.Number
	val any
}

type fix64 uint64

type pbs []pb

func (fields pbs) encode() []byte {
	var b []byte
	for _, f := range fields {
		switch v := f.val.(type) {
		case uint64:
			b = protowire.AppendVarint(protowire.AppendTag(b, f.num, protowire.VarintType), v)
		case uint32:
			b = protowire.AppendFixed32(protowire.AppendTag(b, f.num, protowire.Fixed32Type), v)
		case fix64:
			b = protowire.AppendFixed64(protowire.AppendTag(b, f.num, protowire.Fixed64Type), uint64(v))
		case string:
			b = protowire.AppendString(protowire.AppendTag(b, f.num, protowire.BytesType), v)
		case pbs:
			b = protowire.AppendBytes(protowire.AppendTag(b, f.num, protowire.BytesType), v.encode())
		default:
			panic("no such protobuf value")
		}
	}
	return b
}

func (fields pbs) without(num protowire.Number) pbs {
	return slices.DeleteFunc(slices.Clone(fields), func(f pb) bool { return f.num == num })
}

func (fields pbs) with(num protowire.Number, val any) pbs {
	return append(fields.without(num), pb{num, val})
}

const goodRecord = `{"CreationTime":"2026-11-21T22:10:03.123456789","Id":"1","RecordType":15,"Operation":"UserLoggedIn"}`

// goodTime is goodRecord's CreationTime in seconds: date -u -d 2026-11-21T22:10:03 +%s.
const goodTime = fix64(1795299003)

// A parcel is a POST to ingest, correct until a test changes something.
type parcel struct {
	path     string
	header   http.Header
	batch    pbs
	meta     pbs
	message  pbs
	copies   int
	checksum string              // replaces the right one
	list     func([]byte) []byte // changes the protobuf
	body     func([]byte) []byte // changes what is sent
}

func goodDict() pbs {
	return pbs{
		{1, pbs{{1, "host_type"}, {2, pbs{{3, "azure_fun"}}}}},
		{1, pbs{{1, "local_hostname"}, {2, pbs{{3, "site.example.io"}}}}},
	}
}

func goodParcel() *parcel {
	return &parcel{
		path: "/ingest/v1/2/data/logmsgs",
		header: http.Header{
			"Content-Type":     {"alertlogic.com/lm3-protobuf"},
			"Content-Encoding": {"deflate"},
			"X-Invoked-By":     {"azure_function"},
		},
		batch: pbs{{1, "source"}},
		meta:  pbs{{1, "host"}, {3, uint64(1795299004)}, {4, goodDict()}},
		message: pbs{
			{1, "site.example.io"}, {2, goodTime}, {3, uint32(11)}, {4, "o365webhook"}, {6, goodRecord},
			{7, "json/azure.o365"}, {8, "15"}, {9, uint32(123456)},
		},
		copies: 1,
	}
}

func (p *parcel) protobuf() []byte {
	meta := p.meta
	if p.checksum != "none" {
		sum := sha1.Sum(meta.without(3).withSecond("").encode())
		meta = meta.withSecond(string(sum[:]))
	}
	if p.checksum != "" && p.checksum != "none" {
		meta = meta.withSecond(p.checksum)
	}
	batch := slices.Clone(p.batch)
	if meta != nil {
		batch = append(batch, pb{2, meta})
	}
	for range p.copies {
		batch = append(batch, pb{3, p.message})
	}
	b := pbs{{1, batch}}.encode()
	if p.list != nil {
		b = p.list(b)
	}
	return b
}

// withSecond puts the checksum where encoders put it: after field 1.
func (fields pbs) withSecond(sum string) pbs {
	if fields == nil {
		return nil
	}
	rest := fields.without(2)
	at := slices.IndexFunc(rest, func(f pb) bool { return f.num > 2 })
	if at < 0 {
		at = len(rest)
	}
	return slices.Insert(rest, at, pb{2, sum})
}

func deflated(b []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write(b) // a bytes.Buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

func (p *parcel) request(token string) *http.Request {
	body := deflated(p.protobuf())
	if p.body != nil {
		body = p.body(body)
	}
	r := httptest.NewRequest(http.MethodPost, p.path, bytes.NewReader(body))
	r.Header = p.header.Clone()
	if token != "" {
		r.Header.Set("x-aims-auth-token", token)
	}
	return r
}

// An alBench is a simulator on the bench, with what it said.
type alBench struct {
	*sim.AlertLogic
	mu         sync.Mutex
	complaints []string
	messages   []sim.Message
	now        time.Time
}

func newBench(mode sim.RegistrationMode) *alBench {
	b := &alBench{now: time.Date(2026, 11, 21, 22, 0, 0, 500e6, time.UTC)}
	b.AlertLogic = sim.NewAlertLogic(sim.AlertLogicOptions{
		AccessKeyID: "key", SecretKey: "secret", Account: "2",
		IngestHost:    func() string { return "127.0.0.1:1" },
		AzcollectHost: func() string { return "127.0.0.1:2" },
		MaxPayload:    1000, TokenLife: time.Minute, RegistrationMode: mode,
		Now:       func() time.Time { return b.now },
		OnMessage: func(m sim.Message) { b.messages = append(b.messages, m) },
		Complain: func(s string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.complaints = append(b.complaints, s)
		},
	})
	return b
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func (b *alBench) token(t testing.TB) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/aims/v1/authenticate", nil)
	r.SetBasicAuth("key", "secret")
	w := serve(b.API(), r)
	var answer struct {
		Authentication struct {
			Token   string `json:"token"`
			Expires int64  `json:"token_expiration"`
			Account struct{ ID string }
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("authenticate: %d %q: %v", w.Code, w.Body, err)
	}
	if a := answer.Authentication; a.Token == "" || a.Account.ID != "2" || a.Expires != b.now.Unix()+60 {
		t.Fatalf("authenticate: %+v", a)
	}
	return answer.Authentication.Token
}

// expectComplaint wants exactly one complaint that holds the text, or none for "".
func (b *alBench) expectComplaint(t *testing.T, text string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case text == "" && len(b.complaints) > 0:
		t.Errorf("complained: %q", b.complaints)
	case text != "" && (len(b.complaints) != 1 || !strings.Contains(b.complaints[0], text)):
		t.Errorf("complaints are %q, want one with %q", b.complaints, text)
	}
}
