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
	// maxFailed is how many runs of master, one behind the other, may fail under a new
	// version, by what they find or by not coming to their end.
	maxFailed = 3
	// maxRuns is how many it may take to show that all works: three hours.
	maxRuns = 12
	// proofTime is after how long a release that neither works nor fails hinders no
	// newer one.
	proofTime = 6 * time.Hour
	// unseenTime is how long the version before may still run beside a new one. If it
	// does for longer, the platform, or somebody, has put it back.
	unseenTime = 2 * time.Hour
	// silence is longer than two runs of master are apart. If the version before was not
	// seen for so long after the platform was asked, and is again, another one could not
	// start.
	silence = 40 * time.Minute
	// maxOrders is how often the platform is asked for a release that does not come.
	maxOrders = 2
)

// Begin is called before anything else in each run of master. It finds out what runs
// now, and counts the runs of a version that has yet to prove itself: also those that
// do not come to their end. Where no platform runs us, it may be another program that is
// proved, and nothing is done.
func (u *Upgrade) Begin(ctx context.Context) error {
	if u.Platform == nil {
		return nil
	}
	said := ""
	p, err := u.change(ctx, func(p *Progress) (changed bool) {
		ahead := p.Since.After(u.now()) // a clock was; nothing would ever be later
		if ahead {
			p.Since = u.now()
		}
		said, changed = u.arrive(p)
		return changed || ahead
	})
	if err != nil {
		return err
	}
	u.report(said)
	if p.Phase == Returning && u.runs(p.Version) { // a run that does not come to its end does not come to End
		return unnoted(u.advance(ctx, nil))
	}
	return nil
}

// arrive notes what runs now.
func (u *Upgrade) arrive(p *Progress) (said string, changed bool) {
	switch {
	case p.Phase == Idle:
		return "", false
	case u.runs(p.Version):
		return u.arriveNew(p)
	case p.Phase == Waiting:
		return "", false
	case u.runs(p.From):
		return u.arriveOld(p)
	}
	p.forget() // somebody has deployed another version
	return "", true
}

func (u *Upgrade) arriveNew(p *Progress) (said string, changed bool) {
	switch p.Phase {
	case Waiting: // somebody has deployed it
		p.forget()
		return "", true
	case Switching:
		p.Phase, p.Since, p.Attempts, p.Next, p.TakeError = Proving, u.now(), 0, time.Time{}, ""
		p.runs, p.failed, p.open = 1, 0, true
		return fmt.Sprintf("release %s runs; version %s ran before", p.Version, p.From), true
	case Proving:
		if p.runs++; p.open {
			p.failed++
		}
		if p.open = true; p.failed >= maxFailed {
			said = u.leave(p, fmt.Sprintf("%d runs of master did not come to their end", p.failed), nil)
		}
		return said, true
	}
	return "", false
}

func (u *Upgrade) arriveOld(p *Progress) (said string, changed bool) {
	switch p.Phase {
	case Switching:
		silent := u.now().Sub(p.seen) > silence
		p.seen = u.now()
		if p.orders > 0 && (silent || p.orders >= maxOrders && !u.now().Before(p.Next)) {
			p.Refused, p.Why = p.Version, fmt.Sprintf("the platform was asked for it, and runs version %s: it cannot start, or was put back", p.From)
			said = fmt.Sprintf("release %s is not taken any more: %s", p.Version, p.Why)
			p.forget()
		}
		return said, true
	case Proving:
		if u.now().Sub(p.Since) < unseenTime {
			return "", false
		}
		p.Refused, p.Why = p.Version, "the version before it was put back"
		p.forget()
		return "", true
	case Returning:
		if p.orders == 0 && u.now().Sub(p.Since) < unseenTime {
			return "", false // one that was left over
		}
		said = fmt.Sprintf("version %s runs again; release %s is not taken any more (%s)", p.From, p.Version, p.Why)
		p.Refused, p.Version, p.From, p.sha256 = p.Version, p.From, p.Version, ""
		p.Phase, p.Since, p.Attempts, p.Next, p.TakeError = Settling, u.now(), 0, u.now(), ""
		return said, true
	}
	if u.now().Sub(p.Since) >= unseenTime { // a release that works was put away
		p.forget()
		return "", true
	}
	return "", false
}

