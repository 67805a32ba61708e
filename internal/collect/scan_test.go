package collect_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"azcollector/internal/collect"
)

// values are JSON texts, valid or not, for the table and as seeds.
var values = []string{
	`{}`, `[]`, `{"a":1}`, `[1,2]`, `"x"`, `null`, `true`, `false`, `0`, `-0`, `-1.5e+10`, `1E-7`, `123456789012345678901234567890`,
	`{"Id":"a","Id":"b","RecordType":15}`, `{"a":{"Id":"inner"},"Id":"outer"}`, `{"\u0049d":"escaped"}`,
	`"\u00e9\ud800\n\\\"\/"`, "\"\xff\xfe\"", `{"a" : [ 1 , { } , [ ] ] }`, "{\n\t\"a\"\r:\n1}",
	strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
	``, ` `, `{`, `[`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `[1,]`, `[,1]`, `{,}`, `{1:2}`, `{"a":1 "b":2}`, `[1 2]`,
	`01`, `+1`, `.5`, `1.`, `1e`, `1e+`, `-`, `--1`, `tru`, `truth`, `nul`, `NaN`, `'a'`, "\"\x01\"", "\"\t\"", `"\x"`, `"\u12"`, `"\u12g4"`, `"a`, `"a\`,
	`{"a":1}}`, `]`, `}`, `{]`, `[}`, `[1}`, `{"a":1]`, `1 2`, "\x00", "\ufeff1", `/*c*/1`,
}

// agrees fails unless the scanner takes exactly what encoding/json takes.
func agrees(t *testing.T, b []byte) {
	t.Helper()
	trimmed := bytes.TrimLeft(b, " \t\r\n")
	n, _, _, _, err := collect.ScanValue(append(bytes.Clone(trimmed), ' '))
	whole := err == nil && len(bytes.TrimRight(trimmed, " \t\r\n")) == n
	if want := json.Valid(b); whole != want {
		t.Errorf("scan %.80q: takes %d bytes, %v; json.Valid says %v", b, n, err, want)
	}
}

func TestScannerAgreesWithTheStandardLibrary(t *testing.T) {
	for _, v := range values {
		agrees(t, []byte(v))
	}
}

func FuzzScanner(f *testing.F) {
	for _, v := range values {
		f.Add([]byte(v))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		agrees(t, b)
		// A valid value cut short is never called invalid: more may come.
		if json.Valid(b) {
			trimmed := bytes.TrimSpace(b)
			for _, cut := range []int{len(trimmed) / 3, len(trimmed) / 2, len(trimmed) - 1} {
				if _, _, _, _, err := collect.ScanValue(trimmed[:cut]); !errors.Is(err, collect.ErrShort) {
					t.Errorf("scan %.80q cut at %d: %v, want short", trimmed, cut, err)
				}
			}
		}
	})
}

func TestScannerFindsTheTopLevelMembers(t *testing.T) {
	for _, c := range []struct{ name, in, id, created, recordType string }{
		{"all three", `{"Id":"x","CreationTime":"2020-01-01T00:00:00","RecordType":15}`, `"x"`, `"2020-01-01T00:00:00"`, `15`},
		{"nested ones do not count", `{"a":{"Id":"no"},"b":[{"Id":"no"}]}`, ``, ``, ``},
		{"behind a nested object", `{"a":{"b":[1,{}]},"Id":"yes"}`, `"yes"`, ``, ``},
		{"the last of repeated ones", `{"Id":"a","Id":"b"}`, `"b"`, ``, ``},
		{"escaped name", `{"\u0049d":"x","Record\u0054ype":1}`, `"x"`, ``, `1`},
		{"escaped backslash in a name", `{"\\u0049d":"x","Id":"y","\\u0049d":"z"}`, `"y"`, ``, ``},
		{"other case", `{"id":"x","ID":"y"}`, ``, ``, ``},
		{"white space", "{ \"Id\" :\n\"x\" , \"RecordType\":\t7 }", `"x"`, ``, `7`},
		{"an object as value", `{"Id":{"a":[1]},"b":2}`, `{"a":[1]}`, ``, ``},
		{"no object", `["Id","x"]`, ``, ``, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, id, created, recordType, err := collect.ScanValue([]byte(c.in + " "))
			if err != nil || string(id) != c.id || string(created) != c.created || string(recordType) != c.recordType {
				t.Errorf("got %q %q %q %v", id, created, recordType, err)
			}
		})
	}
}

func TestParseCreationTime(t *testing.T) {
	for in, want := range map[string]string{
		"2015-06-29T20:03:19":           "2015-06-29T20:03:19Z",
		"2015-06-29 20:03:19":           "2015-06-29T20:03:19Z",
		"2015-06-29T20:03:19Z":          "2015-06-29T20:03:19Z",
		"2015-06-29T20:03:19.123456":    "2015-06-29T20:03:19.123456Z",
		"2015-06-29T20:03:19.1234567Z":  "2015-06-29T20:03:19.1234567Z",
		"2015-06-29T20:03:19.5+02:00":   "2015-06-29T18:03:19.5Z",
		"2024-02-29T00:00:00":           "2024-02-29T00:00:00Z",
		"2023-02-29T00:00:00":           "",
		"2015-13-01T00:00:00":           "",
		"2015-06-29T24:00:00":           "",
		"2015-06-29T20:03:60":           "",
		"2015-06-29T20:03":              "",
		"2015-06-29T20:03:19.":          "",
		"2015-06-29T20:03:19 UTC":       "",
		"29.06.2015 20:03:19":           "",
		"9/9/2022 9:54:27 AM":           "",
		"":                              "",
		"2015-06-29T20:03:19.123456789": "2015-06-29T20:03:19.123456789Z",
		"٢٠١٥-٠٦-٢٩T20:03:19":           "",
	} {
		got, ok := collect.ParseCreationTime([]byte(in))
		if text := got.Format("2006-01-02T15:04:05.999999999Z07:00"); ok != (want != "") || ok && text != want {
			t.Errorf("%q: got %s %v, want %q", in, text, ok, want)
		}
	}
}
