package updater

import (
	"archive/zip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
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
// the next comes in its time. failing is what is wrong already.
func (u *Upgrade) advance(ctx context.Context, failing []string) error {
	if u.Platform == nil {
		return nil
	}
	due, claim := false, rand.Text()
	p, err := u.change(ctx, func(p *Progress) bool {
		if due = u.due(p); due {
			p.claim = claim
			u.retry(p)
		}
		return due
	})
	if err != nil || !due {
		return err
	}
	failed := u.attempt(ctx, &p, failing)
	if failed != nil && errors.Is(ctx.Err(), context.Canceled) { // we are stopped: nothing failed
		return failed
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), keepTime) // its time may have run out
	defer done()
	ours := false
	_, err = u.change(ctx, func(now *Progress) bool {
		if ours = now.still(&p); ours {
			u.conclude(now, p.orders, failed)
		}
		return ours // else somebody has come further
	})
	if !ours {
		return errors.Join(failed, err)
	}
	return noted(failed, err)
}

func (u *Upgrade) attempt(ctx context.Context, p *Progress, failing []string) error {
	switch p.Phase {
	case Settling:
		return u.settle(ctx, p)
	case Returning:
		return u.back(ctx, p)
	}
	return u.take(ctx, p, failing)
}

// conclude notes what became of an attempt, before which there were so many orders.
func (u *Upgrade) conclude(p *Progress, before int, failed error) {
	if failed == nil && p.Phase == Settling {
		p.forget()
		return
	}
	pause := settleTime
	if p.TakeError = ""; failed != nil {
		p.TakeError, pause = failed.Error(), collect.RetryAfterOf(failed)
		if p.orders = min(p.orders, max(before, 1)); isNo(failed) { // a day without a line to the platform is one order
			p.orders = before
		}
	}
	if next := u.now().Add(pause); next.After(p.Next) {
		p.Next = next
	}
}

// isNo reports whether an error is an answer of the platform, and says that it did
// nothing: a 5xx may come after it was done.
func isNo(err error) bool {
	fault, ok := errors.AsType[*collect.Fault](err)
	return ok && fault.Code != "" && !strings.HasPrefix(fault.Code, "5")
}

// due reports whether an attempt is to be made, and is ours. What a clock that was wrong
// has put off for longer than anything is put off, is due.
func (u *Upgrade) due(p *Progress) bool {
	most := again.Most + time.Hour
	if p.Phase == Waiting {
		most += 2 * u.HoldBack
	}
	if left := p.Next.Sub(u.now()); left > 0 && left < most {
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
func (u *Upgrade) take(ctx context.Context, p *Progress, failing []string) error {
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
			same := now.still(p)
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
		if err := u.intend(ctx, p, m, failing); err != nil {
			return err
		}
	}
	return u.order(ctx, p, m.SHA256, fmt.Sprintf("asks the platform for release %s", m.Version))
}

// order notes that the platform may have been asked, and asks it: it may kill us before
// it answers.
func (u *Upgrade) order(ctx context.Context, p *Progress, sha256, said string) error {
	ours := false
	_, err := u.change(ctx, func(now *Progress) bool {
		if ours = now.still(p); ours {
			now.orders++
		}
		return ours
	})
	if err == nil && !ours {
		err = errOvertaken
	}
	if err != nil {
		return err
	}
	u.report(said)
	return u.Platform.Run(ctx, sha256)
}

var errOvertaken = errors.New("another process has come further")

// obtain returns the package as it is kept, and keeps it first if it is not. Either way
// its hash is judged: whoever can write to the container cannot sign.
func (u *Upgrade) obtain(ctx context.Context, m release.Manifest) (*zip.Reader, error) {
	pkg, err := u.Platform.Get(ctx, m.SHA256)
	if err == nil {
		if archive, err := m.Open(pkg); err == nil {
			return archive, nil
		}
	} else if !isGone(err) {
		return nil, err
	}
	pkg, err = u.Platform.Download(ctx, m.Package)
	if err != nil {
		return nil, err
	}
	archive, err := m.Open(pkg)
	if err != nil {
		return nil, err
	}
	return archive, u.Platform.Put(ctx, m.SHA256, pkg)
}

// isGone reports whether an error says that a package is not kept, or is not what was kept.
func isGone(err error) bool {
	return errors.Is(err, collect.ErrNotFound) || collect.VerdictOf(err) == collect.Broken
}

// intend keeps what runs now, as the way back, and then notes what is about to happen.
// The attempts are counted anew: those before did not reach the platform.
func (u *Upgrade) intend(ctx context.Context, p *Progress, m release.Manifest, failing []string) error {
	previous, err := u.keepRunning(ctx, p)
	if err != nil {
		return err
	}
	if previous == m.SHA256 {
		return fmt.Errorf("take release %s: its package is deployed already, but version %s runs: restart the app", m.Version, u.Version)
	}
	before, err := u.Failing(ctx)
	if err != nil {
		return err
	}
	moved := false
	now, err := u.change(ctx, func(now *Progress) bool {
		if moved = now.still(p); moved {
			now.Phase, now.Since, now.seen, now.From, now.previous = Switching, u.now(), u.now(), u.Version, previous
			now.known = slices.Concat(before, failing)
			now.good, now.goodOf = previous, u.Version
			now.Attempts, now.orders = 0, 0
			u.retry(now)
		}
		return moved
	})
	switch {
	case err != nil:
		return err
	case !moved:
		return errOvertaken
	}
	*p = now
	return nil
}

// keepRunning keeps the package that runs. Where an order came to nothing, what the
// platform would start is not what runs: then it is the one that was kept before.
func (u *Upgrade) keepRunning(ctx context.Context, p *Progress) (sha256 string, err error) {
	if u.runs(p.goodOf) {
		pkg, err := u.Platform.Get(ctx, p.good)
		if err == nil && sumOf(pkg) == p.good {
			return p.good, nil
		}
		if err != nil && !isGone(err) {
			return "", err
		}
	}
	running, err := u.Platform.Running(ctx)
	if err != nil {
		return "", err
	}
	sha256 = sumOf(running)
	return sha256, u.Platform.Put(ctx, sha256, running)
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
	return u.order(ctx, p, p.previous, fmt.Sprintf("asks the platform for version %s again", p.From))
}

func sumOf(pkg []byte) string {
	sum := sha256.Sum256(pkg)
	return hex.EncodeToString(sum[:])
}
