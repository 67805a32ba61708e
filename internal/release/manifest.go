// Package release is what a release says of itself: a manifest that names the
// package, its hash and who may update to it, in a signed envelope.
//
// Its one promise: [Verify] returns only what the holder of a trusted key has
// signed, and reads no byte of it before the signature is found good. It downloads
// nothing and installs nothing.
package release

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// A Manifest describes one release. Members that a later release may add are
// ignored, so that an older collector can read it.
type Manifest struct {
	// Version is a semantic version without the leading v, such as 1.4.0.
	Version string `json:"version"`
	// Package is the https URL of the Azure Functions package. What lies there never
	// changes: the URL names the version.
	Package string `json:"packageUrl"`
	// SHA256 is the package's, as 64 hexadecimal digits.
	SHA256 string `json:"sha256"`
	// Minimum is the oldest version that may update to this one directly.
	Minimum string `json:"minimumVersion"`
	// Released is when the release was made.
	Released time.Time `json:"released"`
}

// readManifest parses a payload whose signature is good.
func readManifest(payload []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(payload, &m); err != nil {
		return Manifest{}, fmt.Errorf("parse the manifest: %w", err)
	}
	if err := m.check(); err != nil {
		return Manifest{}, err
	}
	return m, nil
}

// check is applied when signing as well: what we would not take we do not give.
func (m Manifest) check() error {
	var complaints []error
	complain := func(field, value, right string) {
		complaints = append(complaints, fmt.Errorf("manifest: %s is %q: must be %s", field, value, right))
	}
	const form = "a semantic version without v, like 1.4.0 or 1.4.0-rc.1"
	if !isVersion(m.Version) {
		complain("version", m.Version, form)
	}
	if !isVersion(m.Minimum) {
		complain("minimumVersion", m.Minimum, form)
	} else if isVersion(m.Version) && compare(m.Minimum, m.Version) > 0 {
		complain("minimumVersion", m.Minimum, "at most the version, "+m.Version)
	}
	if u, err := url.Parse(m.Package); err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Contains(m.Package, "#") {
		complain("packageUrl", m.Package, "an https URL without user info and fragment")
	}
	if sum, err := hex.DecodeString(m.SHA256); err != nil || len(sum) != 32 {
		complain("sha256", m.SHA256, "64 hexadecimal digits")
	}
	if m.Released.IsZero() {
		complain("released", m.Released.String(), "a time like 2026-11-22T00:00:00Z")
	}
	return errors.Join(complaints...)
}

// Offer reports whether a collector of the version current takes this release. An
// error means that it is newer, but cannot be taken from there, or that current is
// no released version (it may have a leading v, as the program has it).
func (m Manifest) Offer(current string) (bool, error) {
	current = strings.TrimPrefix(current, "v")
	switch {
	case !isVersion(current):
		return false, fmt.Errorf("compare version %q with release %s: it is no released version; deploy a release by hand first", current, m.Version)
	case compare(m.Version, current) <= 0:
		return false, nil
	case compare(current, m.Minimum) < 0:
		return false, fmt.Errorf("update from %s to %s: only %s and later update to it directly; deploy %s by hand first", current, m.Version, m.Minimum, m.Minimum)
	}
	return true, nil
}

// isVersion demands all three numbers and refuses build metadata, which has no
// order: semver.Canonical completes the one and drops the other.
func isVersion(version string) bool {
	return version != "" && semver.Canonical("v"+version) == "v"+version
}

func compare(a, b string) int { return semver.Compare("v"+a, "v"+b) }
