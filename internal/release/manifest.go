// Package release is what a release says of itself: a manifest that names the
// package, its hash and who may update to it, in a signed envelope.
//
// Its one promise: [Verify] returns only what the holder of a trusted key has
// signed, and reads no byte of it before the signature is found good. [Manifest.Offer]
// then judges the moment and the version, [Manifest.Open] the downloaded package. It
// downloads nothing and installs nothing.
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
	// Released is the day of the release, by the word of who signed it. A hold-back
	// counts from when a collector first saw the release, not from here.
	Released time.Time `json:"released"`
	// Expires is when the manifest ends. Whoever keeps a collector from newer ones can
	// do so no longer than that without being noticed; the newest release is signed
	// again before it.
	Expires time.Time `json:"expires"`
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
	m.SHA256 = strings.ToLower(m.SHA256) // it becomes a name
	return m, nil
}

// check is applied when signing as well: what we would not take we do not give.
func (m Manifest) check() error {
	var complaints []error
	complain := func(field, value, right string) {
		complaints = append(complaints, fmt.Errorf("manifest: %s is %.100q: must be %s", field, value, right))
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
	if u, err := url.Parse(m.Package); err != nil {
		complaints = append(complaints, errors.New("manifest: packageUrl is no URL: must be an https URL"))
	} else if u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Contains(m.Package, "#") {
		// The rest of it may hold a password or a signature.
		shown := (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
		complain("packageUrl", shown, "an https URL without user info and fragment")
	}
	if sum, err := hex.DecodeString(m.SHA256); err != nil || len(sum) != 32 {
		complain("sha256", m.SHA256, "64 hexadecimal digits")
	}
	const date = "a time like 2026-11-22T00:00:00Z"
	if m.Released.IsZero() {
		complain("released", "", date)
	}
	if m.Expires.IsZero() {
		complain("expires", "", date)
	} else if !m.Expires.After(m.Released) {
		complain("expires", m.Expires.Format(time.RFC3339), "after released, "+m.Released.Format(time.RFC3339))
	}
	return errors.Join(complaints...)
}

// isVersion demands all three numbers and refuses build metadata, which has no
// order: semver.Canonical completes the one and drops the other.
func isVersion(version string) bool {
	return version != "" && semver.Canonical("v"+version) == "v"+version
}

func compare(a, b string) int { return semver.Compare("v"+a, "v"+b) }
