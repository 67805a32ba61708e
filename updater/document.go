package updater

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"

	"azcollector/internal/collect"
	"azcollector/internal/dsse"
)

// ConfigType is signed with the document, so that no signature made for something else
// (a release's manifest, say) is one for a configuration.
const ConfigType = "application/vnd.azcollector.config.v1+json"

// maxVersion is the largest whole number that every JSON program writes back as it
// read it (RFC 8259, section 6, speaks of the same limit, less one).
const maxVersion = 1 << 53

// A Document is a configuration. docs/config.schema.json describes it.
type Document struct {
	Version  int64                      // 1 to 2^53; a newer document has a higher one
	Settings map[string]json.RawMessage // by the names of the app settings
}

// Open returns the document in an envelope that one of the trusted keys has signed. No
// byte of the document is parsed before that is known.
func Open(envelope []byte, trusted []ed25519.PublicKey) (Document, error) {
	payload, err := unseal(envelope, trusted)
	if err != nil {
		return Document{}, fmt.Errorf("verify the configuration: %w", err)
	}
	return Read(payload)
}

func unseal(envelope []byte, trusted []ed25519.PublicKey) ([]byte, error) {
	if err := fits(envelope); err != nil {
		return nil, err
	}
	return dsse.Verify(envelope, ConfigType, trusted)
}

// Seal signs a document with each key, byte for byte as it is, after the checks that
// [Open] makes: what would be refused is not signed.
func Seal(document []byte, keys ...ed25519.PrivateKey) ([]byte, error) {
	if _, err := Read(document); err != nil {
		return nil, err
	}
	envelope, err := dsse.Sign(ConfigType, document, keys...)
	if err == nil {
		err = fits(envelope)
	}
	if err != nil {
		return nil, fmt.Errorf("sign the configuration: %w", err)
	}
	return envelope, nil
}

func fits(envelope []byte) error {
	if len(envelope) > collect.MaxConfig {
		return fmt.Errorf("the signed document has %d bytes, at most %d", len(envelope), collect.MaxConfig)
	}
	return nil
}

// Read returns the document in a text that nobody has signed yet.
func Read(text []byte) (Document, error) {
	d, err := parse(text)
	if err != nil {
		return Document{}, fmt.Errorf("read the configuration: %w", err)
	}
	return d, nil
}

// parse is stricter than encoding/json, which takes "Version" for "version" and the
// last of repeated members: two programs must not read two things in what was signed.
func parse(text []byte) (Document, error) {
	var whole json.RawMessage
	if err := json.Unmarshal(text, &whole); err != nil { // also where something follows the document
		return Document{}, err
	}
	top, err := members(whole)
	if err != nil {
		return Document{}, err
	}
	for name := range top {
		if name != "version" && name != "settings" {
			return Document{}, fmt.Errorf(`member %.100q is unknown: there are "version" and "settings"`, name)
		}
	}
	var d Document
	if err := json.Unmarshal(top["version"], &d.Version); err != nil || d.Version < 1 || d.Version > maxVersion {
		return Document{}, fmt.Errorf(`"version" must be a whole number from 1 to %d`, int64(maxVersion))
	}
	if d.Settings, err = members(top["settings"]); err != nil {
		return Document{}, fmt.Errorf(`"settings": %w`, err)
	}
	return d, nil
}

// members splits an object of valid JSON, or none at all, into its members.
func members(object json.RawMessage) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(object))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("must be a JSON object")
	}
	found := map[string]json.RawMessage{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string) // a member's name: the decoder yields nothing else here
		if _, twice := found[name]; twice {
			return nil, fmt.Errorf("member %.100q stands there twice", name)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		found[name] = value
	}
	return found, nil
}
