package release_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"azcollector/internal/release"
)

// A file on its way into a package.
type file struct {
	name string
	mode fs.FileMode
	size uint64 // as the archive says; there are no bytes
}

var whole = []file{{"handler", 0o755, 0}, {"host.json", 0o644, 0}, {"LICENSE", 0o644, 0}, {"pull/function.json", 0o644, 0}, {"webhook/function.json", 0o644, 0}}

func with(more ...file) []file { return append(slices.Clone(whole), more...) }

func TestOpenTakesOnlyWhatTheManifestNames(t *testing.T) {
	pkg := packed(t, whole)
	m := manifestOf(pkg)
	r, err := m.Open(pkg)
	if err != nil || len(r.File) != len(whole) {
		t.Fatalf("%v, %v", r, err)
	}
	for name, c := range map[string]struct {
		pkg  []byte
		want string
	}{
		"another package": {packed(t, with(file{"extra", 0o644, 0})), "sha256 is"},
		"cut short":       {pkg[:len(pkg)-1], "sha256 is"},
		"a byte more":     {append(bytes.Clone(pkg), 0), "sha256 is"},
		"nothing":         {nil, "sha256 is"},
		"too large":       {make([]byte, release.MaxPackage+1), "more than 33554432 bytes"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, m, c.pkg, c.want) })
	}
	text := []byte("a signed text")
	refused(t, manifestOf(text), text, "open the package: zip")
}

func TestOpenJudgesWhatIsInIt(t *testing.T) {
	for name, c := range map[string]struct {
		files []file
		want  string
	}{
		"the package":            {whole, ""},
		"with folders":           {with(file{"pull/", 0o755 | fs.ModeDir, 0}), ""},
		"what comes later":       {with(file{"extensions/a/b.json", 0o644, 0}), ""},
		"no handler":             {whole[1:], "needs handler"},
		"a program's archive":    {[]file{{"azcollector", 0o755, 0}, {"LICENSE", 0o644, 0}}, "needs handler"},
		"handler is no program":  {append([]file{{"handler", 0o644, 0}}, whole[1:]...), "must be executable"},
		"handler is its owner's": {append([]file{{"handler", 0o744, 0}}, whole[1:]...), "must be executable"},
		"handler is a folder":    {append([]file{{"handler/", 0o755 | fs.ModeDir, 0}}, whole[1:]...), "needs handler"},
		"no host.json":           {append([]file{whole[0]}, whole[2:]...), "host.json"},
		"no function":            {whole[:3], "function.json"},
		"in a folder of its own": {[]file{{"azcollector/handler", 0o755, 0}, {"azcollector/pull/function.json", 0o644, 0}}, "not in a first-level folder"},
		"a function at the root": {with(file{"function.json", 0o644, 0}), "function.json is not in a first-level folder"},
		"a function too deep":    {with(file{"functions/pull/function.json", 0o644, 0}), "functions/pull/function.json is not"},

		"out of the folder": {with(file{"../../etc/passwd", 0o644, 0}), "no path inside"},
		"absolute":          {with(file{"/etc/passwd", 0o644, 0}), "no path inside"},
		"backslashes":       {with(file{`..\evil`, 0o644, 0}), "no path inside"},
		"the folder itself": {with(file{"./", 0o755 | fs.ModeDir, 0}), "no path inside"},

		"twice":                  {with(file{"host.json", 0o644, 0}), `"host.json" is in it twice`},
		"a folder of that name":  {with(file{"LICENSE/", 0o755 | fs.ModeDir, 0}), "is in it twice"},
		"a file of a folder's":   {with(file{"extra/", 0o755 | fs.ModeDir, 0}, file{"extra", 0o644, 0}), "is in it twice"},
		"a symbolic link":        {with(file{"link", 0o777 | fs.ModeSymlink, 0}), "regular file or a folder"},
		"a link called a folder": {with(file{"link/", 0o777 | fs.ModeSymlink, 0}), "regular file or a folder"},
		"a folder called a file": {with(file{"pull", 0o755 | fs.ModeDir, 0}), "regular file or a folder"},
		"a device":               {with(file{"null", 0o666 | fs.ModeDevice | fs.ModeCharDevice, 0}), "regular file or a folder"},
		"a handler for root":     {append([]file{{"handler", 0o755 | fs.ModeSetuid, 0}}, whole[1:]...), "regular file or a folder"},

		"as large as may be":      {with(file{"data", 0o644, 256 << 20}), ""},
		"a byte too large":        {with(file{"data", 0o644, 256<<20 - 1}, file{"more", 0o644, 2}), "more than 268435456 bytes together"},
		"so large that sums turn": {with(file{"data", 0o644, 2}, file{"more", 0o644, 1<<64 - 1}), "bytes together"},
	} {
		t.Run(name, func(t *testing.T) {
			pkg := packed(t, c.files)
			if c.want != "" {
				refused(t, manifestOf(pkg), pkg, c.want)
			} else if _, err := manifestOf(pkg).Open(pkg); err != nil {
				t.Error(err)
			}
		})
	}
}

// A file that says it is small is not read beyond that.
func TestSizesInThePackageBind(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range whole {
		add(t, w, f, nil)
	}
	add(t, w, file{"data", 0o644, 10}, make([]byte, 1<<20))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := manifestOf(b.Bytes()).Open(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.Open("data")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, data); err == nil || n > 10 {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

func manifestOf(pkg []byte) release.Manifest {
	m, sum := good(), sha256.Sum256(pkg)
	m.SHA256 = hex.EncodeToString(sum[:])
	return m
}

func refused(t *testing.T, m release.Manifest, pkg []byte, want string) {
	t.Helper()
	if r, err := m.Open(pkg); r != nil || err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, %v; want none, %q", r, err, want)
	}
}

func packed(t *testing.T, files []file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		add(t, w, f, nil)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// add writes an entry as it says it is, not as it is.
func add(t *testing.T, w *zip.Writer, f file, content []byte) {
	t.Helper()
	h := &zip.FileHeader{Name: f.name, CompressedSize64: uint64(len(content)), UncompressedSize64: f.size}
	h.SetMode(f.mode)
	to, err := w.CreateRaw(h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := to.Write(content); err != nil {
		t.Fatal(err)
	}
}