// leave begins the way back.
func (u *Upgrade) leave(p *Progress, why string, found []string) string {
	p.Phase, p.Since, p.Why, p.left, p.Attempts, p.Next, p.TakeError = Returning, u.now(), why, found, 0, u.now(), ""
	p.orders = 0
	return fmt.Sprintf("goes back from release %s to %s: %s", p.Version, p.From, why)
}

// End is called after everything else in each run of master, with the codes of the
// errors that it found. It judges a new version by them, and carries the retries: the
// updater's own next run may be half a day away. What fails is in the state then, and no
// error of master's.
func (u *Upgrade) End(ctx context.Context, failing []string) error {
	p, err := LoadProgress(ctx, u.Store, u.Tenant)
	if err == nil && u.Platform != nil {
		p, err = u.end(ctx, p, failing)
	}
	if err != nil {
		return err
	}
	if p.Looked.IsZero() || (p.hurry || p.LookError != "") && !u.now().Before(p.lookNext) {
		err = unnoted(u.look(ctx))
	}
	return errors.Join(err, unnoted(u.advance(ctx, failing)))
}

// end judges what runs.
func (u *Upgrade) end(ctx context.Context, p Progress, failing []string) (_ Progress, err error) {
	evident := true
	if p.Phase == Proving && u.Evident != nil {
		if evident, err = u.Evident(ctx, p.Since); err != nil {
			return p, err
		}
	}
	said := ""
	p, err = u.change(ctx, func(p *Progress) (changed bool) {
		switch {
		case p.Phase == Proving && u.runs(p.Version):
			said = u.judge(p, failing, evident)
			return true
		case len(p.left) > 0 && p.Phase != Returning && !u.runs(p.Refused):
			said = u.reconsider(p, failing)
			return true
		}
		return false
	})
	if err == nil {
		u.report(said)
	}
	return p, err
}

// judge judges a new version by a run of master that has come to its end.
func (u *Upgrade) judge(p *Progress, failing []string, evident bool) (said string) {
	p.open = false
	found := slices.DeleteFunc(slices.Clone(failing), func(code string) bool { return slices.Contains(p.known, code) })
	switch {
	case len(found) > 0:
		p.failed++
		p.Why = fmt.Sprintf("it finds what version %s did not: %s", p.From, strings.Join(found, ", "))
	case !evident:
		p.failed, p.Why = 0, "it has not yet shown that all works"
	default:
		p.Phase, p.Since, p.Refused, p.Why, p.Attempts, p.Next = Settling, u.now(), "", "", 0, u.now()
		p.good, p.goodOf = p.sha256, p.Version
		return fmt.Sprintf("release %s works", p.Version)
	}
	if p.failed >= maxFailed || p.runs >= maxRuns {
		return u.leave(p, p.Why, found)
	}
	return ""
}

// reconsider takes back what a release was blamed for, if the version before finds all
// of it as well: then it was somebody else's fault.
func (u *Upgrade) reconsider(p *Progress, failing []string) (said string) {
	innocent := p.Refused != "" && !slices.ContainsFunc(p.left, func(code string) bool { return !slices.Contains(failing, code) })
	p.left = nil
	if innocent {
		said = fmt.Sprintf("version %s finds it too: release %s is taken again", u.Version, p.Refused)
		p.Refused, p.Why = "", ""
	}
	return said
}

// unnoted is an error that nobody will be told of later.
func unnoted(err error) error {
	if _, ok := errors.AsType[notedError](err); ok || errors.Is(err, errOvertaken) {
		return nil
	}
	return err
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
	now, err := LoadProgress(ctx, u.Store, u.Tenant)
	if err != nil {
		return err
	}
	if !now.still(p) { // a newer one may be ordered already
		return errOvertaken
	}
	return u.Platform.Prune(ctx, sumOf(running), p.previous)
}
