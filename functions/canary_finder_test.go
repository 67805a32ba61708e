package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A canary is a secret whose beginning and end are seen wherever they turn up: whole or
// cut in half, as they are or encoded. What is escaped lies between them.
type canary struct{ name, value, head, tail string }

// pieceLength is what one half of a canary can be told by: nothing else has these letters.
const pieceLength = 12

// newCanary makes the secret of a name; between holds characters that encodings change.
func newCanary(name, between string) canary {
	sum := sha256.Sum256([]byte(name))
	letters := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))
	head, tail := letters[:pieceLength], letters[pieceLength:2*pieceLength]
	return canary{name, head + between + tail, head, tail}
}

// canaryOf is one of a secret that others made.
func canaryOf(name, value string) canary {
	return canary{name, value, value[:pieceLength], strings.TrimRight(value, "=")[len(strings.TrimRight(value, "="))-pieceLength:]}
}

// looks are the ways in which bytes may hold a piece.
func looks(piece string) [][]byte {
	all := [][]byte{[]byte(piece), []byte(url.QueryEscape(piece)), []byte(hex.EncodeToString([]byte(piece))), []byte(strings.ToUpper(hex.EncodeToString([]byte(piece))))}
	for shift := range 3 { // where the piece may begin in a group of three bytes
		text := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), piece...))
		whole := text[(shift*8+5)/6 : (shift+len(piece))*8/6]
		all = append(all, []byte(whole), []byte(strings.NewReplacer("+", "-", "/", "_").Replace(whole)))
	}
	return all
}

// found are the names of the canaries in some bytes.
func found(canaries []canary, in []byte) (names []string) {
	for _, c := range canaries {
		if slices.ContainsFunc(append(looks(c.head), looks(c.tail)...), func(look []byte) bool { return bytes.Contains(in, look) }) {
			names = append(names, c.name)
		}
	}
	return names
}

// A search is what came out of a program, by the place where it did.
type search struct {
	canaries []canary
	places   map[string][]byte
}

func newSearch(canaries ...canary) *search { return &search{canaries, map[string][]byte{}} }

// add notes what came out at a place; more of it may come.
func (s *search) add(place, text string) {
	s.places[place] = append(append(s.places[place], text...), '\n')
}

// addFiles notes every file below a directory under its own name.
func (s *search) addFiles(t *testing.T, place, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		s.add(place+" "+filepath.Base(path), string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A refuge is where a secret belongs, and why.
type refuge struct{ canary, place, reason string }

// judge fails on each canary that was found where it does not belong, and on each that
// was not found where it does: then the search is blind.
func (s *search) judge(t *testing.T, belongs ...refuge) {
	t.Helper()
	at := func(name, place string) func(refuge) bool {
		return func(r refuge) bool { return r.canary == name && r.place == place }
	}
	total := 0
	for place, text := range s.places {
		total += len(text)
		for _, name := range found(s.canaries, text) {
			if !slices.ContainsFunc(belongs, at(name, place)) {
				t.Errorf("%s is told in %s:\n%s", name, place, s.excerpt(name, text))
			}
		}
	}
	for _, r := range belongs {
		if !slices.Contains(found(s.canaries, s.places[r.place]), r.canary) {
			t.Errorf("%s is not in %s (%s): the search finds nothing", r.canary, r.place, r.reason)
		}
	}
	t.Logf("%d bytes from %d places, %d canaries", total, len(s.places), len(s.canaries))
}

// excerpt is where in a text a canary is.
func (s *search) excerpt(name string, text []byte) string {
	c := s.canaries[slices.IndexFunc(s.canaries, func(c canary) bool { return c.name == name })]
	for _, look := range append(looks(c.head), looks(c.tail)...) {
		if i := bytes.Index(text, look); i >= 0 {
			return strings.ToValidUTF8(string(text[max(0, i-300):min(len(text), i+100)]), "?")
		}
	}
	return ""
}

// The search itself: it finds halves and encodings, wherever they begin.
func TestCanariesAreFound(t *testing.T) {
	c := newCanary("one", `<&"/+=`)
	other := newCanary("two", "")
	for name, text := range map[string]string{
		"as it is":     "x" + c.value,
		"its half":     "x" + c.head + "***",
		"its end":      "***" + c.tail,
		"hex":          hex.EncodeToString([]byte("xy" + c.value)),
		"base64":       base64.StdEncoding.EncodeToString([]byte(c.value)),
		"base64 + 1":   base64.StdEncoding.EncodeToString([]byte("x" + c.value)),
		"base64 + 2":   base64.URLEncoding.EncodeToString([]byte("xy" + c.value + "more")),
		"half, base64": base64.StdEncoding.EncodeToString([]byte("id:" + c.head)),
		"a query":      "?x=" + url.QueryEscape(c.value),
	} {
		if got := found([]canary{c, other}, []byte(text)); !slices.Equal(got, []string{"one"}) {
			t.Errorf("%s: found %q in %q", name, got, text)
		}
	}
	if got := found([]canary{c, other}, []byte(c.head[:pieceLength-1]+" "+c.tail[1:])); got != nil {
		t.Errorf("found %q in nothing", got)
	}
}
