package release

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

const (
	// payloadType says what the signed bytes are. It is signed with them, so that a
	// signature made for something else is none for a manifest.
	payloadType = "application/vnd.azcollector.release.v1+json"
	// maxEnvelope is far above a manifest with a dozen signatures, and little enough
	// to be read at once from a stranger.
	maxEnvelope = 64 << 10
)

// An envelope is the Dead Simple Signing Envelope, version 1:
// https://github.com/secure-systems-lab/dsse/blob/master/envelope.md
type envelope struct {
	PayloadType string      `json:"payloadType"`
	Payload     string      `json:"payload"` // base64
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	KeyID string `json:"keyid,omitempty"` // for people: it decides nothing
	Sig   string `json:"sig"`             // base64
}

// pae is the pre-authentication encoding, over which the signatures are made:
// https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
func pae(payloadType string, payload []byte) []byte {
	encoded := []byte("DSSEv1 " + strconv.Itoa(len(payloadType)) + " " + payloadType + " " + strconv.Itoa(len(payload)) + " ")
	return append(encoded, payload...)
}

// Sign wraps a manifest and signs it with each key. While keys are changed, both
// the old and the new one sign. The same manifest and keys give the same bytes.
func Sign(m Manifest, keys ...ed25519.PrivateKey) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, errors.New("sign the manifest: no key is given")
	}
	payload, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode the manifest: %w", err)
	}
	e := envelope{PayloadType: payloadType, Payload: base64.StdEncoding.EncodeToString(payload)}
	for _, key := range keys {
		e.Signatures = append(e.Signatures, signature{
			KeyID: keyID(key.Public().(ed25519.PublicKey)),
			Sig:   base64.StdEncoding.EncodeToString(ed25519.Sign(key, pae(payloadType, payload))),
		})
	}
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the envelope: %w", err)
	}
	if text = append(text, '\n'); len(text) > maxEnvelope {
		return nil, fmt.Errorf("sign the manifest: it has %d bytes with its signatures, at most %d", len(text), maxEnvelope)
	}
	return text, nil
}

// Verify returns the manifest in an envelope if at least one of the trusted keys
// has signed it. Nothing in the envelope chooses the key: each is tried.
func Verify(text []byte, trusted []ed25519.PublicKey) (Manifest, error) {
	switch {
	case len(trusted) == 0:
		return Manifest{}, errors.New("verify the manifest: no key is trusted")
	case len(text) > maxEnvelope:
		return Manifest{}, fmt.Errorf("verify the manifest: it has %d bytes, at most %d", len(text), maxEnvelope)
	}
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil {
		return Manifest{}, fmt.Errorf("parse the manifest's envelope: %w", err)
	}
	if e.PayloadType != payloadType {
		return Manifest{}, fmt.Errorf("verify the manifest: payloadType is %.100q, want %q", e.PayloadType, payloadType)
	}
	payload, err := decode(e.Payload)
	if err != nil {
		return Manifest{}, errors.New("verify the manifest: the payload is no base64")
	}
	if !e.signedBy(trusted, pae(e.PayloadType, payload)) {
		return Manifest{}, fmt.Errorf("verify the manifest: none of its %d signatures is by one of the %d trusted keys", len(e.Signatures), len(trusted))
	}
	return readManifest(payload)
}

func (e envelope) signedBy(trusted []ed25519.PublicKey, message []byte) bool {
	for _, s := range e.Signatures {
		sig, err := decode(s.Sig)
		if err != nil {
			continue // another one may be good
		}
		for _, key := range trusted {
			if len(key) == ed25519.PublicKeySize && ed25519.Verify(key, message, sig) {
				return true
			}
		}
	}
	return false
}

// decode takes both alphabets, as verifiers must (protocol.md).
func decode(text string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return base64.URLEncoding.DecodeString(text)
	}
	return b, nil
}
