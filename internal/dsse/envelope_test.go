package dsse_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"testing"

	"azcollector/internal/dsse"
)

// keyNamed is the same key in every run: nothing here is secret.
func keyNamed(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

var ours, next = keyNamed("ours"), keyNamed("next")

// The example of https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
func TestPreAuthenticationEncoding(t *testing.T) {
	got := dsse.PAE("http://example.com/HelloWorld", []byte("hello world"))
	if want := "DSSEv1 29 http://example.com/HelloWorld 11 hello world"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
