package release

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"

	"azcollector/internal/dsse"
)

// payloadType says what the signed bytes are.
const payloadType = "application/vnd.azcollector.release.v1+json"

// Sign wraps a manifest and signs it with each key: see [dsse.Sign].
func Sign(m Manifest, keys ...ed25519.PrivateKey) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	payload, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode the manifest: %w", err)
	}
	text, err := dsse.Sign(payloadType, payload, keys...)
	if err != nil {
		return nil, fmt.Errorf("sign the manifest: %w", err)
	}
	return text, nil
}

// Verify returns the manifest in an envelope if at least one of the trusted keys has
// signed it.
func Verify(text []byte, trusted []ed25519.PublicKey) (Manifest, error) {
	payload, err := dsse.Verify(text, payloadType, trusted)
	if err != nil {
		return Manifest{}, fmt.Errorf("verify the manifest: %w", err)
	}
	return readManifest(payload)
}
