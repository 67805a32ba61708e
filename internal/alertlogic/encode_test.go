package alertlogic_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"azcollector/internal/alertlogic"
	"azcollector/internal/collect"
	wireformat "azcollector/proto"
)

var update = flag.Bool("update", false, "write the golden files anew")

// samples are records whose bytes do not survive a decoder and an encoder.
func samples() []collect.Record {
	at := time.Date(2026, 11, 22, 10, 20, 30, 987654321, time.FixedZone("", 3600))
	return []collect.Record{
		{Raw: []byte(`{"Id":"a", "RecordType":15,"big":12345678901234567890,"same":1,"same":2}`), Type: []byte("15"), Time: at},
		{Raw: []byte("{\n\t\"Id\": \"b\\u0000\\ud800\"\r\n}"), Time: at.Truncate(time.Second)},
		{Raw: []byte("{\"Id\":\"\xff\xfe\"}"), Type: []byte("1"), Time: time.Date(1969, 1, 1, 0, 0, 0, 5000, time.UTC)},
	}
}

// In the bubble's first instant, 2000-01-01, so that its bytes are always the same.
func samplePost(t *testing.T) (p post) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		b := mustIngest(t, s.inProcess(), alertlogic.IngestOptions{}).NewBatch()
		for _, r := range samples() {
			if !b.Add(r) {
				t.Fatal("not added")
			}
		}
		if err := b.Send(t.Context()); err != nil {
			t.Fatal(err)
		}
		p = s.posts[0]
	})
	return p
}

func TestPostDecodes(t *testing.T) {
	p := samplePost(t)
	metadata := &wireformat.Metadata{
		HostUuid:     proto.String("HOST-1"),
		DataChecksum: []byte{},
		Data: &wireformat.Dict{Elem: []*wireformat.Elem{
			{Key: proto.String("host_type"), Value: &wireformat.Value{Str: proto.String("azure_fun")}},
			{Key: proto.String("local_hostname"), Value: &wireformat.Value{Str: proto.String("collector.test")}},
		}},
	}
	unsigned, err := proto.MarshalOptions{Deterministic: true}.Marshal(metadata)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum(unsigned)
	metadata.DataChecksum = sum[:]
	metadata.Timestamp = proto.Uint64(946684800)
	want := &wireformat.CollectedBatch{SourceId: proto.String("SOURCE-1"), Metadata: metadata}
	stamps := []struct {
		seconds uint64
		micros  uint32
	}{{1795339230, 987654}, {1795339230, 0}, {0, 0}}
	for i, r := range samples() {
		m := &wireformat.CollectedMessage{
			MessageTs: proto.Uint64(stamps[i].seconds), MessageTsUs: proto.Uint32(stamps[i].micros),
			Priority: proto.Uint32(11), ProgName: proto.String("o365webhook"),
			MessageType: proto.String("json/azure.o365"), Message: proto.String(string(r.Raw)),
		}
		if len(r.Type) > 0 {
			m.MessageTypeId = proto.String(string(r.Type))
		}
		want.Message = append(want.Message, m)
	}
	if diff := cmp.Diff(want, p.batch, protocmp.Transform()); diff != "" {
		t.Errorf("batch (-want +got):\n%s", diff)
	}
	// The generated code, given the same, writes the same bytes.
	list, err := proto.MarshalOptions{Deterministic: true}.Marshal(&wireformat.CollectedBatchList{Elem: []*wireformat.CollectedBatch{want}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(list, p.plain); diff != "" {
		t.Errorf("bytes (-want +got):\n%s", diff)
	}
}

func TestPostIsGolden(t *testing.T) {
	const path = "testdata/post.hex"
	got := hex.Dump(samplePost(t).plain)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("post (-golden +got):\n%s", diff)
	}
}

// Any bytes and any type arrive as they are, between two neighbours that stay whole, and
// the generated code, which decoded them, encodes them to the same bytes.
func FuzzRecordArrivesVerbatim(f *testing.F) {
	for _, r := range samples() {
		f.Add(r.Raw, string(r.Type), r.Time.Unix(), int64(r.Time.Nanosecond()))
	}
	f.Add([]byte(strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)), strings.Repeat("7", 400), int64(-62167219200), int64(999_999_999))
	f.Add([]byte{}, "", int64(253402300799), int64(999))
	f.Add([]byte("\x1a\x00\x12\x7f\x0a"), "\xff\x00", int64(-1), int64(-1)) // bytes that look like fields
	f.Add([]byte(`{"Id":"\ud800\u0000","n":1e999999}`), "", int64(1)<<62, int64(1)<<62)
	f.Fuzz(func(t *testing.T, raw []byte, kind string, seconds, nanos int64) {
		s := newService(t)
		b := mustIngest(t, s.inProcess(), alertlogic.IngestOptions{}).NewBatch()
		r := collect.Record{Raw: raw, Type: []byte(kind), Time: time.Unix(seconds, nanos)}
		if !b.Add(record(`{"left":1}`)) || !b.Add(r) || !b.Add(record(`{"right":1}`)) {
			t.Skip("larger than a batch")
		}
		if err := b.Send(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{`{"left":1}`, string(raw), `{"right":1}`}, s.taken()); diff != "" {
			t.Error(diff)
		}
		if string(b.Raw(1)) != string(raw) {
			t.Errorf("Raw: %q, want %q", b.Raw(1), raw)
		}
		again, err := proto.MarshalOptions{Deterministic: true}.Marshal(&wireformat.CollectedBatchList{Elem: []*wireformat.CollectedBatch{s.posts[0].batch}})
		if err != nil || !bytes.Equal(again, s.posts[0].plain) {
			t.Errorf("encoded again (%v) it differs", err)
		}
		m := s.posts[0].batch.Message[1]
		if m.GetMessageTypeId() != kind || (m.MessageTypeId == nil) != (kind == "") || m.GetMessageTsUs() >= 1_000_000 {
			t.Errorf("message %v", m)
		}
	})
}

