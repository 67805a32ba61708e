package sim_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"azcollector/internal/sim"

	"github.com/google/go-cmp/cmp"
)

func TestAlertLogicAcceptsWhatIsRight(t *testing.T) {
	b := newBench(sim.SecretForbidden)
	p := goodParcel()
	p.copies = 2
	w := serve(b.Ingest(), p.request(b.token(t)))
	b.expectComplaint(t, "")
	if w.Code != http.StatusAccepted {
		t.Fatalf("answered %d %q", w.Code, w.Body)
	}
	m := sim.Message{
		SourceID: "source", HostUUID: "host", JSON: []byte(goodRecord), Type: "json/azure.o365", TypeID: "15",
		Time: time.Date(2026, 11, 21, 22, 10, 3, 123456e3, time.UTC), Priority: 11, ProgName: "o365webhook",
	}
	if diff := cmp.Diff([]sim.Message{m, m}, b.messages); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	post := sim.Post{
		Stream: "logmsgs", Size: len(p.protobuf()), Compressed: len(deflated(p.protobuf())),
		Records: 2, Status: http.StatusAccepted, Time: b.now,
	}
	if diff := cmp.Diff([]sim.Post{post}, b.Posts()); diff != "" {
		t.Errorf("posts (-want +got):\n%s", diff)
	}
}

// The vector was written byte by byte in a shell and summed with sha1sum: a
// host_uuid, an empty checksum and a dict of two strings.
func TestAlertLogicChecksumVector(t *testing.T) {
	const (
		unsummed = "0a04686f7374" + "1200" + "223f" +
			"0a18" + "0a09686f73745f74797065" + "120b1a09617a7572655f66756e" +
			"0a23" + "0a0e6c6f63616c5f686f73746e616d65" + "12111a0f736974652e6578616d706c652e696f"
		sum = "db98c98454a09637f254381a9c1ce5711795e0d5"
	)
	summed := strings.Replace(unsummed, "1200", "1214"+sum+"18fc97c99003", 1) // with a timestamp: it is not summed
	meta, err := hex.DecodeString(summed)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		flip      int // a byte of the metadata to change, from its end
		complaint string
	}{
		"as it is":         {0, ""},
		"another hostname": {1, "data_checksum is " + sum + ", but the metadata sums to"},
	} {
		t.Run(name, func(t *testing.T) {
			b, p := newBench(sim.SecretForbidden), goodParcel()
			sent := bytes.Clone(meta)
			if c.flip > 0 {
				sent[len(sent)-c.flip] ^= 1
			}
			p.meta = nil
			p.batch = pbs{{1, "source"}, {2, string(sent)}}
			serve(b.Ingest(), p.request(b.token(t)))
			b.expectComplaint(t, c.complaint)
		})
	}
}

// noise is a record that does not compress below about n bytes.
func noise(n int) string {
	raw := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(raw)
	return fmt.Sprintf(`{"RecordType":15,"Noise":"%x"}`, raw)
}

