package release

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// clockSkew is how far a release may lie in the future: who signs gives a day, and
// it begins up to 14 hours earlier in the east than in UTC.
const clockSkew = 24 * time.Hour

// Offer judges everything that can be judged before the package is downloaded, and
// reports whether a collector of the version current takes this release at now.
// After every answer without an error the caller keeps Version, and gives it as
// newestSeen the next time ("" at first): an older manifest is then known for a
// replay, even if it is newer than current.
//
// An error means that the manifest is not to be believed now, that the release is
// newer but cannot be taken from here, or that current is no released version.
// Versions may have a leading v, as the program has it.
func (m Manifest) Offer(current, newestSeen string, now time.Time) (bool, error) {
	current = strings.TrimPrefix(current, "v")
	if !isVersion(current) {
		return false, fmt.Errorf("compare version %.100q with release %s: it is no released version; deploy a release by hand first", current, m.Version)
	}
	if err := m.Believable(newestSeen, now); err != nil {
		return false, err
	}
	switch {
	case compare(m.Version, current) <= 0:
		return false, nil
	case isCandidate(m.Version) && !isCandidate(current):
		return false, nil // candidates are for those who run one
	case compare(current, m.Minimum) < 0:
		return false, fmt.Errorf("update from %s to %s: only %s and later update to it directly; deploy %s by hand first", current, m.Version, m.Minimum, m.Minimum)
	}
	return true, nil
}

// Believable refuses what a trusted key did sign, but not for this moment: what has
// ended, is yet to come, or is older than what was seen. It does so even if the version is
// the running one: to be shown an old manifest for ever is how one is kept from an
// update.
func (m Manifest) Believable(newestSeen string, now time.Time) error {
	newestSeen = strings.TrimPrefix(newestSeen, "v")
	switch {
	case !now.Before(m.Expires):
		return fmt.Errorf("believe the manifest of release %s: it ended at %s; whoever makes the releases must sign the newest again, or something keeps newer ones from here", m.Version, m.Expires.Format(time.RFC3339))
	case m.Released.Sub(now) > clockSkew:
		return fmt.Errorf("believe the manifest of release %s: released is %s, which is yet to come; look at the clock here (%s)", m.Version, m.Released.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case newestSeen == "":
		return nil
	case !isVersion(newestSeen):
		return fmt.Errorf("believe the manifest of release %s: the newest version seen is kept as %.100q, must be like 1.4.0", m.Version, newestSeen)
	case compare(m.Version, newestSeen) < 0:
		return fmt.Errorf("believe the manifest of release %s: release %s was seen before; releases do not go back", m.Version, newestSeen)
	}
	return nil
}

func isCandidate(version string) bool { return semver.Prerelease("v"+version) != "" }
