package state_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"azcollector/internal/collect"
)

func wantPayload(t *testing.T, s collect.Store, name string, body []byte) {
	t.Helper()
	got, err := s.Payload(t.Context(), name)
	want(t, err, nil, "read payload")
	if !bytes.Equal(got, body) {
		t.Fatalf("payload %.40q has %d bytes that are not the %d written", name, len(got), len(body))
	}
}

func payloadLife(t *testing.T, s collect.Store, kind string) {
	name := kind + "|life"
	_, err := s.Payload(t.Context(), name)
	want(t, err, collect.ErrNotFound, "read before")
	want(t, s.DeletePayload(t.Context(), name), nil, "delete before")

	large := make([]byte, 5<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(large)
	for _, body := range [][]byte{large, []byte("small"), {}, large[1:]} {
		want(t, s.PutPayload(t.Context(), name, body), nil, "put")
		wantPayload(t, s, name, body)
	}
	want(t, s.DeletePayload(t.Context(), name), nil, "delete")
	_, err = s.Payload(t.Context(), name)
	want(t, err, collect.ErrNotFound, "read after")
	want(t, s.DeletePayload(t.Context(), name), nil, "delete again")
}

func payloadNames(t *testing.T, s collect.Store, _ string) {
	names := []string{
		".", "..", "../state.db", "/etc/passwd", `a\b`, "a/b", "a_2Fb", "a|b", "a_7Cb", "a.", ".a", "?sig=x#y", "ü", "%2e%2e", "\x00",
		strings.Repeat("n", 200), strings.Repeat("n", 201), strings.Repeat("n", 5000), strings.Repeat("n", 5000) + "x",
	}
	for _, name := range names {
		want(t, s.PutPayload(t.Context(), name, []byte(name)), nil, "put")
	}
	for _, name := range names {
		wantPayload(t, s, name, []byte(name))
		want(t, s.DeletePayload(t.Context(), name), nil, "delete")
	}
	want(t, s.PutPayload(t.Context(), "", nil), collect.ErrLimit, "put without a name")
	_, err := s.Payload(t.Context(), "")
	want(t, err, collect.ErrLimit, "read without a name")
	want(t, s.DeletePayload(t.Context(), ""), collect.ErrLimit, "delete without a name")
}
