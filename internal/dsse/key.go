package dsse

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// spkiSize is the length of an Ed25519 key in the form that openssl pkey -pubout
// writes: 12 bytes of DER before the key's own 32 (RFC 8410, section 4).
const spkiSize = 12 + ed25519.PublicKeySize

// ParseKeys reads public keys as FormatKey writes them, separated by commas.
// Spaces around them are allowed.
func ParseKeys(text string) ([]ed25519.PublicKey, error) {
	parts := strings.Split(text, ",")
	var keys []ed25519.PublicKey
	var complaints []error
	for i, part := range parts {
		key, err := parseKey(strings.TrimSpace(part))
		if err != nil {
			complaints = append(complaints, fmt.Errorf("key %d of %d: %w", i+1, len(parts), err))
			continue
		}
		keys = append(keys, key)
	}
	if err := errors.Join(complaints...); err != nil {
		return nil, err
	}
	return keys, nil
}

func parseKey(text string) (ed25519.PublicKey, error) {
	const right = "write an Ed25519 public key as the base64 of its 32 bytes (44 characters), without PEM lines"
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	switch {
	case text == "":
		return nil, errors.New("is empty; " + right)
	case err != nil:
		return nil, errors.New("is no base64; " + right)
	case len(raw) == spkiSize:
		return nil, fmt.Errorf("has %d bytes, as openssl writes it; leave out the first %d: %s", len(raw), spkiSize-ed25519.PublicKeySize, right)
	case len(raw) != ed25519.PublicKeySize:
		return nil, fmt.Errorf("has %d bytes; %s", len(raw), right)
	}
	return raw, nil
}

// FormatKey is the base64 of a public key's 32 bytes, as settings have it.
func FormatKey(key ed25519.PublicKey) string { return base64.StdEncoding.EncodeToString(key) }

// keyID lets a person see which key signed: the beginning of its SHA-256.
func keyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}
