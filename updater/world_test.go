package updater_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"azcollector/internal/collect"
	"azcollector/internal/dsse"
	"azcollector/internal/state"
	"azcollector/updater"
)

const tenant = "0a1b2c3d-0000-4000-8000-000000000001"

// signature stands for what a shared access signature has in an address.
const signature = "sv=2026-02-06&sig=aHVudGVyMg%3D%3D"

// keyNamed is the same key in every run: nothing here is secret.
func keyNamed(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

var (
	ours, stranger = keyNamed("ours"), keyNamed("stranger")
	trusted        = []ed25519.PublicKey{ours.Public().(ed25519.PublicKey)}
)

// document is one whose words are its concurrency.
func document(version, concurrency int) string {
	return fmt.Sprintf(`{"version": %d, "settings": {"O365_CONCURRENCY": %d}}`, version, concurrency)
}

// wrap signs what Seal might not.
func wrap(t testing.TB, payloadType, payload string, key ed25519.PrivateKey) []byte {
	t.Helper()
	envelope, err := dsse.Sign(payloadType, []byte(payload), key)
	if err != nil {
		t.Fatal(err)
	}
	return envelope
}

func seal(t testing.TB, payload string) []byte {
	t.Helper()
	return wrap(t, updater.ConfigType, payload, ours)
}

// A world is a server with a configuration, and a collector with a state of its own.
type world struct {
	*updater.Sync
	server *httptest.Server

	mu     sync.Mutex
	answer http.HandlerFunc
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store, err := state.OpenEmbedded(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{}
	w.server = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		answer := w.answer
		w.mu.Unlock()
		answer(rw, r)
	}))
	t.Cleanup(w.server.Close)
	w.Sync = &updater.Sync{
		Tenant: tenant, Store: store, Trusted: trusted,
		Fetch: updater.Fetch(w.server.Client(), w.address()),
		Check: func(d updater.Document) error {
			if string(d.Settings["O365_CONCURRENCY"]) == "0" {
				return errors.New("O365_CONCURRENCY: must be more")
			}
			return nil
		},
	}
	return w
}

func (w *world) address() string { return w.server.URL + "/config.json?" + signature }

func (w *world) answers(h http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = h
}

func (w *world) publish(envelope []byte) {
	w.answers(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(envelope) })
}

func (w *world) kept(t *testing.T) collect.Config {
	t.Helper()
	c, err := collect.LoadConfig(context.WithoutCancel(t.Context()), w.Store, tenant)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
