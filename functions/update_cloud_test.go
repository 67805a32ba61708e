package main

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"azcollector/internal/dsse"
	releases "azcollector/internal/release"
	"azcollector/internal/sim"
	"azcollector/internal/state/azurite"
)

// A cloud is Azure around one function app: it runs the package that Resource Manager
// was last told of, in a process of its own, and fetches it as the real one would.
type cloud struct {
	*testing.T
	world     *sim.World
	client    *http.Client // trusts the world, and has no credentials
	container string       // of the packages
	readAs    string       // Elastic Premium: the identity that reads packages
	env       []string
	home      home
	app       *handler
	seen      int // deployments
	address   string
}

// A home is where releases are published.
type home struct {
	key    ed25519.PrivateKey
	server *httptest.Server
	mu     sync.Mutex
	files  map[string][]byte
}

func newCloud(t *testing.T, premium bool) *cloud {
	t.Helper()
	c := &cloud{T: t, world: newWorld(t), home: home{files: map[string][]byte{}}}
	root, err := os.ReadFile(c.world.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	c.client = &http.Client{Transport: transport}
	certFile, keyFile, err := c.world.IssueCertificate("cloud")
	if err != nil {
		t.Fatal(err)
	}
	c.home.open(t, certFile, keyFile)
	emulator := azurite.StartTLS(t, certFile, keyFile)
	c.container = emulator.CreateContainer(t, c.client, "package")
	for name, value := range c.world.ManagerSettings() {
		c.env = append(c.env, name+"="+value)
	}
	c.env = append(c.env,
		"AzureWebJobsStorage__blobServiceUri="+emulator.Blob, "AzureWebJobsStorage__queueServiceUri="+emulator.Queue,
		"AzureWebJobsStorage__tableServiceUri="+emulator.Table, "AzureWebJobsStorage__clientId=c4b9e7d2-6a10-4f3b-8e5d-90a1b2c3d4e5",
		"UPDATE_MANIFEST_URL="+c.home.server.URL+"/manifest.json?sig=very-secret", "UPDATE_HOLD_BACK=0s",
		"UPDATE_PUBLIC_KEYS="+dsse.FormatKey(c.home.key.Public().(ed25519.PublicKey)), "UPDATE_PACKAGE_CONTAINER="+c.container,
		"PUBLIC_URL=none", "PULL_SCHEDULE=0 * * * * *", "UPDATER_SCHEDULE=0 0 0 * * *",
	)
	first := madePackage(t, "1.0.0", nil)
	if premium {
		c.readAs = sim.ReaderIdentity
		c.env = append(c.env, "UPDATE_PACKAGE_IDENTITY="+c.readAs)
		c.address = c.home.publish("/azcollector_1.0.0.zip", first)
		c.world.Manager.SetSettings(map[string]string{"WEBSITE_RUN_FROM_PACKAGE": c.address, "APP_CLIENT_SECRET": "keep me"})
	} else {
		c.store("released-package.zip", first)
	}
	c.start(first)
	return c
}

func (h *home) open(t *testing.T, certFile, keyFile string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	h.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		file, ok := h.files[r.URL.Path]
		h.mu.Unlock()
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(file)
	}))
	h.server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	h.server.StartTLS()
	t.Cleanup(h.server.Close)
	sum := sha256.Sum256([]byte("the key of the test"))
	h.key = ed25519.NewKeyFromSeed(sum[:])
}

func (h *home) publish(path string, file []byte) (address string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.files[path] = file
	return h.server.URL + path
}

// announce publishes a release.
func (c *cloud) announce(version string, pkg []byte, change ...func(*releases.Manifest)) {
	c.Helper()
	m := releases.Manifest{
		Version: version, Package: c.home.publish("/azcollector_"+version+".zip", pkg), SHA256: sumOf(pkg), Minimum: "0.0.0",
		Released: time.Now().Add(-time.Hour), Expires: time.Now().Add(time.Hour),
	}
	for _, f := range change {
		f(&m)
	}
	text, err := releases.Sign(m, c.home.key)
	if err != nil {
		c.Fatal(err)
	}
	c.home.publish("/manifest.json", text)
}

func sumOf(pkg []byte) string {
	sum := sha256.Sum256(pkg)
	return hex.EncodeToString(sum[:])
}

// built are the programs of the releases, each made once.
var built = struct {
	sync.Mutex
	programs map[string][]byte
}{programs: map[string][]byte{}}

// buildProgram builds one as scripts/package does.
func buildProgram(t *testing.T, version string) []byte {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if made, ok := built.programs[version]; ok {
		return made
	}
	out := filepath.Join(t.TempDir(), "handler")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= -X main.release=v"+version, "-o", out, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	made, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	built.programs[version] = made
	return made
}