func TestAlertLogicComplains(t *testing.T) {
	const accepted, bad, unauthorised = http.StatusAccepted, http.StatusBadRequest, http.StatusUnauthorized
	dict := goodDict()
	nested := pbs{{3, "leaf"}}
	for range 60 {
		nested = pbs{{2, pbs{{1, nested}}}}
	}
	deep := nested
	for range 60 {
		deep = pbs{{2, pbs{{1, deep}}}}
	}
	with := func(value pbs) pbs { return append(slices.Clone(dict), pb{1, pbs{{1, "more"}, {2, value}}}) }
	for name, c := range map[string]struct {
		change    func(*parcel)
		complaint string // "": none
		status    int
	}{
		"nothing":                         {func(*parcel) {}, "", accepted},
		"the older stream":                {func(p *parcel) { older(p) }, "", accepted},
		"no metadata timestamp":           {func(p *parcel) { p.meta = p.meta.without(3) }, "", accepted},
		"no host_uuid":                    {func(p *parcel) { p.meta = p.meta.without(1) }, "", accepted},
		"nested metadata":                 {func(p *parcel) { p.meta = p.meta.with(4, with(pbs{{1, with(nested)}})) }, "", accepted},
		"numbers in metadata":             {func(p *parcel) { p.meta = p.meta.with(4, with(pbs{{5, uint64(7)}})) }, "", accepted},
		"pid and application_id":          {func(p *parcel) { p.message = append(p.message, pb{5, fix64(7)}, pb{10, "app"}) }, "", accepted},
		"no CreationTime":                 {func(p *parcel) { record(p, `{"RecordType":15}`) }, "", accepted},
		"unreadable CreationTime":         {func(p *parcel) { record(p, `{"RecordType":15,"CreationTime":"soon"}`) }, "", accepted},
		"CreationTime with a zone":        {func(p *parcel) { record(p, `{"RecordType":15,"CreationTime":"2026-11-22T00:10:03.123456+02:00"}`) }, "", accepted},
		"RecordType twice":                {func(p *parcel) { record(p, `{"RecordType":15,"RecordType":4}`) }, "", accepted},
		"RecordType below":                {func(p *parcel) { record(p, `{"a":{"RecordType":4},"recordtype":5}`) }, "", accepted},
		"invalid UTF-8 in the record":     {func(p *parcel) { record(p, "{\"RecordType\":15,\"a\":\"\xff\"}") }, "", accepted},
		"a large single record":           {func(p *parcel) { record(p, noise(2000)) }, "", accepted},
		"a large record, older stream":    {func(p *parcel) { older(p); record(p, noise(2000)) }, "of 1 records", http.StatusRequestEntityTooLarge},
		"two large records":               {func(p *parcel) { p.copies = 2; record(p, noise(2000)) }, "of 2 records", http.StatusRequestEntityTooLarge},
		"over ten million":                {func(p *parcel) { p.body = func([]byte) []byte { return make([]byte, 10_000_001) } }, "over 10000000", http.StatusRequestEntityTooLarge},
		"another Content-Type":            {func(p *parcel) { p.header.Set("Content-Type", "application/json") }, "Content-Type", http.StatusUnsupportedMediaType},
		"the other stream's Content-Type": {func(p *parcel) { p.path = "/ingest/v1/2/data/aicspmsgs" }, "Content-Type", http.StatusUnsupportedMediaType},
		"no Content-Encoding":             {func(p *parcel) { p.header.Del("Content-Encoding") }, "Content-Encoding", http.StatusUnsupportedMediaType},
		"gzip":                            {func(p *parcel) { p.header.Set("Content-Encoding", "gzip") }, "Content-Encoding", http.StatusUnsupportedMediaType},
		"no x-invoked-by":                 {func(p *parcel) { p.header.Del("X-Invoked-By") }, "x-invoked-by", accepted},
		"basic auth":                      {func(p *parcel) { p.header.Set("Authorization", "Basic a2V5OnNlY3JldA==") }, "Authorization", unauthorised},
		"another account":                 {func(p *parcel) { p.path = "/ingest/v1/3/data/logmsgs" }, "account", http.StatusForbidden},
		"another stream":                  {func(p *parcel) { p.path = "/ingest/v1/2/data/other" }, "no such resource", http.StatusNotFound},
		"no zlib":                         {func(p *parcel) { p.body = func([]byte) []byte { return []byte("{}") } }, "not zlib", bad},
		"raw deflate":                     {func(p *parcel) { p.body = func(b []byte) []byte { return b[2 : len(b)-4] } }, "not zlib", bad},
		"a cut zlib stream":               {func(p *parcel) { p.body = func(b []byte) []byte { return b[:len(b)-1] } }, "not zlib", bad},
		"a wrong Adler-32":                {func(p *parcel) { p.body = func(b []byte) []byte { b[len(b)-1]++; return b } }, "not zlib", bad},
		"trailing bytes":                  {func(p *parcel) { p.body = func(b []byte) []byte { return append(b, 0) } }, "trailing", bad},
		"an empty list":                   {func(p *parcel) { p.list = func([]byte) []byte { return nil } }, "empty batch", bad},
		"a batch without messages":        {func(p *parcel) { p.copies = 0 }, "empty batch", bad},
		"a full batch and an empty one": {func(p *parcel) {
			p.list = func(b []byte) []byte { e := goodParcel(); e.copies = 0; return append(b, e.protobuf()...) }
		}, "empty batch", bad},
		"cut protobuf":                  {func(p *parcel) { p.list = func(b []byte) []byte { return b[:len(b)-1] } }, "malformed collected_batch_list", bad},
		"an unknown field of the list":  {func(p *parcel) { p.list = func(b []byte) []byte { return append(b, pbs{{2, "x"}}.encode()...) } }, "list has an unknown field 2", bad},
		"an unknown field of the batch": {func(p *parcel) { p.batch = append(p.batch, pb{4, "x"}) }, "batch has an unknown field 4", bad},
		"an unknown field of a message": {func(p *parcel) { p.message = append(p.message, pb{11, "x"}) }, "message has an unknown field 11", bad},
		"an unknown field of metadata":  {func(p *parcel) { p.meta = append(p.meta, pb{5, "x"}) }, "metadata has an unknown field 5", bad},
		"an unknown field of a value":   {func(p *parcel) { p.meta = p.meta.with(4, with(pbs{{6, "x"}})) }, "value has an unknown field 6", bad},
		"a value of nothing":            {func(p *parcel) { p.meta = p.meta.with(4, with(pbs{})) }, "value says 0", bad},
		"a value of two things":         {func(p *parcel) { p.meta = p.meta.with(4, with(pbs{{3, "x"}, {4, uint64(1)}})) }, "value says 2", bad},
		"metadata too deep":             {func(p *parcel) { p.meta = p.meta.with(4, with(deep)) }, "nests deeper", bad},
		"an element without a key":      {func(p *parcel) { p.meta = p.meta.with(4, pbs{{1, pbs{{2, pbs{{3, "x"}}}}}}) }, "elem lacks the required field key", bad},
		"a field twice":                 {func(p *parcel) { p.batch = append(p.batch, pb{1, "y"}) }, "source_id is there twice", bad},
		"message_ts as varint":          {func(p *parcel) { p.message = p.message.with(2, uint64(1)) }, "message_ts has wire type 0", bad},
		"no source_id":                  {func(p *parcel) { p.batch = nil }, "lacks the required field source_id", bad},
		"an empty source_id":            {func(p *parcel) { p.batch = pbs{{1, ""}} }, "source_id is empty", bad},
		"no metadata":                   {func(p *parcel) { p.meta, p.checksum = nil, "none" }, "lacks the required field metadata", bad},
		"no checksum":                   {func(p *parcel) { p.checksum = "none" }, "lacks the required field data_checksum", bad},
		"a wrong checksum":              {func(p *parcel) { p.checksum = "12345678901234567890" }, "data_checksum is 31323334", bad},
		"a checksum with the timestamp": {sumWithTimestamp, "data_checksum is", bad},
		"no message_ts":                 {func(p *parcel) { p.message = p.message.without(2) }, "lacks the required field message_ts", bad},
		"no priority":                   {func(p *parcel) { p.message = p.message.without(3) }, "lacks the required field priority", bad},
		"no message":                    {func(p *parcel) { p.message = p.message.without(6) }, "lacks the required field message", bad},
		"no message_type":               {func(p *parcel) { p.message = p.message.without(7) }, "lacks the required field message_type", bad},
		"a million microseconds":        {func(p *parcel) { p.message = p.message.with(9, uint32(1_000_000)) }, "message_ts_us", bad},
		"no host_type":                  {func(p *parcel) { p.meta = p.meta.with(4, dict[1:]) }, "host_type", accepted},
		"no local_hostname":             {func(p *parcel) { p.meta = p.meta.with(4, dict[:1]) }, "local_hostname", accepted},
		"no data":                       {func(p *parcel) { p.meta = p.meta.without(4) }, "host_type", accepted},
		"another priority":              {func(p *parcel) { p.message = p.message.with(3, uint32(10)) }, "priority is 10", accepted},
		"no prog_name":                  {func(p *parcel) { p.message = p.message.without(4) }, `prog_name is ""`, accepted},
		"another message_type":          {func(p *parcel) { p.message = p.message.with(7, "json/azure.ehub") }, "message_type is", accepted},
		"another message_type_id":       {func(p *parcel) { p.message = p.message.with(8, "4") }, `message_type_id is "4", but RecordType is 15`, accepted},
		"no message_type_id":            {func(p *parcel) { p.message = p.message.without(8) }, `message_type_id is ""`, accepted},
		"no JSON":                       {func(p *parcel) { record(p, `{"RecordType":15`) }, "not valid JSON", accepted},
		"an empty message":              {func(p *parcel) { record(p, "") }, "not valid JSON", accepted},
		"another second":                {func(p *parcel) { p.message = p.message.with(2, goodTime+1) }, "message_ts says", accepted},
		"another microsecond":           {func(p *parcel) { p.message = p.message.with(9, uint32(123457)) }, "message_ts says", accepted},
		"no microseconds":               {func(p *parcel) { p.message = p.message.without(9) }, "message_ts says", accepted},
	} {
		t.Run(name, func(t *testing.T) {
			b, p := newBench(sim.SecretForbidden), goodParcel()
			c.change(p)
			w := serve(b.Ingest(), p.request(b.token(t)))
			b.expectComplaint(t, c.complaint)
			if w.Code != c.status {
				t.Errorf("answered %d %q, want %d", w.Code, w.Body, c.status)
			}
			if got, want := len(b.messages) > 0, c.status == accepted; got != want {
				t.Errorf("delivered %t, want %t", got, want)
			}
		})
	}
}

