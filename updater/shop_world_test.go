package updater_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/release"
)

// A shop is where releases are made, and the server that they are fetched from.
type shop struct {
	t      *testing.T
	server *httptest.Server
	now    func() time.Time

	mu       sync.Mutex
	made     map[string]bool         // hashes of the packages that were ever made here
	answers  map[string]http.Handler // by path
	asked    []string                // paths of packages, in order
	manifest int                     // how often it was asked for
}

const manifestPath = "/release.json"

func newShop(t *testing.T, now func() time.Time) *shop {
	s := &shop{t: t, now: now, made: map[string]bool{}, answers: map[string]http.Handler{}}
	s.server = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		if r.URL.Path == manifestPath {
			s.manifest++
		} else {
			s.asked = append(s.asked, r.URL.Path)
		}
		answer := s.answers[r.URL.Path]
		s.mu.Unlock()
		if answer == nil {
			answer = http.NotFoundHandler()
		}
		answer.ServeHTTP(rw, r)
	}))
	t.Cleanup(s.server.Close)
	return s
}

func (s *shop) address() string { return s.server.URL + manifestPath + "?" + signature }

func (s *shop) downloads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// serve puts bytes under a path.
func (s *shop) serve(path string, body []byte) {
	s.answer(path, func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(body) })
}

func (s *shop) answer(path string, h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[path] = h
}

// make builds the package of a version and describes it.
func (s *shop) make(version string) release.Manifest {
	pkg := pack(s.t, version)
	sum := sumOf(pkg)
	s.mu.Lock()
	s.made[sum] = true
	s.mu.Unlock()
	path := "/v" + version + "/azcollector.zip"
	s.serve(path, pkg)
	return release.Manifest{
		Version: version, Minimum: "1.0.0", Package: s.server.URL + path + "?" + signature, SHA256: sum,
		Released: s.now().Add(-time.Hour), Expires: s.now().Add(90 * 24 * time.Hour),
	}
}

// publish makes a release the newest.
func (s *shop) publish(version string) release.Manifest {
	m := s.make(version)
	s.serve(manifestPath, s.sign(m, ours))
	return m
}

func (s *shop) sign(m release.Manifest, keys ...ed25519.PrivateKey) []byte {
	s.t.Helper()
	envelope, err := release.Sign(m, keys...)
	if err != nil {
		s.t.Fatal(err)
	}
	return envelope
}

// pack is a package as internal/release takes it; the program in it is its version.
func pack(t testing.TB, version string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range []struct{ name, body string }{{"handler", version}, {"host.json", "{}"}, {"pull/function.json", "{}"}} {
		h := &zip.FileHeader{Name: f.name}
		h.SetMode(0o755)
		to, err := w.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(to, f.body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// versionOf starts the program in a package, as it were.
func versionOf(archive *zip.Reader) (string, error) {
	f, err := archive.Open("handler")
	if err != nil {
		return "", err
	}
	version, err := io.ReadAll(f)
	return string(version), err
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// A shelf is the container in which packages are kept. As the real one it takes only
// hashes for names; only if it is to, it looks at what it returns, as the real one does.
type shelf struct {
	looks bool
	mu    sync.Mutex
	kept  map[string][]byte
}

func isSum(name string) error {
	if sum, err := hex.DecodeString(name); err != nil || len(sum) != sha256.Size || name != strings.ToLower(name) {
		return fmt.Errorf("%.70q is no SHA-256", name)
	}
	return nil
}

func (s *shelf) Put(_ context.Context, name string, pkg []byte) error {
	if sumOf(pkg) != name {
		return fmt.Errorf("what is put as %.70q has another hash", name)
	}
	s.tamper(name, pkg)
	return nil
}

func (s *shelf) Get(_ context.Context, name string) ([]byte, error) {
	if err := isSum(name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if pkg, ok := s.kept[name]; ok {
		if s.looks && sumOf(pkg) != name {
			return nil, &collect.Fault{Verdict: collect.Broken, Err: fmt.Errorf("read package %s: somebody else writes here", name)}
		}
		return pkg, nil
	}
	return nil, fmt.Errorf("read package %s: %w", name, collect.ErrNotFound)
}

func (s *shelf) Prune(_ context.Context, keep ...string) error {
	for _, name := range keep {
		if err := isSum(name); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.kept, func(name string, _ []byte) bool { return !slices.Contains(keep, name) })
	return nil
}

// tamper is what somebody can do who may write to the container.
func (s *shelf) tamper(name string, pkg []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[name] = pkg
}

func (s *shelf) remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, name)
}

func (s *shelf) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.kept))
}