// proto2 strings are bytes to the generated code too: it is a fit judge of verbatim.
func TestGeneratedCodeTakesInvalidUTF8(t *testing.T) {
	var e wireformat.Elem
	b := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), []byte("\xff"))
	if err := proto.Unmarshal(b, &e); err != nil || e.GetKey() != "\xff" {
		t.Errorf("got %q, %v", e.GetKey(), err)
	}
	if again, err := proto.Marshal(&e); err != nil || string(again) != string(b) {
		t.Errorf("encoded again: %q, %v", again, err)
	}
}

func TestBatch(t *testing.T) {
	sink := mustIngest(t, newService(t).inProcess(), alertlogic.IngestOptions{})
	if sink.Name() != "alertlogic" || sink.Acknowledgement() != "accepted" {
		t.Errorf("%s, %s", sink.Name(), sink.Acknowledgement())
	}
	b := sink.NewBatch()
	raw := []byte(numbered(1, 1200)[0])
	total := 0
	for b.Add(collect.Record{Raw: raw}) {
		total += len(raw)
	}
	if total > 4<<20 || total < 4<<20*9/10 {
		t.Errorf("full at %d bytes, want 4 MiB", total)
	}
	raw[0] = 'X' // the batch has its own copy
	if b.Raw(0)[0] != '{' {
		t.Error("Raw changed with the caller's buffer")
	}
	b.Reset()
	if b.Len() != 0 || b.Send(t.Context()) != nil {
		t.Error("not empty after Reset")
	}
}

func TestNewIngestNamesEverySetting(t *testing.T) {
	_, err := alertlogic.NewIngest(alertlogic.NewClient(alertlogic.Options{}), alertlogic.IngestOptions{
		Stream: "syslog", MaxPayload: 10_000_001, DeflateLevel: 10,
	})
	for _, name := range []string{"APP_AL_INGEST_STREAM", "APP_AL_MAX_PAYLOAD", "DEFLATE_LEVEL"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("does not name %s: %v", name, err)
		}
	}
}

func benchmarkRecords() []collect.Record {
	records := make([]collect.Record, 500)
	for i := range records {
		r := record(numbered(1, 64)[0])
		r.Raw = fmt.Appendf(nil, `{"CreationTime":"2026-11-22T10:20:%02d","Id":"%08x-5717-4562-b3fc-2c963f66afa6","Operation":"FileAccessed","UserId":"user%d@contoso.example","ClientIP":"203.0.113.%d","Pad":"%s"}`,
			i%60, i*2654435761, i%37, i%250, strings.Repeat("SharePoint/Documents/", 48))
		records[i] = r
	}
	return records
}

// The whole way of 500 records of 1.2 KB into a deflated body. allocs/record
// must round to 0: what is left is a handful a post.
func BenchmarkSend500(b *testing.B) {
	records := benchmarkRecords()
	o := (&service{}).discarding()
	batch := mustIngest(b, o, alertlogic.IngestOptions{}).NewBatch()
	b.SetBytes(int64(500 * len(records[0].Raw)))
	b.ReportAllocs()
	for b.Loop() {
		for _, r := range records {
			batch.Add(r)
		}
		if err := batch.Send(b.Context()); err != nil {
			b.Fatal(err)
		}
		batch.Reset()
	}
}

func BenchmarkAdd500(b *testing.B) {
	records := benchmarkRecords()
	batch := mustIngest(b, (&service{}).discarding(), alertlogic.IngestOptions{}).NewBatch()
	b.SetBytes(int64(500 * len(records[0].Raw)))
	b.ReportAllocs()
	for b.Loop() {
		for _, r := range records {
			batch.Add(r)
		}
		batch.Reset()
	}
}

// discarding answers everything without looking.
func (s *service) discarding() alertlogic.Options {
	o := s.inProcess()
	s.lifetime = time.Hour
	o.HTTP = &http.Client{Transport: intercept(func(r *http.Request) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Path, "/ingest/") {
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		}
		return handled{s}.RoundTrip(r)
	})}
	return o
}
