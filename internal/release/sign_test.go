package release_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"azcollector/internal/release"
)

// keyNamed is the same key in every run: nothing here is secret.
func keyNamed(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

var (
	ours, next, stranger = keyNamed("ours"), keyNamed("next"), keyNamed("stranger")
	trusted              = []ed25519.PublicKey{public(ours)}
)

func good() release.Manifest {
	return release.Manifest{
		Version: "1.4.0", Minimum: "1.2.0",
		Package:  "https://releases.example/azcollector/v1.4.0/azcollector_1.4.0_linux_amd64.zip",
		SHA256:   strings.Repeat("a1", 32),
		Released: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		Expires:  time.Date(2027, 2, 20, 0, 0, 0, 0, time.UTC),
	}
}

func sign(t testing.TB, m release.Manifest, keys ...ed25519.PrivateKey) []byte {
	t.Helper()
	text, err := release.Sign(m, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// An envelope as a stranger would write it, by the specification and not by the
// code under test.
type envelope struct {
	PayloadType string      `json:"payloadType"`
	Payload     string      `json:"payload"`
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	KeyID string `json:"keyid"`
	Sig   string `json:"sig"`
}

const manifestType = "application/vnd.azcollector.release.v1+json"

// wrap signs any bytes as any type.
func wrap(t testing.TB, kind string, payload []byte, keys ...ed25519.PrivateKey) []byte {
	t.Helper()
	e := envelope{PayloadType: kind, Payload: base64.StdEncoding.EncodeToString(payload)}
	message := fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(kind), kind, len(payload), payload)
	for _, key := range keys {
		e.Signatures = append(e.Signatures, signature{Sig: base64.StdEncoding.EncodeToString(ed25519.Sign(key, message))})
	}
	return encode(t, e)
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// edit changes a signed envelope.
func edit(t testing.TB, text []byte, change func(*envelope)) []byte {
	t.Helper()
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatal(err)
	}
	change(&e)
	return encode(t, e)
}

func TestSignedManifestIsRead(t *testing.T) {
	text := sign(t, good(), ours)
	if !bytes.Equal(text, sign(t, good(), ours)) {
		t.Error("signed twice, the envelopes differ")
	}
	urlSafe := strings.NewReplacer("+", "-", "/", "_")
	for name, c := range map[string]struct {
		text []byte
		keys []ed25519.PublicKey
	}{
		"one key":                       {text, trusted},
		"one of several trusted keys":   {text, []ed25519.PublicKey{public(next), public(ours)}},
		"signed by the old and new":     {sign(t, good(), next, ours), trusted},
		"one signature is a stranger's": {sign(t, good(), stranger, ours), trusted},
		"one signature is rubbish": {edit(t, text, func(e *envelope) {
			e.Signatures = append([]signature{{Sig: "?"}, {Sig: ""}}, e.Signatures...)
		}), trusted},
		"the key id says nothing": {edit(t, text, func(e *envelope) { e.Signatures[0].KeyID = "another" }), trusted},
		"the other base64 alphabet": {edit(t, text, func(e *envelope) {
			e.Payload, e.Signatures[0].Sig = urlSafe.Replace(e.Payload), urlSafe.Replace(e.Signatures[0].Sig)
		}), trusted},
		"a nil key among the trusted": {text, []ed25519.PublicKey{nil, public(ours)}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := release.Verify(c.text, c.keys)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(good(), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestForgeriesAreRefused(t *testing.T) {
	text := sign(t, good(), ours)
	payload := encode(t, good())
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"no JSON":                  {[]byte("version 1.4.0"), "parse the envelope"},
		"the bare manifest":        {payload, "payloadType"},
		"no signature":             {edit(t, text, func(e *envelope) { e.Signatures = nil }), "none of its 0 signatures"},
		"a stranger's signature":   {sign(t, good(), stranger), "none of its 1 signatures"},
		"another payload":          {edit(t, text, func(e *envelope) { e.Payload = base64.StdEncoding.EncodeToString([]byte(`{"version":"9.9.9"}`)) }), "none of its"},
		"signed as another type":   {wrap(t, "application/json", payload, ours), "payloadType"},
		"another type's signature": {edit(t, wrap(t, "application/json", payload, ours), func(e *envelope) { e.PayloadType = manifestType }), "none of its"},
		"a payload not in base64":  {edit(t, text, func(e *envelope) { e.Payload = "{}" }), "no base64"},
		"too long":                 {append(bytes.Clone(text), bytes.Repeat([]byte(" "), 64<<10)...), "at most 65536"},
		"text behind the envelope": {append(bytes.Clone(text), '{'), "parse the envelope"},
		// The signature comes first: were it not so, these would be judged by their content.
		"unsigned rubbish": {wrap(t, manifestType, []byte("{"), stranger), "none of its"},
		// A trusted key can be wrong as well.
		"signed rubbish":   {wrap(t, manifestType, []byte("{"), ours), "parse the manifest:"},
		"signed emptiness": {wrap(t, manifestType, []byte("{}"), ours), `version is "": must be`},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := release.Verify(c.text, trusted)
			if err == nil || !strings.Contains(err.Error(), c.want) || m != (release.Manifest{}) {
				t.Errorf("got %+v and error %v, want none and one with %q", m, err, c.want)
			}
		})
	}
	if _, err := release.Verify(text, nil); err == nil || !strings.Contains(err.Error(), "no key is trusted") {
		t.Errorf("without keys: %v", err)
	}
	if _, err := release.Sign(good()); err == nil || !strings.Contains(err.Error(), "no key is given") {
		t.Errorf("signed without keys: %v", err)
	}
	// More than Verify would read: a signature takes more than a hundred bytes.
	if _, err := release.Sign(good(), slices.Repeat([]ed25519.PrivateKey{ours}, 600)...); err == nil || !strings.Contains(err.Error(), "at most 65536") {
		t.Errorf("signed with too many keys: %v", err)
	}
}

// FuzzVerify: one manifest was ever signed, so no text whatever yields another.
func FuzzVerify(f *testing.F) {
	text := sign(f, good(), ours)
	f.Add(text)
	f.Add(sign(f, good(), stranger, ours))
	f.Add(edit(f, text, func(e *envelope) { e.PayloadType = "" }))
	f.Add(wrap(f, manifestType, encode(f, good()), stranger))
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := release.Verify(text, trusted); err == nil && m != good() {
			t.Errorf("accepted %+v", m)
		}
	})
}

// FuzzPayload: what the key's holder signs is read or refused, and what is read
// could have been signed by us.
func FuzzPayload(f *testing.F) {
	f.Add(encode(f, good()))
	f.Add([]byte(`{"version":"1.4.0","more":[1]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		m, err := release.Verify(wrap(t, manifestType, payload, ours), trusted)
		if err != nil {
			return
		}
		again, err := release.Verify(sign(t, m, ours), trusted)
		if err != nil || !again.Released.Equal(m.Released) || !again.Expires.Equal(m.Expires) {
			t.Fatalf("%+v came back as %+v: %v", m, again, err)
		}
		if again.Released, again.Expires = m.Released, m.Expires; again != m {
			t.Errorf("%+v came back as %+v", m, again)
		}
	})
}
