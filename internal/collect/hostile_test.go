package collect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

// A hostile is a body that nobody should send, and what must become of it: each of its
// bytes but white space, commas and brackets between records is delivered verbatim or
// kept in a dead letter that says why.
type hostile struct {
	name, body string
	delivered  int
	reasons    []string // of the dead letters, in order; none: the body is taken at once
}

func hostiles() []hostile {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	good := rec("good", 10, "")
	return []hostile{
		{"escaped NUL", `[{"Id":"a\u0000b","More":"\u0000"}]`, 1, nil},
		{"raw NUL in a string", "[{\"Id\":\"a\x00b\"}," + good + "]", 1, []string{"record is no valid JSON"}},
		{"raw control characters", "[{\"Id\":\"a\n\"},{\"Id\":\"\x1b[2J\"}," + good + "]", 1, []string{"record is no valid JSON", "record is no valid JSON"}},
		{"a DEL passes", "[{\"Id\":\"a\x7f\"}]", 1, nil},
		{"lone surrogates", `[{"Id":"\ud800","B":"\udc00\ud800"},{"Id":"\ud801"}]`, 2, nil},
		{"invalid UTF-8", "[{\"Id\":\"\xff\xfe\xc0\x80\xed\xa0\x80\"}]", 1, nil},
		{"half an escape", `[{"Id":"\u12"},` + good + `]`, 1, []string{"record is no valid JSON"}},
		{"10 MB in one string", `[{"Id":"long","S":"` + strings.Repeat("x", 10_000_000) + `"}]`, 1, nil},
		{"10 MB in an Id", `[{"Id":"` + strings.Repeat("\\u0041", 10_000_000/6) + `"}]`, 1, nil},
		{"numbers of any size", `[{"a":1e999999,"b":-1e-999999,"c":` + strings.Repeat("9", 400) + `,"RecordType":` + strings.Repeat("1", 400) + `}]`, 1, nil},
		{"numbers that are none", `[{"a":01},{"a":+1},{"a":.5},{"a":NaN},{"a":0x1},` + good + `]`, 1, []string{"valid JSON", "valid JSON", "valid JSON", "valid JSON", "valid JSON"}},
		{"10,000 levels", "[" + deep(10_000) + "]", 1, nil},
		{"10,001 levels", "[" + deep(10_001) + "," + good + "]", 1, []string{"record is nested more than 10,000 deep"}},
		{"a million levels, unclosed", "[" + strings.Repeat("[", 1_000_000), 0, []string{"body holds a record that is nested more than 10,000 deep"}},
		{"repeated members", `[{"Id":"a","Id":"b","Id":"a","CreationTime":"x","CreationTime":1}]`, 1, nil},
		{"empty objects", `[{},{},{}]`, 3, nil},
		{"elements that are no objects", `[null,1,"x",true,[],[{}],-0.0]`, 7, nil},
		{"an object", `{"value":[` + good + `]}`, 0, []string{"body is no JSON array"}},
		{"a string", `"[{}]"`, 0, []string{"body is no JSON array"}},
		{"null", `null`, 0, []string{"body is no JSON array"}},
		{"nothing", ``, 0, []string{"body is no JSON array"}},
		{"white space only", " \r\n\t", 0, []string{"body is no JSON array"}},
		{"NULs only", strings.Repeat("\x00", 4096), 0, []string{"body is no JSON array"}},
		{"concatenated arrays", "[" + good + "][" + good + "]", 1, []string{"body goes on behind its array"}},
		{"concatenated objects", good + good, 0, []string{"body is no JSON array"}},
		{"lines of JSON", good + "\n" + good + "\n", 0, []string{"body is no JSON array"}},
		{"byte order mark", "\ufeff[" + good + "]", 1, nil},
		{"two byte order marks", "\ufeff\ufeff[" + good + "]", 0, []string{"body is no JSON array"}},
		{"UTF-16", "\xff\xfe[\x00]\x00", 0, []string{"body is no JSON array"}},
		{"trailing NUL", "[" + good + "]\x00", 1, []string{"body goes on behind its array"}},
		{"trailing comma", "[" + good + ",]", 1, []string{"body holds a record that is no valid JSON"}},
		{"commas only", "[,,,]", 0, []string{"body holds a record that is no valid JSON"}},
		{"comment", "[/*x*/" + good + "]", 0, []string{"record is no valid JSON"}},
		{"single quotes", "[{'Id':'a'}," + good + "]", 1, []string{"record is no valid JSON"}},
		{"a bracket in single quotes", "[{'Id':'a]'}," + good + "]", 0, []string{"record is no valid JSON", "body has neither comma nor bracket behind a record"}},
		{"an unclosed quote", `[` + good + `,{"Id":"a},` + good + `]`, 1, []string{"body "}},
		{"closed by the other bracket", `[` + good + `}`, 1, []string{"body has neither comma nor bracket behind a record"}},
		{"a gzip stream inside", "\x1f\x8b\x08\x00", 0, []string{"body is no JSON array"}},
	}
}

