package master

import (
	"context"
	"errors"
	"fmt"
	"time"

	"azcollector/internal/collect"
)

// CredentialWarning is how long before its end a credential is warned of.
const CredentialWarning = 30 * 24 * time.Hour

const (
	// checkInTime bounds one check-in, whatever it is slow at. So long, too, one that
	// was killed keeps other processes from checking in.
	checkInTime = time.Minute
	// tellTime of it is kept for telling and remembering: a store so slow that little
	// can be looked at is just what should be told.
	tellTime = 20 * time.Second
	// keepTime is for each of the two things that are remembered.
	keepTime = 5 * time.Second
)

// CheckIn tells the destination, and the log, how all instances of the collector
// are. What was told is remembered after it was told: if we crash in between, or
// the answer is lost, it is told once more.
type CheckIn struct {
	Tenant string
	Types  []string
	Store  collect.Store
	// Owner names this process. While another one checks in, we do not; "" waits for
	// nobody.
	Owner string
	// Now is the source's clock, Skew what it is ahead of ours.
	Now  func() time.Time
	Skew func() time.Duration
	// Send makes a check-in and returns what was answered; nil: there is nobody to
	// tell, and the heartbeat is all.
	Send func(context.Context, Report) (answer []byte, err error)
	// Heartbeat gets every report; nil: nobody does.
	Heartbeat func(Report)
	// Trouble is why the destination takes nothing at the moment; nil: it does, or
	// that is not known.
	Trouble func() error
	// Expires is when the credential ends, and the setting that holds it; a zero
	// time, or a nil function: not known.
	Expires func(context.Context) (at time.Time, setting string)
}

// Run reports what the steps before it found and what it finds itself, and
// returns the latter. If another process is at it, there is nothing to do.
func (c *CheckIn) Run(ctx context.Context, before []collect.Finding) ([]collect.Finding, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, checkInTime, fmt.Errorf("not within %v", checkInTime))
	defer cancel()
	look := &look{CheckIn: c, now: c.Now().UTC(), before: before}
	if !look.begin(ctx) {
		return nil, nil
	}
	look.all(ctx)
	report := look.finish()
	if c.Heartbeat != nil {
		c.Heartbeat(report)
	}
	var failed error
	if c.Send != nil {
		failed = look.tell(ctx, report)
	}
	return look.findings, errors.Join(failed, ofState(look.remember(ctx, report, failed)))
}

// begin reads what was told before, and writes that we are about to tell more: so
// a state that cannot be written is part of what is told, and of two processes one
// gets to tell. It reports whether we do.
func (l *look) begin(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	last, err := loadTold(ctx, l.Store, l.Tenant)
	if last.heldFrom(l.Owner) {
		return false
	}
	l.last = last
	l.since = l.last.through
	if l.last.begun.IsZero() {
		l.last.begun = l.now
	}
	l.last.At = l.now
	l.last.owner, l.last.busy, l.last.busySince = l.Owner, true, time.Now().UTC()
	if err == nil {
		err = l.last.save(ctx, l.Store)
	}
	if collect.Overtaken(err) {
		return false
	}
	l.state(err)
	return true
}

func (l *look) tell(ctx context.Context, r Report) error {
	ctx, cancel := sparing(ctx, 2*keepTime)
	defer cancel()
	answer, err := l.Send(ctx, r)
	l.last.Answer = keepable(answer, l.last.Answer)
	if err != nil {
		return fmt.Errorf("check in: %w", err)
	}
	return nil
}

// remember keeps what was told, also if we are being stopped. Statistics come
// first: what is marked as reported is not reported again, and only then the
// beginning of what is not moves.
func (l *look) remember(ctx context.Context, r Report, failed error) error {
	l.last.Status, l.last.ErrorCode, l.last.Details, l.last.Error = r.Status, r.ErrorCode, r.Details, ""
	l.last.busy = false
	if failed != nil {
		l.last.Error = failed.Error()
		return l.keep(ctx)
	}
	l.last.Sent = l.now
	for _, g := range l.report.Gaps {
		l.last.gaps = later(l.last.gaps, g.Noted)
	}
	if l.expired != nil {
		l.last.expired = l.expired
	}
	return errors.Join(l.mark(ctx), l.keep(ctx))
}

func (l *look) mark(ctx context.Context) error {
	if l.summary == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTime)
	defer cancel()
	if err := l.summary.Done(ctx); err != nil {
		return err
	}
	l.last.through = l.summary.Through
	return nil
}

// keep writes the row. Who was overtaken leaves it: it is theirs who tell more.
func (l *look) keep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTime)
	defer cancel()
	if err := l.last.save(ctx, l.Store); err != nil && !collect.Overtaken(err) {
		return err
	}
	return nil
}

// sparing ends a time before ctx does, which has a deadline.
func sparing(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	deadline, _ := ctx.Deadline()
	return context.WithDeadlineCause(ctx, deadline.Add(-d), errors.New("the check-in's time is up"))
}
