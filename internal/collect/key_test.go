package collect_test

import (
	"encoding/hex"
	"regexp"
	"strings"
	"testing"

	"azcollector/internal/collect"
)

func TestEscapeKey(t *testing.T) {
	for _, test := range []struct {
		want  string
		parts []string
	}{
		{"", nil},
		{"a|b", []string{"a", "b"}},
		{"Audit.General|492$a-b", []string{"Audit.General", "492$a-b"}},
		{"_5F_2F_5C_23_3F_20_00", []string{"_/\\#? \x00"}},
		{"_C3_A9_FF", []string{"é\xff"}},
		{strings.Repeat("a", 400), []string{strings.Repeat("a", 400)}},
	} {
		if got := collect.EscapeKey(test.parts...); got != test.want {
			t.Errorf("%q: got %q, want %q", test.parts, got, test.want)
		}
	}
	long := collect.EscapeKey("day", strings.Repeat("é", 400))
	if len(long) != 400 || !strings.HasPrefix(long, "day|_C3_A9_C3") {
		t.Errorf("a long key is %q", long)
	}
}

// No short name can be chosen so that its key is that of a long one, whose hash anybody
// can compute.
func TestACutKeyIsNobodysWholeKey(t *testing.T) {
	for i := range 100 {
		if key := collect.EscapeKey(strings.Repeat("a", 401+i)); legalKey.MatchString(key) {
			t.Errorf("the key %q is also that of %q", key, unescapeKey(t, key))
		}
	}
}

var legalKey = regexp.MustCompile(`^([A-Za-z0-9$.|-]|_[0-9A-F]{2})*$`)

// unescapeKey reads a key that was not cut.
func unescapeKey(t *testing.T, key string) string {
	t.Helper()
	return regexp.MustCompile(`_..`).ReplaceAllStringFunc(key, func(code string) string {
		b, err := hex.DecodeString(code[1:])
		if err != nil {
			t.Fatalf("key %q: %v", key, err)
		}
		return string(b)
	})
}

func FuzzEscapeKey(f *testing.F) {
	f.Add("a", "b")
	f.Add("", "|")
	f.Add("_41", "A")
	f.Add(strings.Repeat("x", 401), strings.Repeat("x", 402))
	f.Add(strings.Repeat("é", 200), strings.Repeat("é", 199)+"è")
	f.Fuzz(func(t *testing.T, a, b string) {
		ka, kb := collect.EscapeKey(a), collect.EscapeKey(b)
		if (ka == kb) != (a == b) {
			t.Errorf("%q and %q make %q and %q", a, b, ka, kb)
		}
		if len(ka) > 400 || strings.ContainsFunc(ka, func(r rune) bool { return !strings.ContainsRune("$.|-_", r) && !isAlphanumeric(r) }) {
			t.Errorf("%q makes the illegal key %q", a, ka)
		}
		whole := 0
		for i := range len(a) {
			whole += []int{3, 1}[strings.Count("$.|-", a[i:i+1])|strings.Count(alphanumeric, a[i:i+1])]
		}
		if whole <= 400 && (len(ka) != whole || !legalKey.MatchString(ka) || unescapeKey(t, ka) != a) {
			t.Errorf("%q makes %q, which is not the way back", a, ka)
		}
		if whole > 400 && (len(ka) != 400 || legalKey.MatchString(ka)) {
			t.Errorf("%q makes %q, which something short could make as well", a, ka)
		}
		if joined := collect.EscapeKey(a, b); joined != collect.EscapeKey(a+"|"+b) {
			t.Errorf("parts %q and %q make %q", a, b, joined)
		}
	})
}

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