// Each hostile body through the whole of a collector: what is whole is delivered at the
// first attempt, what is not is asked for again for an hour at least, and then kept.
func TestHostileBodiesAreDeliveredOrKept(t *testing.T) {
	for _, h := range hostiles() {
		t.Run(h.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlant(t, func(_ context.Context, _ collect.Content, salvage bool) iter.Seq2[collect.Record, error] {
					return collect.SplitRecords(strings.NewReader(h.body), created, salvage)
				})
				stop := p.run(t, time.Minute)
				began, c := time.Now(), fresh("hostile")
				<-p.Submit(t.Context(), announce(t, p.Ledger, c))
				if len(h.reasons) > 0 {
					first := get(t, p.store, c)
					if first.State != collect.Pending || !strings.Contains(first.LastError, "body ") || len(deadLetters(t, p.store)) > 0 {
						t.Errorf("after the first attempt: %s, %q, %d dead letters", first.State, first.LastError, len(deadLetters(t, p.store)))
					}
					time.Sleep(4 * time.Hour)
				}
				stop()
				row := get(t, p.store, c)
				if late := row.Finished.Sub(began); len(h.reasons) > 0 && (late < time.Hour || row.Attempts < 6) || len(h.reasons) == 0 && row.Attempts != 1 {
					t.Errorf("%s after %s and %d attempts", row.State, late, row.Attempts)
				}
				wantEnd(t, p, row, h)
			})
		})
	}
}

// wantEnd fails unless the content ended as the case says, with every byte accounted for.
func wantEnd(t *testing.T, p *plant, row collect.Content, h hostile) {
	t.Helper()
	state := collect.Done
	if h.delivered == 0 {
		state = collect.Dead
	}
	if row.State != state || row.Records() < int64(h.delivered+len(h.reasons)) {
		t.Errorf("ended as %s with %+v", row.State, row.Tally)
	}
	letters := deadLetters(t, p.store)
	if len(letters) != len(h.reasons) {
		t.Fatalf("%d dead letters, want %d: %+v", len(letters), len(h.reasons), letters)
	}
	pieces := make([][]byte, h.delivered+len(letters))
	rest := false
	for i, letter := range letters {
		raw, err := p.store.Payload(t.Context(), letter.Payload)
		if err != nil || !strings.Contains(letter.Reason, h.reasons[i]) || letter.Replayable {
			t.Errorf("dead letter %+v, %v; want the reason %q", letter, err, h.reasons[i])
		}
		pieces[letter.Ordinal] = append([]byte{}, raw...)
		rest = rest || strings.HasPrefix(letter.Reason, "body ")
	}
	taken := p.sink.got()
	if len(taken) != h.delivered {
		t.Fatalf("%d records delivered, want %d", len(taken), h.delivered)
	}
	for i := range pieces {
		if pieces[i] == nil {
			pieces[i], taken = []byte(taken[0]), taken[1:]
		}
	}
	if err := rejoin([]byte(h.body), pieces, rest); err != nil {
		t.Error(err)
	}
}

