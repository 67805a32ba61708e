package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"time"

	"azcollector/internal/dsse"
	"azcollector/internal/release"
)

// validity is how long a manifest holds unless it is said: a quarter of a year to
// sign the newest one again, and the longest that a collector does not notice that it
// is kept from newer ones.
const validity = 90

// sign prints the manifest of a package. Without one it only tells whether the rest
// would do, before much is built for it.
type sign struct {
	Version  string    `required:"" help:"The release's version."`
	Minimum  string    `required:"" help:"The oldest version that may update to it directly."`
	URL      string    `required:"" help:"Where the package will lie."`
	Released time.Time `required:"" help:"The day of the release." format:"2006-01-02"`
	Expires  time.Time `help:"The day on which the manifest ends; 90 days later if not given." format:"2006-01-02"`
	Package  string    `help:"The Azure Functions package." type:"existingfile"`
	Keys     []string  `arg:"" help:"Files of private keys." type:"existingfile"`
}

func (c *sign) Run(out io.Writer) error {
	keys, err := dsse.ReadKeys(c.Keys)
	if err != nil {
		return err
	}
	m := release.Manifest{Version: c.Version, Minimum: c.Minimum, Package: c.URL, Released: c.Released, Expires: c.Expires}
	if m.Expires.IsZero() {
		m.Expires = m.Released.AddDate(0, 0, validity)
	}
	var pkg []byte
	if c.Package != "" {
		if pkg, err = readPackage(c.Package); err != nil {
			return err
		}
	}
	m.SHA256 = hashOf(pkg)
	text, err := release.Sign(m, keys...)
	if err != nil || c.Package == "" {
		return err
	}
	if _, err := m.Open(pkg); err != nil {
		return fmt.Errorf("sign %s: %w", c.Package, err)
	}
	_, err = out.Write(text)
	return err
}

func hashOf(pkg []byte) string {
	sum := sha256.Sum256(pkg)
	return hex.EncodeToString(sum[:])
}

// readPackage reads no more than it takes to see that a file is too large.
func readPackage(file string) ([]byte, error) {
	f, err := os.Open(file) // #nosec G304 -- named on the command line
	if err != nil {
		return nil, fmt.Errorf("read the package: %w", err)
	}
	defer f.Close()
	pkg, err := io.ReadAll(io.LimitReader(f, release.MaxPackage+1))
	if err != nil {
		return nil, fmt.Errorf("read the package: %w", err)
	}
	return pkg, nil
}

// verify judges signature, hash and content. It does not look at the clock: an old
// release may be looked at, too.
type verify struct {
	Keys     string `required:"" help:"Public keys, as in UPDATE_PUBLIC_KEYS."`
	Package  string `help:"The package that it is about." type:"existingfile"`
	Manifest string `arg:"" help:"manifest.json." type:"existingfile"`
}

func (c *verify) Run(out io.Writer) error {
	keys, err := dsse.ParseKeys(c.Keys)
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
		pkg, err := readPackage(c.Package)
		if err != nil {
			return err
		}
		if _, err := m.Open(pkg); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(out, "version         %s\nminimum version %s\nreleased        %s\nexpires         %s\npackage         %s\nsha256          %s\n",
		m.Version, m.Minimum, m.Released.Format(time.RFC3339), m.Expires.Format(time.RFC3339), m.Package, m.SHA256)
	return err
}
