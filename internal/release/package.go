package release

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

const (
	// MaxPackage is the most bytes a package may have: five times today's 6.5 MB. Whoever
	// downloads one has it in memory, and then the one that runs, beside the new program
	// that is tried, on an instance of 512 MB.
	MaxPackage = 32 << 20
	// maxUnpacked is the most bytes of all its files together: a third of the 0.8 GB of
	// temporary storage that a Flex Consumption instance has (Azure Functions, "Service
	// limits"), where a package is unpacked beside the running one.
	maxUnpacked = 256 << 20
)

// Open returns the archive of a package if it is the one that the manifest names and
// one that the Functions host can run. It takes bytes, not a file that another could
// change between the look at it and its use.
func (m Manifest) Open(pkg []byte) (*zip.Reader, error) {
	if len(pkg) > MaxPackage {
		return nil, fmt.Errorf("check the package: it has more than %d bytes", MaxPackage)
	}
	hash := sha256.Sum256(pkg)
	if sum := hex.EncodeToString(hash[:]); sum != m.SHA256 {
		return nil, fmt.Errorf("check the package: its sha256 is %s, the manifest says %.64s", sum, m.SHA256)
	}
	archive, err := zip.NewReader(bytes.NewReader(pkg), int64(len(pkg)))
	if err != nil {
		return nil, fmt.Errorf("open the package: %w", err)
	}
	if err := checkEntries(archive.File); err != nil {
		return nil, fmt.Errorf("check the package: %w", err)
	}
	if err := checkLayout(archive.File); err != nil {
		return nil, fmt.Errorf("check the package: %w", err)
	}
	return archive, nil
}

// checkEntries refuses what must not be unpacked, whoever signed it. The sizes bind:
// the zip reader stops at them.
func checkEntries(files []*zip.File) error {
	seen := map[string]bool{}
	var unpacked uint64
	for _, f := range files {
		name, kind := f.Name, fs.FileMode(0)
		if trimmed, folder := strings.CutSuffix(name, "/"); folder {
			name, kind = trimmed, fs.ModeDir
		}
		switch {
		case !fs.ValidPath(name) || name == "." || strings.Contains(name, `\`):
			return fmt.Errorf("%.100q is no path inside it", f.Name)
		case f.Mode()&^fs.ModePerm != kind:
			return fmt.Errorf("%.100q has mode %v, must be a regular file or a folder", f.Name, f.Mode())
		case seen[name]:
			return fmt.Errorf("%.100q is in it twice", f.Name)
		case f.UncompressedSize64 > maxUnpacked-unpacked:
			return fmt.Errorf("its files have more than %d bytes together", maxUnpacked)
		}
		seen[name] = true
		unpacked += f.UncompressedSize64
	}
	return nil
}

// checkLayout looks for host.json and a handler that may be executed at the root, and
// functions in first-level folders. What else a later release brings is not looked at.
func checkLayout(files []*zip.File) error {
	var handler, host bool
	functions := 0
	for _, f := range files {
		switch dir, base := path.Split(f.Name); {
		case f.Name == "handler":
			// The Elastic Premium host does not set the execute bit itself.
			if handler = f.Mode().Perm()&0o111 == 0o111; !handler {
				return fmt.Errorf("handler has mode %v, must be executable (-rwxr-xr-x)", f.Mode())
			}
		case f.Name == "host.json":
			host = true
		case base == "function.json" && strings.Count(dir, "/") == 1:
			functions++
		case base == "function.json":
			return fmt.Errorf("%.100s is not in a first-level folder, where alone the host looks", f.Name)
		}
	}
	if !handler || !host || functions == 0 {
		return errors.New("needs handler and host.json at its root, and folders with a function.json")
	}
	return nil
}
