package release

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// MaxPackage is the most bytes a package may have: ten times today's, so that
// whoever downloads one need not read for ever.
const MaxPackage = 128 << 20

// Check reads a downloaded package to its end and reports whether it is the one
// that the manifest names.
func (m Manifest) Check(pkg io.Reader) error {
	hash := sha256.New()
	n, err := io.Copy(hash, io.LimitReader(pkg, MaxPackage+1))
	switch {
	case err != nil:
		return fmt.Errorf("read the package of release %s: %w", m.Version, err)
	case n > MaxPackage:
		return fmt.Errorf("check the package of release %s: it has more than %d bytes", m.Version, MaxPackage)
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); !strings.EqualFold(sum, m.SHA256) {
		return fmt.Errorf("check the package of release %s: its sha256 is %s, the manifest says %s", m.Version, sum, m.SHA256)
	}
	return nil
}

// CheckLayout reports whether an archive is one that the Functions host can run:
// host.json and a handler that may be executed at the root, and functions in
// first-level folders. What else a later release brings is not looked at.
func CheckLayout(archive *zip.Reader) error {
	var handler, host bool
	functions := 0
	for _, f := range archive.File {
		switch dir, base := path.Split(f.Name); {
		case !fs.ValidPath(strings.TrimSuffix(f.Name, "/")) || strings.Contains(f.Name, `\`):
			return fmt.Errorf("check the package: %q is no path inside it", f.Name)
		case f.Name == "handler":
			// The Elastic Premium host does not set the execute bit itself.
			if handler = f.Mode().IsRegular() && f.Mode().Perm()&0o111 == 0o111; !handler {
				return fmt.Errorf("check the package: handler has mode %v, must be executable (-rwxr-xr-x)", f.Mode())
			}
		case f.Name == "host.json":
			host = true
		case base == "function.json" && strings.Count(dir, "/") == 1:
			functions++
		case base == "function.json":
			return fmt.Errorf("check the package: %s is not in a first-level folder, where alone the host looks", f.Name)
		}
	}
	if !handler || !host || functions == 0 {
		return errors.New("check the package: needs handler and host.json at its root, and folders with a function.json")
	}
	return nil
}
