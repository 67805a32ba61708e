package updater

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// maxProofs is how many runs of master a new version has to show that it works.
	maxProofs = 3
	// unseenTime is how long the version before may still run beside a new one. If it
	// does for longer, the platform, or somebody, has put it back.
	unseenTime = 2 * time.Hour
)

// Begin is called before anything else in each run of master. It finds out what runs
// now, and counts the runs of a version that has yet to prove itself: also those that
// do not come to their end.
func (u *Upgrade) Begin(ctx context.Context) error {
	said := ""
	_, err := u.change(ctx, func(p *Progress) (changed bool) {
		said, changed = u.arrive(p)
		return changed
	})
	if err == nil {
		u.report(said)
	}
	return err
}

func (u *Upgrade) arrive(p *Progress) (said string, changed bool) {
	isNew, isOld := u.runs(p.Version), u.runs(p.From)
	switch {
	case p.Phase == Idle || p.Phase == Waiting && !isNew:
		return "", false
	case p.Phase == Switching && isOld, (p.Phase == Settling || p.Phase == Returning) && isNew:
		return "", false // not yet
	case p.Phase == Switching && isNew:
		p.Phase, p.Since, p.runs, p.Attempts, p.Next, p.TakeError = Proving, u.now(), 1, 0, time.Time{}, ""
		return fmt.Sprintf("release %s runs; version %s ran before", p.Version, p.From), true
	case p.Phase == Proving && isNew && p.runs >= maxProofs:
		return u.leave(p, fmt.Sprintf("%d runs of master did not come to their end", p.runs)), true
	case p.Phase == Proving && isNew:
		p.runs++
		return "", true
	case (p.Phase == Proving || p.Phase == Settling) && isOld && u.now().Sub(p.Since) < unseenTime:
		return "", false
	case p.Phase == Proving && isOld:
		p.Refused, p.Why = p.Version, "the version before it was put back"
	case p.Phase == Returning && isOld:
		p.Refused = p.Version
		said = fmt.Sprintf("version %s runs again; release %s is not taken any more (%s)", p.From, p.Version, p.Why)
	}
	p.forget() // it is done, or somebody has deployed another version
	return said, true
}

// leave begins the way back.
func (u *Upgrade) leave(p *Progress, why string) string {
	p.Phase, p.Since, p.Why, p.Attempts, p.Next, p.TakeError = Returning, u.now(), why, 0, u.now(), ""
	return fmt.Sprintf("goes back from release %s to %s: %s", p.Version, p.From, why)
}

// End is called after everything else in each run of master, with the codes of the
// errors that it found. It judges a new version by them, and carries the retries: the
// updater's own next run may be half a day away. What fails is in the state then, and no
// error of master's.
func (u *Upgrade) End(ctx context.Context, failing []string) error {
	said := ""
	p, err := u.change(ctx, func(p *Progress) (changed bool) {
		if p.Phase == Proving && u.runs(p.Version) {
			said, changed = u.judge(p, failing)
		}
		return changed
	})
	if err != nil {
		return err
	}
	u.report(said)
	if p.hurry || p.Looked.IsZero() || p.Phase == Idle && p.LookError != "" && !u.now().Before(p.Next) {
		err = errors.Join(err, unnoted(u.look(ctx)))
	}
	return errors.Join(err, unnoted(u.advance(ctx)))
}

// unnoted is an error that nobody will be told of later.
func unnoted(err error) error {
	if _, ok := errors.AsType[notedError](err); ok {
		return nil
	}
	return err
}

func (u *Upgrade) judge(p *Progress, failing []string) (said string, changed bool) {
	failing = slices.DeleteFunc(slices.Clone(failing), func(code string) bool { return slices.Contains(p.known, code) })
	if len(failing) == 0 {
		p.Phase, p.Since, p.Refused, p.Why, p.Attempts, p.Next = Settling, u.now(), "", "", 0, u.now()
		return fmt.Sprintf("release %s works", p.Version), true
	}
	why := fmt.Sprintf("it finds what version %s did not: %s", p.From, strings.Join(failing, ", "))
	if p.runs >= maxProofs {
		return u.leave(p, why), true
	}
	p.Why = why
	return "", true
}

// settle tells the platform of a version that has proved itself, and forgets the
// packages of all but it and the one before. What runs is asked for, since the platform
// may have to fetch it again, and the row is a stranger's word.
func (u *Upgrade) settle(ctx context.Context, p *Progress) error {
	if err := u.Platform.Settle(ctx); err != nil {
		return err
	}
	running, err := u.Platform.Running(ctx)
	if err != nil {
		return err
	}
	return u.Platform.Prune(ctx, sumOf(running), p.previous)
}