// rejoin says why the pieces are not all of a body: between them may stand what separates
// the elements of an array, and nothing else. With rest the last piece is the body's end.
func rejoin(body []byte, pieces [][]byte, rest bool) error {
	left, last := bytes.TrimPrefix(body, []byte("\ufeff")), []byte(nil)
	if rest {
		last, pieces = pieces[len(pieces)-1], pieces[:len(pieces)-1]
	}
	skip := func(mark string) bool {
		left = bytes.TrimLeft(left, " \t\r\n")
		trimmed, found := bytes.CutPrefix(left, []byte(mark))
		left = bytes.TrimLeft(trimmed, " \t\r\n")
		return found
	}
	for i, piece := range pieces {
		if mark := []string{"[", ","}[min(i, 1)]; !skip(mark) {
			return fmt.Errorf("no %s before piece %d, but %.40q", mark, i, left)
		}
		var found bool
		if left, found = bytes.CutPrefix(left, piece); !found {
			return fmt.Errorf("piece %d is %.40q, the body goes on with %.40q", i, piece, left)
		}
	}
	if rest {
		between, found := bytes.CutSuffix(left, last)
		switch string(bytes.Join(bytes.Fields(between), nil)) {
		case "", "[", ",", "]", "[]":
			if found {
				return nil
			}
		}
		return fmt.Errorf("the rest is %.40q, the body ends with %.40q", last, left)
	}
	if len(pieces) == 0 && !skip("[") || !skip("]") || len(left) > 0 {
		return fmt.Errorf("behind the last piece stands %.40q", left)
	}
	return nil
}

// One content at a time may hold a large record: another one fails for the moment, and
// small ones pass.
func TestLargeRecordsAreHeldOneAtATime(t *testing.T) {
	body := `[{"Id":"large","S":"` + strings.Repeat("x", 9<<20) + `"}]`
	next, stop := iter.Pull2(collect.SplitRecords(strings.NewReader(body), created, false))
	defer stop()
	if _, err, ok := next(); err != nil || !ok {
		t.Fatal(err)
	}
	for _, salvage := range []bool{false, true} {
		got, err := split(strings.NewReader(`[{},`+body[1:]), salvage)
		if collect.VerdictOf(err) != collect.Temporary || err == nil || len(got) != 1 || !strings.Contains(err.Error(), "another content's") {
			t.Errorf("salvage %v: %d records, %v", salvage, len(got), err)
		}
	}
	if got, err := split(strings.NewReader("["+strings.Join(recs("s", 20_000), ",")+"]"), false); err != nil || len(got) != 20_000 {
		t.Errorf("small ones: %d, %v", len(got), err)
	}
	stop()
	if got, err := split(strings.NewReader(body), false); err != nil || len(got) != 1 {
		t.Errorf("afterwards: %d records, %v", len(got), err)
	}
}

// Who waits for that memory is not blamed on the source, comes back within seconds, however
// often it was tried, and is delivered once the memory is free.
func TestAContentThatWaitsForMemoryStaysNear(t *testing.T) {
	body := `[{"Id":"large","S":"` + strings.Repeat("x", 9<<20) + `"}]`
	synctest.Test(t, func(t *testing.T) {
		next, release := iter.Pull2(collect.SplitRecords(strings.NewReader(body), created, false))
		defer release()
		_, _, _ = next()
		p := newPlant(t, func(_ context.Context, _ collect.Content, salvage bool) iter.Seq2[collect.Record, error] {
			return collect.SplitRecords(strings.NewReader(body), created, salvage)
		})
		stop := p.run(t, time.Second)
		c := fresh("waits")
		<-p.Submit(t.Context(), announce(t, p.Ledger, c))
		time.Sleep(2 * time.Minute)
		if row := get(t, p.store, c); row.State != collect.Pending || row.Theirs || row.Broken > 0 || row.Attempts < 20 {
			t.Errorf("while another one is in memory: %+v", row)
		}
		release()
		time.Sleep(10 * time.Second)
		stop()
		if row := get(t, p.store, c); row.State != collect.Done || row.Delivered != 1 {
			t.Errorf("afterwards: %+v", row)
		}
	})
}

