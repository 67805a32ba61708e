package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"azcollector/internal/release"
)

// sign prints the manifest of a package that was just made.
type sign struct {
	Version  string    `required:"" help:"The release's version."`
	Minimum  string    `required:"" help:"The oldest version that may update to it directly."`
	URL      string    `required:"" help:"Where the package will lie."`
	Released time.Time `required:"" help:"The day of the release." format:"2006-01-02"`
	Package  string    `required:"" help:"The Azure Functions package." type:"existingfile"`
	Keys     []string  `arg:"" help:"Files of private keys." type:"existingfile"`
}

func (c *sign) Run(out io.Writer) error {
	keys, err := readKeys(c.Keys)
	if err != nil {
		return err
	}
	if err := checkPackage(c.Package); err != nil {
		return err
	}
	sum, err := hashOf(c.Package)
	if err != nil {
		return err
	}
	m := release.Manifest{Version: c.Version, Minimum: c.Minimum, Package: c.URL, SHA256: sum, Released: c.Released}
	text, err := release.Sign(m, keys...)
	if err != nil {
		return err
	}
	for _, key := range keys { // what no collector would take never leaves this machine
		if _, err := release.Verify(text, []ed25519.PublicKey{key.Public().(ed25519.PublicKey)}); err != nil {
			return err
		}
	}
	_, err = out.Write(text)
	return err
}

func hashOf(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("hash the package: %w", err)
	}
	defer f.Close()
	hash := sha256.New()
	if n, err := io.Copy(hash, f); err != nil {
		return "", fmt.Errorf("hash the package: %w", err)
	} else if n > release.MaxPackage {
		return "", fmt.Errorf("sign %s: it has %d bytes, and collectors take at most %d", file, n, release.MaxPackage)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// verify does what the updater does with what it downloaded.
type verify struct {
	Keys     string `required:"" help:"Public keys, as in UPDATE_PUBLIC_KEYS."`
	Package  string `help:"The package that it is about." type:"existingfile"`
	Manifest string `arg:"" help:"manifest.json." type:"existingfile"`
}

func (c *verify) Run(out io.Writer) error {
	keys, err := release.ParseKeys(c.Keys)
	if err != nil {
		return fmt.Errorf("--keys: %w", err)
	}
	text, err := os.ReadFile(c.Manifest)
	if err != nil {
		return fmt.Errorf("read the manifest: %w", err)
	}
	m, err := release.Verify(text, keys)
	if err != nil {
		return err
	}
	if c.Package != "" {
		f, err := os.Open(c.Package)
		if err != nil {
			return fmt.Errorf("read the package: %w", err)
		}
		err = m.Check(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		if err := checkPackage(c.Package); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(out, "version         %s\nminimum version %s\nreleased        %s\npackage         %s\nsha256          %s\n",
		m.Version, m.Minimum, m.Released.Format(time.RFC3339), m.Package, m.SHA256)
	return err
}
