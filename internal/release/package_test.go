package release_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/iotest"

	"azcollector/internal/release"
)

func TestCheck(t *testing.T) {
	sum := sha256.Sum256([]byte("the package"))
	m := good()
	m.SHA256 = hex.EncodeToString(sum[:])
	for name, c := range map[string]struct {
		pkg  io.Reader
		want string
	}{
		"the package":     {strings.NewReader("the package"), ""},
		"another":         {strings.NewReader("the packagf"), "sha256 is"},
		"cut short":       {strings.NewReader("the packag"), "sha256 is"},
		"a byte more":     {strings.NewReader("the package\n"), "sha256 is"},
		"endless":         {endless{}, "more than 134217728 bytes"},
		"breaks off":      {io.MultiReader(strings.NewReader("the"), iotest.ErrReader(errors.New("reset"))), "reset"},
		"breaks off late": {io.MultiReader(strings.NewReader("the package"), iotest.ErrReader(errors.New("reset"))), "reset"},
	} {
		t.Run(name, func(t *testing.T) {
			err := m.Check(c.pkg)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestCheckLayout(t *testing.T) {
	whole := []string{"handler*", "host.json", "LICENSE", "pull/function.json", "webhook/function.json"}
	for name, c := range map[string]struct {
		files []string // * behind a name: it may be executed
		want  string
	}{
		"the package":            {whole, ""},
		"with folders":           {append(whole, "pull/"), ""},
		"what comes later":       {append(whole, "extensions/a/b.json"), ""},
		"no handler":             {whole[1:], "needs handler"},
		"a program's archive":    {[]string{"azcollector*", "LICENSE", "README.md"}, "needs handler"},
		"handler is no program":  {append([]string{"handler"}, whole[1:]...), "must be executable"},
		"handler is a folder":    {append([]string{"handler/*"}, whole[1:]...), "needs handler"},
		"no host.json":           {[]string{"handler*", "pull/function.json"}, "host.json"},
		"no function":            {whole[:3], "function.json"},
		"in a folder of its own": {[]string{"azcollector/handler*", "azcollector/host.json", "azcollector/pull/function.json"}, "not in a first-level folder"},
		"a function at the root": {append(whole, "function.json"), "function.json is not in a first-level folder"},
		"a function too deep":    {append(whole, "functions/pull/function.json"), "functions/pull/function.json is not"},
		"out of the folder":      {append(whole, "../../etc/passwd"), "no path inside"},
		"absolute":               {append(whole, "/etc/passwd"), "no path inside"},
		"backslashes":            {append(whole, `..\evil`), "no path inside"},
	} {
		t.Run(name, func(t *testing.T) {
			err := release.CheckLayout(archive(t, c.files))
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func archive(t *testing.T, files []string) *zip.Reader {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range files {
		name, executable := strings.CutSuffix(name, "*")
		h := &zip.FileHeader{Name: name}
		if executable {
			h.SetMode(0o755)
		} else {
			h.SetMode(0o644)
		}
		if strings.HasSuffix(name, "/") {
			h.SetMode(fs.ModeDir | 0o755)
		}
		if _, err := w.CreateHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// Go itself refuses unsafe names only if GODEBUG=zipinsecurepath=0.
	r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return r
}
