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

// CheckIn tells the destination, and the log, how all instances of the collector
// are. What was told is remembered after it was told: if we crash in between, or
// the answer is lost, it is told once more.
type CheckIn struct {
	Tenant string
	Types  []string
	Store  collect.Store
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
// returns the latter.
func (c *CheckIn) Run(ctx context.Context, before []collect.Finding) ([]collect.Finding, error) {
	look := &look{CheckIn: c, now: c.Now().UTC(), before: before}
	look.begin(ctx)
	look.all(ctx)
	report := look.finish()
	if c.Heartbeat != nil {
		c.Heartbeat(report)
	}
	var failed error
	if c.Send != nil {
		answer, err := c.Send(ctx, report)
		if err != nil {
			failed = fmt.Errorf("check in: %w", err)
		}
		look.last.Answer = keepable(answer, look.last.Answer)
	}
	return look.findings, errors.Join(failed, ofState(look.remember(ctx, report, failed)))
}

// begin reads what was told before, and writes that we are about to tell more: so
// a state that cannot be written is part of what is told.
func (l *look) begin(ctx context.Context) {
	last, err := loadTold(ctx, l.Store, l.Tenant)
	l.last = last
	l.since = l.last.through
	if l.last.begun.IsZero() {
		l.last.begun = l.now
	}
	l.last.At = l.now
	if err == nil {
		err = l.last.save(ctx, l.Store)
	}
	l.state(err)
}

// remember keeps what was told. Statistics come first: what is marked as reported
// is not reported again, and only then the beginning of what is not moves.
func (l *look) remember(ctx context.Context, r Report, failed error) error {
	l.last.Status, l.last.ErrorCode, l.last.Details, l.last.Error = r.Status, r.ErrorCode, r.Details, ""
	if failed != nil {
		l.last.Error = failed.Error()
		return l.last.save(ctx, l.Store)
	}
	l.last.Sent = l.now
	for _, g := range l.report.Gaps {
		l.last.gaps = later(l.last.gaps, g.Noted)
	}
	if l.expired != nil {
		l.last.expired = l.expired
	}
	var err error
	if l.summary != nil {
		if err = l.summary.Done(ctx); err == nil {
			l.last.through = l.summary.Through
		}
	}
	return errors.Join(err, l.last.save(ctx, l.Store))
}
