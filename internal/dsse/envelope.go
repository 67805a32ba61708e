// Package dsse is the Dead Simple Signing Envelope, version 1, with Ed25519: one JSON
// file that holds a payload and signatures over it, so that neither travels without
// the other (https://github.com/secure-systems-lab/dsse).
//
// Its one promise: [Verify] returns only bytes that the holder of a trusted key has
// signed as what they are taken for. What the bytes mean is not its business.
package dsse

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// MaxEnvelope is far above a manifest with a dozen signatures, and little enough to be
// read at once from a stranger.
const MaxEnvelope = 64 << 10

// An envelope is as https://github.com/secure-systems-lab/dsse/blob/master/envelope.md
// has it.
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

// Sign wraps a payload and signs it with each key. While keys are changed, both the old
// and the new one sign. The same payload and keys give the same bytes. The type is
// signed with it, so that a signature made for something else is none for this.
func Sign(payloadType string, payload []byte, keys ...ed25519.PrivateKey) ([]byte, error) {
	if len(keys) == 0 {
		return nil, errors.New("no key is given")
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
	if text = append(text, '\n'); len(text) > MaxEnvelope {
		return nil, fmt.Errorf("it has %d bytes with its signatures, at most %d", len(text), MaxEnvelope)
	}
	return text, nil
}

// Verify returns the payload of an envelope if at least one of the trusted keys has
// signed it as payloadType. Nothing in the envelope chooses the key: each is tried.
func Verify(text []byte, payloadType string, trusted []ed25519.PublicKey) ([]byte, error) {
	switch {
	case len(trusted) == 0:
		return nil, errors.New("no key is trusted")
	case len(text) > MaxEnvelope:
		return nil, fmt.Errorf("it has %d bytes, at most %d", len(text), MaxEnvelope)
	}
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, fmt.Errorf("parse the envelope: %w", err)
	}
	if e.PayloadType != payloadType {
		// Not what it is: nobody has signed that yet, and a server may repeat the address
		// that it was asked for, with the signature in it.
		return nil, fmt.Errorf("payloadType is not %q", payloadType)
	}
	payload, err := decode(e.Payload)
	if err != nil {
		return nil, errors.New("the payload is no base64")
	}
	if !e.signedBy(trusted, pae(payloadType, payload)) {
		return nil, fmt.Errorf("none of its %d signatures is by one of the %d trusted keys", len(e.Signatures), len(trusted))
	}
	return payload, nil
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
