package master

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"azcollector/internal/collect"
)

// clockTolerance is what validators of Entra's tokens allow (DefaultClockSkew of
// Microsoft.IdentityModel).
const clockTolerance = 5 * time.Minute

// How long one part of a look may take. None of them needs a second in a store
// that is well; the directory is asked for something that it need not tell.
const (
	partTime       = 10 * time.Second
	credentialTime = 5 * time.Second
)

// A look is one report in the making.
type look struct {
	*CheckIn
	now      time.Time
	before   []collect.Finding
	last     Told
	since    time.Time // statistics before were reported
	findings []collect.Finding
	report   Report
	summary  *collect.Summary // nil: cannot be read
	expired  map[string]int64 // all that is known, reported or not
}

func (l *look) all(ctx context.Context) {
	ctx, cancel := sparing(ctx, tellTime)
	defer cancel()
	l.part(ctx, "the credential's end", credentialTime, l.credential)
	if l.Skew != nil {
		if skew := l.Skew(); skew.Abs() > clockTolerance {
			l.find(ClockWrong, "this machine's clock is %v off by Microsoft's", skew.Round(time.Second))
		}
	}
	if l.Trouble != nil {
		if err := l.Trouble(); err != nil {
			l.destination(err)
		}
	}
	l.part(ctx, "statistics", partTime, l.statistics)
	l.part(ctx, "how far was listed", partTime, l.listing)
	l.part(ctx, "unobserved stretches", partTime, l.gaps)
	l.part(ctx, "expired contents", partTime, l.losses)
	l.part(ctx, "pending contents", partTime, l.pending)
	l.part(ctx, "dead letters", partTime, l.deadLetters)
	l.strange()
}

// part looks at one thing. What cannot be seen in time is left out, and the report
// says so: nobody knows that the state failed.
func (l *look) part(ctx context.Context, name string, limit time.Duration, look func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := look(ctx)
	if err != nil && ctx.Err() != nil {
		l.report.Omitted = append(l.report.Omitted, name)
		return
	}
	l.state(err)
}

func (l *look) finish() Report {
	l.report.Findings = slices.Concat(l.before, l.findings)
	l.report.judge()
	return l.report
}

func (l *look) find(code, format string, args ...any) {
	l.findings = append(l.findings, collect.Finding{Code: code, Text: fmt.Sprintf(format, args...)})
}

// told reports whether a finding of this code and about this exists already.
func (l *look) told(code, about string) bool {
	is := func(f collect.Finding) bool { return f.Code == code && strings.Contains(f.Text, about) }
	return slices.ContainsFunc(l.before, is) || slices.ContainsFunc(l.findings, is)
}

// state tells of a store that fails, once: whatever we look for is in it.
func (l *look) state(err error) {
	if err != nil && !l.told(StateFailed, "") {
		l.find(StateFailed, "%v", err)
	}
}

func (l *look) credential(ctx context.Context) error {
	if l.Expires == nil {
		return nil
	}
	at, setting := l.Expires(ctx)
	l.report.CredentialExpires = at
	switch left := at.Sub(l.now); {
	case at.IsZero():
		return ctx.Err()
	case left > CredentialWarning:
	case left > 0:
		l.find(CredentialExpires, "%s expires on %s", setting, at.Format(time.DateOnly))
	case !l.told(CredentialExpired, ""):
		l.find(CredentialExpired, "%s expired on %s", setting, at.Format(time.DateOnly))
	}
	return nil
}

func (l *look) destination(err error) {
	code := DestinationUnreachable
	if collect.VerdictOf(err) != collect.Temporary {
		code = DestinationRefuses
	}
	if !l.told(code, "") {
		l.find(code, "%v", err)
	}
}

func (l *look) statistics(ctx context.Context) (err error) {
	l.summary, err = collect.Unreported(ctx, l.Store, l.Tenant, l.since)
	if err != nil {
		return err
	}
	l.report.Stats, l.report.Alive = l.summary.Stats, l.summary.Alive
	l.report.Lags = lagsOf(&l.summary.Stats)
	return nil
}
