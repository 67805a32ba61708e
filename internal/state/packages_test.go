package state_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"azcollector/internal/collect"
	"azcollector/internal/state"
	"azcollector/internal/state/azurite"
	"azcollector/internal/wire"
)

// emulated is an identity whose tokens Azurite takes.
type emulated struct{}

func (emulated) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: azurite.Token(time.Hour), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// A warehouse is a secure Azurite, and a client that trusts it and every server of
// httptest: they have the same certificate.
type warehouse struct {
	azurite.Secure
	client *http.Client
}

func openWarehouse(t *testing.T) warehouse {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	want(t, err, nil, "encode the key")
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: server.Certificate().Raw},
		keyFile:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		want(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600), nil, "write "+file)
	}
	client := trusting(server)
	t.Cleanup(client.CloseIdleConnections)
	return warehouse{azurite.StartTLS(t, certFile, keyFile), client}
}

func trusting(server *httptest.Server) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return wire.Client(wire.Options{Roots: roots})
}

// shelf opens a container of its own.
func (w warehouse) shelf(t *testing.T, name string) *state.Packages {
	t.Helper()
	return openPackages(t, state.PackagesOptions{Container: parsed(t, w.CreateContainer(t, w.client, name)), Credential: emulated{}, HTTP: w.client})
}

func openPackages(t *testing.T, o state.PackagesOptions) *state.Packages {
	t.Helper()
	p, err := state.OpenPackages(o)
	want(t, err, nil, "open packages")
	p.Retry = collect.Retry{Attempts: 4, First: time.Millisecond, Most: time.Millisecond}
	return p
}

func parsed(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	want(t, err, nil, "parse "+address)
	return u
}

// makePackage returns bytes that no other call returns, and their hash.
func makePackage(t *testing.T) (sha string, pkg []byte) {
	t.Helper()
	pkg = make([]byte, 100_000)
	_, _ = rand.Read(pkg) // does not fail (Go 1.24)
	sum := sha256.Sum256(pkg)
	return hex.EncodeToString(sum[:]), pkg
}

func wantPackage(t *testing.T, what string, got []byte, err error, pkg []byte) {
	t.Helper()
	if err != nil || !bytes.Equal(got, pkg) {
		t.Errorf("%s: %d bytes (%v), want the same %d", what, len(got), err, len(pkg))
	}
}

// request asks as anybody can: without a token.
func (w warehouse) request(t *testing.T, method, address string, body []byte) (status int, answer []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(body))
	want(t, err, nil, "make a request")
	r.Header.Set("x-ms-blob-type", "BlockBlob")
	resp, err := w.client.Do(r)
	want(t, err, nil, method)
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	want(t, err, nil, "read the answer")
	return resp.StatusCode, answer
}

func TestPackages(t *testing.T) {
	w := openWarehouse(t)
	for name, test := range map[string]func(*testing.T, warehouse){
		"are kept and pruned": keptAndPruned, "are lent": lent, "answer lost": answerLost, "no container": noContainer,
		"other bytes": otherBytes, "fall due to the limit": overTheLimit,
	} {
		t.Run(name, func(t *testing.T) { test(t, w) })
	}
}

