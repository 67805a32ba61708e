package collect

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
)

// keySize is that of the key of fingerprints, AES-256's.
const keySize = 32

// fingerprintKey names the row that holds the key. All processes on one state use the
// same: what one delivered, the others recognise.
var fingerprintKey = Key{Kind: kindTenant, Partition: "fingerprints", Row: "key"}

// A fingerprint tells records apart by their bytes: GMAC, the tag of AES-GCM over bytes
// that are not encrypted, a fifth of the time of SHA-256. The nonce is always the same,
// which would give an AES-GCM key away to who sees tags; here nobody sees one who does
// not see the state as well, and its key.
type fingerprint struct{ mac cipher.AEAD }

var nonce [12]byte

// of returns the first bytes of the tag. Room is scratch: what is handed to an interface
// lies on the heap.
func (f *fingerprint) of(raw []byte, room *[16]byte) (sum [8]byte) {
	copy(sum[:], f.mac.Seal(room[:0], nonce[:], nil, raw))
	return sum
}

// fingerprint reads the key once, and makes it where there is none. A row that holds none
// gets another one: records that were delivered before then count as revised, and are
// delivered again. Several may come here at once; they find the same key.
func (s *Seen) fingerprint(ctx context.Context) (*fingerprint, error) {
	if f := s.prints.Load(); f != nil {
		return f, nil
	}
	for {
		row, err := s.Store.Get(ctx, fingerprintKey)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, fmt.Errorf("read the key of fingerprints: %w", err)
		}
		key, _ := row.Fields["Key"].([]byte)
		if len(key) != keySize {
			key = make([]byte, keySize)
			_, _ = rand.Read(key) // never fails: it would end the program
			_, err := Swap(ctx, s.Store, Row{Key: fingerprintKey, Version: row.Version, Fields: Fields{"Key": key}})
			if Overtaken(err) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("keep the key of fingerprints: %w", err)
			}
		}
		f, err := newFingerprint(key)
		if err != nil {
			return nil, err
		}
		s.prints.Store(f)
		return f, nil
	}
}

func newFingerprint(key []byte) (*fingerprint, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("use the key of fingerprints: %w", err)
	}
	mac, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("use the key of fingerprints: %w", err)
	}
	return &fingerprint{mac}, nil
}
