package updater

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/release"
)

// settleTime is how long the platform may take until another version runs, after it
// took the order. Only then it is asked again.
const settleTime = 20 * time.Minute

// keepTime is for writing what became of an attempt.
const keepTime = 10 * time.Second

// advance makes the next attempt if its time has come. Attempts are claimed by moving
// the next one: of two processes one gets to make it, and of one that is killed at it
// the next comes in its time.
func (u *Upgrade) advance(ctx context.Context) error {
	if u.Platform == nil {
		return nil
	}
	due := false
	p, err := u.change(ctx, func(p *Progress) bool {
		if due = u.due(p); due {
			u.retry(p)
		}
		return due
	})
	if err != nil || !due {
		return err
	}
	step := u.take
	switch p.Phase {
	case Settling:
		step = u.settle
	case Returning:
		step = u.back
	}
	failed := step(ctx, &p)
	if failed != nil && errors.Is(ctx.Err(), context.Canceled) { // we are stopped: nothing failed
		return failed
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), keepTime) // its time may have run out
	defer done()
	ours := false
	_, err = u.change(ctx, func(now *Progress) bool {
		if ours = now.Version == p.Version && now.Attempts == p.Attempts; !ours {
			return false // somebody else has come further
		}
		if failed == nil && now.Phase == Settling {
			now.forget()
			return true
		}
		pause := settleTime
		if now.TakeError = ""; failed != nil {
			now.TakeError, pause = failed.Error(), collect.RetryAfterOf(failed)
		}
		if next := u.now().Add(pause); next.After(now.Next) {
			now.Next = next
		}
		return true
	})
	if !ours {
		return errors.Join(failed, err)
	}
	return noted(failed, err)
}

func (u *Upgrade) due(p *Progress) bool {
	if u.now().Before(p.Next) {
		return false
	}
	switch p.Phase {
	case Waiting:
		return true
	case Switching:
		return u.runs(p.From)
	case Settling, Returning:
		return u.runs(p.Version)
	}
	return false
}

// take makes a release ready, notes that it is being switched to, and asks the platform.
func (u *Upgrade) take(ctx context.Context, p *Progress) error {
	m, err := release.Verify(p.envelope, u.Trusted)
	if err != nil {
		return err
	}
	if m.Version != p.Version || m.SHA256 != p.sha256 {
		return fmt.Errorf("take release %s: the state and the manifest in it differ", p.Version)
	}
	offered, err := m.Offer(u.Version, p.Version, u.now()) // when it was seen, it was no replay
	if err != nil {
		return err
	}
	if !offered { // somebody has deployed it, or a newer one
		_, err := u.change(ctx, func(now *Progress) bool {
			same := now.Version == p.Version
			if same {
				now.forget()
			}
			return same
		})
		return err
	}
	archive, err := u.obtain(ctx, m)
	if err != nil {
		return err
	}
	if p.Phase == Waiting {
		if err := u.Platform.Try(ctx, archive, m.Version); err != nil {
			return err
		}
		if err := u.intend(ctx, p, m); err != nil {
			return err
		}
	}
	u.report(fmt.Sprintf("asks the platform for release %s", m.Version))
	return u.Platform.Run(ctx, m.SHA256)
}

// obtain returns the package as it is kept, and keeps it first if it is not. Either way
// its hash is judged: whoever can write to the container cannot sign.
func (u *Upgrade) obtain(ctx context.Context, m release.Manifest) (*zip.Reader, error) {
	if pkg, err := u.Platform.Get(ctx, m.SHA256); err == nil {
		if archive, err := m.Open(pkg); err == nil {
			return archive, nil
		}
	} else if !errors.Is(err, collect.ErrNotFound) {
		return nil, err
	}
	pkg, err := u.Platform.Download(ctx, m.Package)
	if err != nil {
		return nil, err
	}
	archive, err := m.Open(pkg)
	if err != nil {
		return nil, err
	}
	return archive, u.Platform.Put(ctx, m.SHA256, pkg)
}

// intend keeps what runs now, as the way back, and then notes what is about to happen.
// The attempts are counted anew: those before did not reach the platform.
func (u *Upgrade) intend(ctx context.Context, p *Progress, m release.Manifest) error {
	running, err := u.Platform.Running(ctx)
	if err != nil {
		return err
	}
	previous := sumOf(running)
	if previous == m.SHA256 {
		return fmt.Errorf("take release %s: its package is deployed already, but version %s runs: restart the app", m.Version, u.Version)
	}
	if err := u.Platform.Put(ctx, previous, running); err != nil {
		return err
	}
	known, err := u.Failing(ctx)
	if err != nil {
		return err
	}
	moved := false
	now, err := u.change(ctx, func(now *Progress) bool {
		if moved = now.Phase == Waiting && now.Version == m.Version; moved {
			now.Phase, now.Since, now.From, now.previous, now.known = Switching, u.now(), u.Version, previous, known
			now.Attempts = 0
			u.retry(now)
		}
		return moved
	})
	switch {
	case err != nil:
		return err
	case !moved:
		return fmt.Errorf("take release %s: another process has come further", m.Version)
	}
	*p = now
	return nil
}

// back asks the platform for the version before.
func (u *Upgrade) back(ctx context.Context, p *Progress) error {
	pkg, err := u.Platform.Get(ctx, p.previous)
	if err != nil {
		return fmt.Errorf("go back to version %s: %w", p.From, err)
	}
	if sumOf(pkg) != p.previous {
		return fmt.Errorf("go back to version %s: its package was changed in the container; deploy it by hand", p.From)
	}
	u.report(fmt.Sprintf("asks the platform for version %s again", p.From))
	return u.Platform.Run(ctx, p.previous)
}

func sumOf(pkg []byte) string {
	sum := sha256.Sum256(pkg)
	return hex.EncodeToString(sum[:])
}