// A large record is sent before the next one is read: its copy in the batch must not
// outlive what its reader may hold.
func TestALargeRecordIsSentAtOnce(t *testing.T) {
	s, to := open(t), &sink{t: t}
	raws := []string{rec("a", 10, ""), rec("large", 10, strings.Repeat("x", 5<<20)), rec("c", 10, "")}
	seen := 0
	records := func(yield func(collect.Record, error) bool) {
		for r, err := range read(raws...) {
			if sent := len(to.got()); seen == 2 && sent != 2 {
				t.Errorf("behind the large record %d are sent", sent)
			}
			seen++
			if !yield(r, err) {
				return
			}
		}
	}
	if _, err := delivery(to, s).Deliver(t.Context(), parcel("1"), records); err != nil || seen != 3 {
		t.Fatal(seen, err)
	}
	same(t, to.got(), raws...)
}

// Whatever a body holds: what is yielded rejoins to its bytes, records are valid JSON, a
// valid array is taken whole, and it does not matter in what portions it arrives.
func judgeSplit(t *testing.T, body []byte) {
	t.Helper()
	for _, salvage := range []bool{false, true} {
		whole, bit := splitAll(t, body, salvage, false), splitAll(t, body, salvage, true)
		if !reflect.DeepEqual(whole, bit) {
			t.Fatalf("salvage %v: arriving byte by byte it is %.1000s, else %.1000s", salvage, fmt.Sprintf("%+q", bit.pieces), fmt.Sprintf("%+q", whole.pieces))
		}
		var valid []json.RawMessage
		text := bytes.TrimPrefix(body, []byte("\ufeff"))
		isArray := bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("[")) && json.Unmarshal(text, &valid) == nil
		if isArray && (whole.failed != "" || len(whole.pieces) != len(valid)) {
			t.Fatalf("salvage %v: a valid array of %d is split into %d, %s", salvage, len(valid), len(whole.pieces), whole.failed)
		}
		switch {
		case salvage && whole.failed != "":
			t.Fatalf("salvage fails: %s", whole.failed)
		case whole.failed == "":
			if err := rejoin(body, whole.pieces, whole.rest); err != nil {
				t.Fatalf("salvage %v: %v, in %.300q", salvage, err, whole.pieces)
			}
		}
	}
}

// A cutting is what a body was split into.
type cutting struct {
	pieces  [][]byte
	defects []string
	rest    bool
	failed  string
}

func splitAll(t *testing.T, body []byte, salvage, bitwise bool) (c cutting) {
	t.Helper()
	for record, err := range collect.SplitRecords(reader(body, bitwise), created, salvage) {
		if err != nil {
			c.failed = err.Error()
			if collect.VerdictOf(err) != collect.Broken {
				t.Fatalf("fails with %v", err)
			}
			break
		}
		if record.Defect == "" && !json.Valid(record.Raw) || record.Ordinal != len(c.pieces) {
			t.Fatalf("record %d of %d is %.300q", record.Ordinal, len(c.pieces), record.Raw)
		}
		c.pieces = append(c.pieces, bytes.Clone(record.Raw))
		c.defects = append(c.defects, record.Defect)
		c.rest = strings.HasPrefix(record.Defect, "body ")
	}
	if !salvage && strings.Join(c.defects, "") != "" {
		t.Fatalf("defects %q without salvage", c.defects)
	}
	return c
}