func keptAndPruned(t *testing.T, w warehouse) {
	p, ctx := w.shelf(t, "kept"), t.Context()
	old, oldPackage := makePackage(t)
	sha, pkg := makePackage(t)
	_, err := p.Get(ctx, sha)
	want(t, err, collect.ErrNotFound, "get before put")
	_, err = p.Deployed(ctx)
	want(t, err, collect.ErrNotFound, "nothing deployed")
	want(t, p.Put(ctx, old, oldPackage), nil, "put the old one")
	want(t, p.Put(ctx, sha, pkg), nil, "put")
	want(t, p.Put(ctx, sha, pkg), nil, "put again")

	// What is not ours to delete.
	strangers := []string{"released-package.zip", sha + ".zip.bak", "x" + old + ".zip", strings.ToUpper(old) + ".zip", "sub/" + old + ".zip"}
	for _, name := range strangers {
		w.place(t, "kept", name, []byte(name))
	}
	want(t, p.Prune(ctx, sha), nil, "prune")
	want(t, p.Prune(ctx, sha), nil, "prune again")
	_, err = p.Get(ctx, old)
	want(t, err, collect.ErrNotFound, "get what was pruned")
	got, err := p.Get(ctx, sha)
	wantPackage(t, "get what was kept", got, err, pkg)
	got, err = p.Deployed(ctx)
	wantPackage(t, "deployed", got, err, []byte("released-package.zip"))
	for _, name := range strangers {
		if status, got := w.asIdentity(t, http.MethodGet, w.Blob+"/kept/"+name, nil); status != http.StatusOK || string(got) != name {
			t.Errorf("%s: %d %q after the prune", name, status, got)
		}
	}
}

// place puts a blob there that is none of ours.
func (w warehouse) place(t *testing.T, container, name string, body []byte) {
	t.Helper()
	if status, answer := w.asIdentity(t, http.MethodPut, w.Blob+"/"+container+"/"+name, body); status != http.StatusCreated {
		t.Fatalf("place %s: %d %s", name, status, answer)
	}
}

// asIdentity asks with a token.
func (w warehouse) asIdentity(t *testing.T, method, address string, body []byte) (status int, answer []byte) {
	t.Helper()
	with := *w.client
	with.Transport = bearer{w.client.Transport}
	return warehouse{w.Secure, &with}.request(t, method, address, body)
}

type bearer struct{ http.RoundTripper }

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", "Bearer "+azurite.Token(time.Hour))
	r.Header.Set("x-ms-version", "2018-11-09")
	return b.RoundTripper.RoundTrip(r)
}

func lent(t *testing.T, w warehouse) {
	p, ctx := w.shelf(t, "lent"), t.Context()
	sha, pkg := makePackage(t)
	other, otherPackage := makePackage(t)
	want(t, p.Put(ctx, sha, pkg), nil, "put")
	want(t, p.Put(ctx, other, otherPackage), nil, "put another")
	address, err := p.Lend(ctx, sha, time.Hour)
	want(t, err, nil, "lend")
	signature, isOurs := strings.CutPrefix(address, w.Blob+"/lent/"+sha+".zip?")
	if !isOurs {
		t.Fatalf("lent: %s", address)
	}
	status, got := w.request(t, http.MethodGet, address, nil)
	if status != http.StatusOK || !bytes.Equal(got, pkg) {
		t.Errorf("the lent address answers %d, %d bytes: %.300s", status, len(got), got)
	}
	q, err := url.ParseQuery(signature)
	want(t, err, nil, "parse the signature")
	if q.Get("sp") != "r" || q.Get("spr") != "https" || q.Get("sr") != "b" {
		t.Errorf("lends permissions %q, protocol %q, resource %q", q.Get("sp"), q.Get("spr"), q.Get("sr"))
	}
	longer := url.Values{}
	for name, values := range q {
		longer[name] = values
	}
	longer.Set("se", "2099-01-01T00:00:00Z")
	for what, c := range map[string]struct {
		method, address string
		body            []byte
	}{
		"no signature":     {http.MethodGet, p.Address(sha), nil},
		"another blob":     {http.MethodGet, p.Address(other) + "?" + signature, nil},
		"to write":         {http.MethodPut, address, pkg},
		"to delete":        {http.MethodDelete, address, nil},
		"to list":          {http.MethodGet, w.Blob + "/lent?restype=container&comp=list&" + signature, nil},
		"for ever":         {http.MethodGet, p.Address(sha) + "?" + longer.Encode(), nil},
		"other permission": {http.MethodPut, p.Address(sha) + "?" + strings.Replace(signature, "sp=r", "sp=rw", 1), pkg},
	} {
		if status, answer := w.request(t, c.method, c.address, c.body); status < 400 || status >= 500 {
			t.Errorf("%s: answered %d %.200q", what, status, answer)
		}
	}
	got, err = p.Get(ctx, sha)
	wantPackage(t, "after all that", got, err, pkg)
}

