package dsse

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
)

// ReadKeys reads several, see [ReadKey].
func ReadKeys(files []string) (keys []ed25519.PrivateKey, err error) {
	for _, file := range files {
		key, err := ReadKey(file)
		if err != nil {
			return nil, fmt.Errorf("read the key %s: %w", file, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// ReadKey reads a private key's file, which nobody but its owner may read.
func ReadKey(file string) (ed25519.PrivateKey, error) {
	f, err := os.Open(file) // #nosec G304 -- named on the command line
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	// Windows keeps permissions elsewhere; there Go makes up a mode.
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("others may read or write it (mode %04o); make it 0600, and change the key if others were there", mode)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	const right = "must be a PKCS#8 PEM file with an Ed25519 key, as openssl genpkey -algorithm ed25519 makes one"
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New(right)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New(right)
	}
	return key, nil
}
