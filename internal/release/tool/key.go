package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"azcollector/internal/dsse"
)

// keygen makes the same file as openssl genpkey -algorithm ed25519.
type keygen struct {
	File string `arg:"" help:"The private key's file; it must not exist."`
}

func (c *keygen) Run(out io.Writer) error {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode the key: %w", err)
	}
	f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write the key: %w", err)
	}
	err = pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the key: %w", err)
	}
	_, err = fmt.Fprintln(out, dsse.FormatKey(pub))
	return err
}

type public struct {
	Keys []string `arg:"" help:"Files of private keys." type:"existingfile"`
}

func (c *public) Run(out io.Writer) error {
	keys, err := dsse.ReadKeys(c.Keys)
	if err != nil {
		return err
	}
	var texts []string
	for _, key := range keys {
		texts = append(texts, dsse.FormatKey(key.Public().(ed25519.PublicKey)))
	}
	_, err = fmt.Fprintln(out, strings.Join(texts, ","))
	return err
}
