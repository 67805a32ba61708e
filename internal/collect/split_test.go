package collect_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"azcollector/internal/collect"
)

var created = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// split returns the records as text, with "!reason" behind those with a defect.
func split(r io.Reader, salvage bool) (records []string, err error) {
	for rec, failed := range collect.SplitRecords(r, created, salvage) {
		if failed != nil {
			return records, failed
		}
		text := string(rec.Raw)
		if rec.Defect != "" {
			text += "!" + rec.Defect
		}
		records = append(records, text)
	}
	return records, nil
}

func TestSplitYieldsEveryElementVerbatim(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"empty array", `[]`, nil},
		{"white space", " [ \n] \r\n", nil},
		{"one", `[{"a":1}]`, []string{`{"a":1}`}},
		{"spacing inside stays", "[ { \"a\" : 1 } ,\n{\"b\":2}\t]\n", []string{`{ "a" : 1 }`, `{"b":2}`}},
		{"numbers stay as they are", `[{"a":1156492.00,"b":9007199254740993,"c":-0.0E+0}]`, []string{`{"a":1156492.00,"b":9007199254740993,"c":-0.0E+0}`}},
		{"repeated members stay", `[{"a":1,"a":2}]`, []string{`{"a":1,"a":2}`}},
		{"escapes stay", `[{"a":"\u00e9\/\ud83d"}]`, []string{`{"a":"\u00e9\/\ud83d"}`}},
		{"other values", `[1,"x",null,[2],true]`, []string{`1`, `"x"`, `null`, `[2]`, `true`}},
		{"byte order mark", "\ufeff[{}]", []string{`{}`}},
		{"invalid UTF-8 passes", "[\"\xff\"]", []string{"\"\xff\""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.body), iotest.OneByteReader(strings.NewReader(c.body)), iotest.DataErrReader(strings.NewReader(c.body))} {
				got, err := split(r, false)
				if err != nil || strings.Join(got, "␞") != strings.Join(c.want, "␞") {
					t.Errorf("got %q, %v; want %q", got, err, c.want)
				}
			}
		})
	}
}

func TestSplitOfABrokenBody(t *testing.T) {
	for _, c := range []struct {
		name, body string
		salvaged   []string // as split writes them
	}{
		{"empty", ``, []string{`!body is no JSON array`}},
		{"an object", `{"error":{}}`, []string{`{"error":{}}!body is no JSON array`}},
		{"HTML", `<html>`, []string{`<html>!body is no JSON array`}},
		{"cut in a record", `[{"a":1},{"b":`, []string{`{"a":1}`, `{"b":!body ends in the middle of a record`}},
		{"cut behind a record", `[{"a":1}`, []string{`{"a":1}`, `!body ends before its array does`}},
		{"cut behind a comma", `[{"a":1},`, []string{`{"a":1}`, `!body ends before its array does`}},
		{"bad record in the middle", `[{"a":1},{"b":tru, "c":"]}"} ,{"d":2}]`, []string{`{"a":1}`, `{"b":tru, "c":"]}"}!record is no valid JSON`, `{"d":2}`}},
		{"bad scalar", `[nope,{"d":2}]`, []string{`nope!record is no valid JSON`, `{"d":2}`}},
		{"missing comma", `[{"a":1}{"b":2}]`, []string{`{"a":1}`, `{"b":2}]!body has neither comma nor bracket behind a record`}},
		{"two arrays", `[{"a":1}][{"b":2}]`, []string{`{"a":1}`, `[{"b":2}]!body goes on behind its array`}},
		{"unbalanced", `[{"a":"x}]`, []string{`{"a":"x}]!body ends in the middle of a record`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, wrap := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader} {
				if _, err := split(wrap(strings.NewReader(c.body)), false); collect.VerdictOf(err) != collect.Broken {
					t.Errorf("strict: %v, want a broken body", err)
				}
				got, err := split(wrap(strings.NewReader(c.body)), true)
				if err != nil || strings.Join(got, "␞") != strings.Join(c.salvaged, "␞") {
					t.Errorf("salvaged %q, %v; want %q", got, err, c.salvaged)
				}
			}
		})
	}
}

