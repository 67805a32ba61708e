package collect_test

import (
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
)

// What is read as a CreationTime the standard library reads too, and as the same moment:
// with a T or a space, a zone or none, which is UTC.
func FuzzParseCreationTime(f *testing.F) {
	for _, seed := range []string{
		"2015-06-29T20:03:19", "2015-06-29 20:03:19.1234567Z", "2015-06-29T20:03:19.5+02:00", "2015-06-29T20:03:19-23:59",
		"2024-02-29T23:59:59", "2023-02-29T00:00:00", "2015-04-31T00:00:00", "0000-01-01T00:00:00+24:00", "9999-12-31T23:59:59.999999999-24:00",
		"2015-06-29T20:03:60", "2015-06-29T24:00:00", "2015-06-29T20:03:19.", "2015-06-29T20:03:19.Z", "2015-06-29T20:03:19,5", "2015-06-29T20:03:19z",
		"2015-06-29T20:03:19.00000000000000000001", "2015-06-29T20:03:19+2:00", "2015-06-29T20:03:19+02:60", "-015-06-29T20:03:19", "2015-06-29T20:03:19Z\x00",
		"٢٠١٥-٠٦-٢٩T20:03:19", "\xff\xff\xff\xff-06-29T20:03:19", "9/9/2022 9:54:27 AM", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := collect.ParseCreationTime([]byte(text))
		if !ok {
			if !got.IsZero() {
				t.Errorf("%q is refused and read as %s", text, got)
			}
			// What Microsoft documents is never refused.
			if _, err := time.Parse("2006-01-02T15:04:05", text); err == nil && len(text) == len("2006-01-02T15:04:05") {
				t.Errorf("%q is refused", text)
			}
			return
		}
		plain := strings.Replace(text, " ", "T", 1)
		want, err := time.Parse(time.RFC3339Nano, plain)
		if err != nil {
			want, err = time.Parse("2006-01-02T15:04:05.999999999", plain)
		}
		if err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%q is read as %s, by the standard library as %s, %v", text, got, want, err)
		}
	})
}