// answerLost: the package is stored, and the connection breaks before that is known.
func answerLost(t *testing.T, w warehouse) {
	real := parsed(t, w.Blob)
	var puts atomic.Int64
	front := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		proxy := &httputil.ReverseProxy{
			Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(&url.URL{Scheme: real.Scheme, Host: real.Host}) },
			Transport: w.client.Transport,
		}
		if r.Method == http.MethodPut && puts.Add(1) == 1 {
			stored := httptest.NewRecorder()
			if proxy.ServeHTTP(stored, r); stored.Code != http.StatusCreated {
				t.Errorf("the first put is answered %d", stored.Code)
			}
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(rw, r)
	}))
	defer front.Close()
	direct := w.shelf(t, "lost")
	p := openPackages(t, state.PackagesOptions{Container: parsed(t, front.URL+real.Path+"/lost"), Credential: emulated{}, HTTP: w.client})
	sha, pkg := makePackage(t)
	want(t, p.Put(t.Context(), sha, pkg), nil, "put")
	if puts.Load() != 2 {
		t.Errorf("%d puts, want another one after the first", puts.Load())
	}
	got, err := direct.Get(t.Context(), sha)
	wantPackage(t, "get", got, err, pkg)
}

func noContainer(t *testing.T, w warehouse) {
	p := openPackages(t, state.PackagesOptions{Container: parsed(t, w.Blob+"/nobody-made-it"), Credential: emulated{}, HTTP: w.client})
	sha, pkg := makePackage(t)
	_, get := p.Get(t.Context(), sha)
	_, deployed := p.Deployed(t.Context())
	errs := map[string]error{"put": p.Put(t.Context(), sha, pkg), "get": get, "deployed": deployed, "prune": p.Prune(t.Context(), sha)}
	wantFaults(t, errs, collect.JudgesUs, "UPDATE_PACKAGE_CONTAINER", "deploy the template with selfUpdate")
	for doing, err := range errs {
		if errors.Is(err, collect.ErrNotFound) {
			t.Errorf("%s: a missing container is taken for a missing package", doing)
		}
	}
}

func otherBytes(t *testing.T, w warehouse) {
	p := w.shelf(t, "other-bytes")
	sha, pkg := makePackage(t)
	w.place(t, "other-bytes", sha+".zip", []byte("something else"))
	_, err := p.Get(t.Context(), sha)
	wantFaults(t, map[string]error{"get": err}, collect.JudgesUs, "SHA-256", "UPDATE_PACKAGE_CONTAINER", sha)
	want(t, p.Put(t.Context(), sha, pkg), nil, "put mends it")
	got, err := p.Get(t.Context(), sha)
	wantPackage(t, "get", got, err, pkg)
}

func overTheLimit(t *testing.T, w warehouse) {
	roomy := w.shelf(t, "limit")
	sha, pkg := makePackage(t)
	want(t, roomy.Put(t.Context(), sha, pkg), nil, "put")
	w.place(t, "limit", "released-package.zip", pkg)
	at := parsed(t, w.Blob+"/limit")
	exact := openPackages(t, state.PackagesOptions{Container: at, Credential: emulated{}, HTTP: w.client, Limit: len(pkg)})
	got, err := exact.Get(t.Context(), sha)
	wantPackage(t, "as large as the limit", got, err, pkg)
	tight := openPackages(t, state.PackagesOptions{Container: at, Credential: emulated{}, HTTP: w.client, Limit: len(pkg) - 1})
	_, get := tight.Get(t.Context(), sha)
	_, deployed := tight.Deployed(t.Context())
	wantFaults(t, map[string]error{"get": get, "deployed": deployed}, collect.JudgesUs, "99999 bytes")
	if err := tight.Put(t.Context(), sha, pkg); err == nil || !strings.Contains(err.Error(), "99999 bytes") {
		t.Errorf("put: %v", err)
	}
}