func older(p *parcel) {
	p.path = "/ingest/v1/2/data/aicspmsgs"
	p.header.Set("Content-Type", "alertlogic.com/pass-through")
}

func record(p *parcel, json string) { p.message = p.message.with(6, json) }

func sumWithTimestamp(p *parcel) {
	sum := sha1.Sum(p.meta.withSecond("").encode())
	p.checksum = string(sum[:])
}

func TestAlertLogicPoison(t *testing.T) {
	b, p := newBench(sim.SecretForbidden), goodParcel()
	b.RejectIf(func(m sim.Message) string {
		if m.TypeID == "15" {
			return "cannot take type 15"
		}
		return ""
	})
	token := b.token(t)
	if w := serve(b.Ingest(), p.request(token)); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "cannot take type 15") {
		t.Errorf("poison: answered %d %q", w.Code, w.Body)
	}
	b.RejectIf(nil)
	if w := serve(b.Ingest(), p.request(token)); w.Code != http.StatusAccepted {
		t.Errorf("no poison: answered %d %q", w.Code, w.Body)
	}
	b.expectComplaint(t, "")
	if posts := b.Posts(); len(b.messages) != 1 || len(posts) != 2 || posts[0].Status != http.StatusBadRequest {
		t.Errorf("%d messages, posts %+v", len(b.messages), posts)
	}
}

func TestInflateBoundsBombs(t *testing.T) {
	bomb := deflated(make([]byte, 1001))
	if _, err := sim.Inflate(bomb, 1000); err == nil || !strings.Contains(err.Error(), "beyond 1000") {
		t.Errorf("a bomb of 1001 bytes: %v", err)
	}
	if b, err := sim.Inflate(bomb, 1001); err != nil || len(b) != 1001 {
		t.Errorf("1001 bytes where 1001 are allowed: %d, %v", len(b), err)
	}
}