func TestSplitPassesErrorsOfTheSourceOn(t *testing.T) {
	reset := errors.New("connection reset")
	for _, salvage := range []bool{false, true} {
		r := io.MultiReader(strings.NewReader(`[{"a":1},{"b"`), iotest.ErrReader(reset))
		if got, err := split(r, salvage); !errors.Is(err, reset) || len(got) != 1 {
			t.Errorf("salvage %v: %q %v", salvage, got, err)
		}
	}
	cut := &collect.Fault{Verdict: collect.Broken, Err: io.ErrUnexpectedEOF}
	r := io.MultiReader(strings.NewReader(`[{"a":1},{"b"`), iotest.ErrReader(cut))
	if got, err := split(r, true); err != nil || len(got) != 2 {
		t.Errorf("salvage of a cut body: %q %v", got, err)
	}
}

func TestSplitReadsTheMembers(t *testing.T) {
	body := `[{"Id":"A\u0062","RecordType":15,"CreationTime":"2026-10-31T23:59:59.25"},{"RecordType":"8","CreationTime":"soon"},7]`
	var got []collect.Record
	for rec, err := range collect.SplitRecords(strings.NewReader(body), created, false) {
		if err != nil {
			t.Fatal(err)
		}
		rec.ID, rec.Type = bytes.Clone(rec.ID), bytes.Clone(rec.Type)
		got = append(got, rec)
	}
	want := time.Date(2026, 10, 31, 23, 59, 59, 250e6, time.UTC)
	if r := got[0]; string(r.ID) != "Ab" || string(r.Type) != "15" || !r.Time.Equal(want) || r.Undated || r.Ordinal != 0 {
		t.Errorf("first: %+v", r)
	}
	if r := got[1]; len(r.ID) != 0 || string(r.Type) != "8" || !r.Time.Equal(created) || !r.Undated || r.Ordinal != 1 {
		t.Errorf("second: %+v", r)
	}
	if r := got[2]; len(r.ID)+len(r.Type) != 0 || !r.Undated || r.Ordinal != 2 {
		t.Errorf("third: %+v", r)
	}
}

// Records larger than the buffer, and many of them, come out whole.
func TestSplitGrowsItsBuffer(t *testing.T) {
	var want []string
	for i, size := range []int{10, 70_000, 5, 300_000, 1 << 20, 64<<10 - 3, 20} {
		want = append(want, `{"n":`+string(rune('0'+i))+`,"s":"`+strings.Repeat("x", size)+`"}`)
	}
	got, err := split(iotest.HalfReader(strings.NewReader("["+strings.Join(want, ",")+"]")), false)
	if err != nil || strings.Join(got, "") != strings.Join(want, "") {
		t.Errorf("got %d records, %v", len(got), err)
	}
}

// See judgeSplit for what must hold of any body.
func FuzzSplit(f *testing.F) {
	for _, v := range values {
		f.Add([]byte("[" + v + "," + v + "]"))
		f.Add([]byte(v))
	}
	for _, h := range hostiles() {
		if len(h.body) < 1<<16 { // a fuzzer gets nowhere with large seeds
			f.Add([]byte(h.body))
		}
	}
	f.Add([]byte(`[{"a":1},{"b":tru},{"c":3}]`))
	f.Fuzz(func(t *testing.T, body []byte) { judgeSplit(t, body) })
}

// reader is a body that arrives at once, or byte by byte.
func reader(body []byte, bitwise bool) io.Reader {
	if bitwise {
		return iotest.OneByteReader(bytes.NewReader(body))
	}
	return bytes.NewReader(body)
}

func BenchmarkSplit(b *testing.B) {
	record := `{"CreationTime":"2026-10-31T23:59:59","Id":"c9d2d808-0efe-48cb-eaec-08da3028eb80","Operation":"FileAccessed","RecordType":6,"Workload":"SharePoint","UserId":"someone@example.com","Text":"` + strings.Repeat("lorem ipsum ", 80) + `","N":[1,2,3]}`
	body := []byte("[" + strings.Repeat(record+",", 499) + record + "]")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range collect.SplitRecords(bytes.NewReader(body), created, false) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