// madePackage makes a package for the Functions host; handler nil: the real program.
func madePackage(t *testing.T, version string, handler []byte) []byte {
	t.Helper()
	if handler == nil {
		handler = buildProgram(t, version)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	put := func(name string, mode os.FileMode, content []byte) {
		header := &zip.FileHeader{Name: name, Method: zip.Store}
		header.SetMode(mode)
		to, err := w.CreateHeader(header)
		if err == nil {
			_, err = to.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put("handler", 0o755, handler)
	put("host.json", 0o644, []byte("{}"))
	for _, f := range []string{"content", "master", "pull", "updater", "webhook"} {
		put(f+"/function.json", 0o644, []byte(`{"bindings":[]}`))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// start runs a package's handler under the host.
func (c *cloud) start(pkg []byte) {
	c.Helper()
	archive, err := zip.NewReader(bytes.NewReader(pkg), int64(len(pkg)))
	if err != nil {
		c.Fatal(err)
	}
	file, err := archive.Open("handler")
	if err != nil {
		c.Fatal(err)
	}
	code, err := io.ReadAll(file)
	if err != nil {
		c.Fatal(err)
	}
	path := filepath.Join(c.TempDir(), "handler")
	if err := os.WriteFile(path, code, 0o700); err != nil {
		c.Fatal(err)
	}
	address, err := freeAddress()
	if err != nil {
		c.Fatal(err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		c.Fatal(err)
	}
	if c.app != nil {
		c.app.kill()
	}
	env := settingsOf(c.world, append(c.env, "AzureWebJobs.master.Disabled=true", "FUNCTIONS_CUSTOMHANDLER_PORT="+port)...)
	p := runFile(c.T, path, env)
	h := newFakeHost(c.T, address)
	h.waitUntilReady()
	c.app = &handler{h, p}
}

// timer is one run of a function with a schedule.
func (c *cloud) timer(function string) {
	c.Helper()
	c.app.send(function, timerEnvelope(function, "timer", timerStatus))
}

// follow does what Azure does when it was told to run another package, and reports
// whether it was. Only our own container is asked.
func (c *cloud) follow() bool {
	c.Helper()
	address, token := "", ""
	if c.readAs != "" {
		settings := c.world.Manager.Settings()
		address = settings["WEBSITE_RUN_FROM_PACKAGE"]
		if address == c.address {
			return false
		}
		if settings["WEBSITE_RUN_FROM_PACKAGE_BLOB_MI_RESOURCE_ID"] != c.readAs || settings["APP_CLIENT_SECRET"] != "keep me" {
			c.Errorf("the app settings are %v", settings)
		}
		token = azurite.Token(time.Hour)
	} else {
		all := c.world.Manager.Packages()
		if len(all) == c.seen {
			return false
		}
		c.seen, address = len(all), all[len(all)-1]
	}
	c.address = address
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(address, c.container+"/") {
		c.Fatalf("Azure is to run what lies at %s, not in %s", address, c.container)
	}
	pkg := c.fetch(address, token)
	if name := filepath.Base(u.Path); name != sumOf(pkg)+".zip" {
		c.Errorf("what lies at %s has another hash", name)
	}
	if c.readAs == "" {
		c.store("released-package.zip", pkg)
	}
	c.start(pkg)
	return true
}

func (c *cloud) fetch(address, token string) []byte {
	c.Helper()
	r, err := http.NewRequestWithContext(c.Context(), http.MethodGet, address, nil)
	if err != nil {
		c.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("x-ms-version", "2020-04-08")
	}
	resp, err := c.client.Do(r)
	if err != nil {
		c.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		c.Fatalf("Azure cannot fetch the package: %s (%v)", resp.Status, err)
	}
	return body
}

// store puts a blob into the container of the packages, as the platform does.
func (c *cloud) store(name string, content []byte) {
	c.Helper()
	r, err := http.NewRequestWithContext(c.Context(), http.MethodPut, c.container+"/"+name, bytes.NewReader(content))
	if err != nil {
		c.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+azurite.Token(time.Hour))
	r.Header.Set("x-ms-version", "2020-04-08")
	r.Header.Set("x-ms-blob-type", "BlockBlob")
	resp, err := c.client.Do(r)
	if err != nil {
		c.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusCreated {
		c.Fatalf("store %s: %s (%v)", name, resp.Status, err)
	}
}

// say runs a command of an administrator's, elsewhere.
func (c *cloud) say(args ...string) string {
	c.Helper()
	_, said := say(c.T, settingsOf(c.world, c.env...), args...)
	if strings.Contains(said, "very-secret") {
		c.Errorf("%v tells a secret: %s", args, said)
	}
	return said
}

// tells fails unless `status` has all of these words.
func (c *cloud) tells(words ...string) {
	c.Helper()
	said := c.say("status")
	for _, w := range words {
		if !strings.Contains(said, w) {
			c.Errorf("status does not tell %q:\n%s", w, said)
		}
	}
}
