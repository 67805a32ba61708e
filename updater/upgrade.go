package updater

import (
	"archive/zip"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/release"
)

// An Upgrade brings the collector's own code to the newest release. What runs is
// changed by the platform only, which kills us in doing so: every step is in the state
// before it is begun, so that whoever starts next, the old version or the new one, goes
// on from there. It may be at work in several processes at the same time.
type Upgrade struct {
	Tenant  string
	Store   collect.Store
	Version string                                    // of the program that runs, such as v1.4.0
	Fetch   func(ctx context.Context) ([]byte, error) // the newest signed manifest
	Trusted []ed25519.PublicKey
	// HoldBack is how long a release is known before it is taken. By chance it is up to
	// twice as long, so that a fleet does not move at once.
	HoldBack time.Duration
	// Failing returns the codes of the errors that master's last run found: what was
	// wrong before is no fault of a new version.
	Failing func(ctx context.Context) ([]string, error)
	// Evident reports whether what master does not see by itself has worked since a
	// time as well, and could be seen; nil: it always has.
	Evident func(ctx context.Context, since time.Time) (bool, error)
	// Platform changes what runs; nil: a newer release is only told of.
	Platform *Platform
	Now      func() time.Time
	Report   func(text string) // told of each step
}

// A Platform is what runs us, and the container of our own that it fetches packages
// from. Packages go by their SHA-256.
type Platform struct {
	Download func(ctx context.Context, address string) ([]byte, error)
	// Try starts the program in a package, without side effects, and lets it tell what
	// would keep it from working.
	Try func(ctx context.Context, archive *zip.Reader, version string) error
	// Put keeps a package, Get returns it (ErrNotFound), Prune forgets all but some.
	Put   func(ctx context.Context, sha256 string, pkg []byte) error
	Get   func(ctx context.Context, sha256 string) ([]byte, error)
	Prune func(ctx context.Context, keep ...string) error
	// Running returns the package that runs now.
	Running func(ctx context.Context) ([]byte, error)
	// Run makes the platform run a package that is kept; Settle is called once what runs
	// has shown that it works, and again until it succeeds.
	Run    func(ctx context.Context, sha256 string) error
	Settle func(ctx context.Context) error
}

// again is how soon what failed is tried again: at master's next run, then less and less
// often, so that a platform that is down for a day is asked a dozen times. The first
// pause, of which a half is certain, is longer than an attempt may take.
var again = collect.Retry{First: 12 * time.Minute, Most: 6 * time.Hour}

// Run looks for a newer release. Master, which runs more often, takes it.
func (u *Upgrade) Run(ctx context.Context) error { return u.look(ctx) }

// Hurry lets the collector, which may be another process, look for a release when
// master runs next, take it at once, and even if it was refused before.
func (u *Upgrade) Hurry(ctx context.Context) error {
	_, err := u.change(ctx, func(p *Progress) bool {
		p.hurry, p.lookNext = true, time.Time{}
		return true
	})
	return err
}

// look reads the manifest. Whatever is wrong with it, the release that runs stays, and
// the reason stands in the state until a look succeeds.
func (u *Upgrade) look(ctx context.Context) error {
	m, envelope, err := u.manifest(ctx)
	if err != nil && ctx.Err() != nil { // being stopped says nothing about the manifest
		return err
	}
	var failed error
	said := ""
	_, kept := u.change(ctx, func(p *Progress) bool {
		before := *p
		if failed = err; err == nil {
			failed = u.consider(p, m, envelope)
		}
		p.Looked = u.now()
		if failed != nil {
			p.LookError = failed.Error()
			p.looks++
			p.lookNext = u.now().Add(again.Pause(p.looks))
		} else {
			p.LookError, p.looks, p.lookNext, p.hurry = "", 0, time.Time{}, false
		}
		if said = ""; p.Phase == Waiting && before.Version != p.Version {
			said = fmt.Sprintf("release %s is there; it is taken after %s", p.Version, p.Next.Format(time.RFC3339))
		}
		return true
	})
	if kept == nil {
		u.report(said)
	}
	return noted(failed, kept)
}

// A notedError stands in the state, and findings tell of it.
type notedError struct{ error }

func (e notedError) Unwrap() error { return e.error }

// noted joins what failed with whether that could be written down.
func noted(failed, kept error) error {
	if failed != nil && kept == nil {
		return notedError{failed}
	}
	return errors.Join(failed, kept)
}

// Announced returns the newest release, if its manifest is believed, and changes nothing.
func (u *Upgrade) Announced(ctx context.Context) (version string, err error) {
	m, _, err := u.manifest(ctx)
	if err != nil {
		return "", err
	}
	p, err := LoadProgress(ctx, u.Store, u.Tenant)
	if err != nil {
		return "", err
	}
	return m.Version, m.Believable(p.Newest, u.now())
}

func (u *Upgrade) manifest(ctx context.Context) (release.Manifest, []byte, error) {
	envelope, err := u.Fetch(ctx)
	if err != nil {
		return release.Manifest{}, nil, err
	}
	m, err := release.Verify(envelope, u.Trusted)
	return m, envelope, err
}

// consider notes what a verified manifest announces.
func (u *Upgrade) consider(p *Progress, m release.Manifest, envelope []byte) error {
	offered, err := m.Offer(u.Version, p.Newest, u.now())
	if err != nil {
		return err
	}
	if p.Version == m.Version && p.sha256 != "" && p.sha256 != m.SHA256 {
		return fmt.Errorf("believe the manifest of release %s: it names another package than before; a release never changes", m.Version)
	}
	p.Newest = m.Version
	if p.hurry {
		p.Next = u.now()
	}
	if p.hurry && p.Phase != Proving && p.Phase != Returning { // of which Why tells
		p.Refused, p.Why = "", ""
	}
	switch {
	case !offered:
		if p.Phase == Waiting {
			p.forget()
		}
	case m.Version == p.Refused:
	case m.Version == p.Version: // perhaps signed again
		p.envelope = envelope
	case p.Phase == Idle, p.Phase == Waiting, u.stuck(p): // a newer one may be what mends it
		wait := u.HoldBack
		if p.hurry {
			wait = 0
		} else if wait > 0 {
			wait += rand.N(wait) // #nosec G404 -- spreads collectors, guards nothing
		}
		p.forget()
		p.Phase, p.Version, p.sha256, p.envelope = Waiting, m.Version, m.SHA256, envelope
		p.Seen, p.Next = u.now(), u.now().Add(wait)
	}
	return nil
}

// stuck reports whether what Phase says has not come to pass, and is not about to.
func (u *Upgrade) stuck(p *Progress) bool {
	switch p.Phase {
	case Switching, Settling:
		return p.TakeError != "" || !u.now().Before(p.Next)
	case Returning:
		return p.TakeError != ""
	case Proving:
		return u.now().Sub(p.Since) > proofTime
	}
	return false
}

// retry says when the next attempt is, if this one fails or is killed.
func (u *Upgrade) retry(p *Progress) {
	p.Attempts++
	p.Next = u.now().Add(again.Pause(p.Attempts))
}

// now is what a row keeps of the time.
func (u *Upgrade) now() time.Time { return u.Now().UTC().Truncate(time.Millisecond) }

func (u *Upgrade) report(text string) {
	if u.Report != nil && text != "" {
		u.Report(text)
	}
}

// runs reports whether a version is the one that runs.
func (u *Upgrade) runs(version string) bool {
	return version != "" && strings.TrimPrefix(u.Version, "v") == strings.TrimPrefix(version, "v")
}
