package master

import (
	"context"
	"errors"
	"fmt"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
)

const (
	// startPause is the waiting period between two starts (Management Activity API
	// reference, "Start a subscription"). Whether it is meant per tenant, application
	// or type is not written; each type once in that time, all in one pass, is no more
	// than other collectors ask for.
	startPause = 15 * time.Minute
	// startSlack is for the source's clock, which is known to the second only, and for
	// the way to it.
	startSlack = 5 * time.Second
	// startPauseMost is how long a webhook rests at the most that Microsoft could not
	// validate, where listing goes on without it.
	startPauseMost = 6 * time.Hour
	// startLimit bounds one start, with the call that validates our webhook. If we
	// are killed under way, the next one counts from its end.
	startLimit = time.Minute
	// soon is what a pass waits for: the timer that brings the next one does not keep
	// to the second, and without patience every other pass would come too early.
	soon = 30 * time.Second
)

// due reports whether a start may be sent.
func (p *pass) due(ctx context.Context, st *State) bool {
	next := later(st.NextStart, p.paused)
	wait := next.Sub(p.Now())
	switch {
	case p.stopped:
		return false
	case wait > startPauseMost+startPause: // written by a clock that was wrong
		return true
	case wait > soon:
		if next.Equal(p.paused) {
			p.find(SubscriptionRefused, "%s is not started before %s: Microsoft refused a start without saying why", st.Type, clock(next))
		}
		return false
	case wait > 0 && collect.Wait(ctx, wait) != nil:
		return false
	}
	return !p.Now().Before(next)
}

// reachable is what to do given that our address can be reached, or that it
// cannot; nil: nothing. It is probed once a pass, because Microsoft's own attempt
// costs 15 minutes if it fails. Where only we are kept out, that attempt is the only
// way to know.
func (p *pass) reachable(ctx context.Context, plan *plan) *plan {
	if plan.hook == nil || plan.hook != p.ours {
		return plan
	}
	if !p.probed {
		p.probed, p.public = true, p.Probe(ctx, p.ours.Address, p.ours.AuthID)
		if errors.Is(p.public, ErrKeptOut) {
			p.public = nil
		}
		if p.public != nil && ctx.Err() == nil {
			p.find(WebhookUnreachable, "%v", p.public)
		}
	}
	switch {
	case p.public == nil:
		return plan
	case ctx.Err() != nil:
		return nil
	}
	return plan.instead
}

// carryOut sends a start. The row says so before it is sent: of two processes one
// gets to write it, and if we are killed in between, nobody starts again within
// 15 minutes.
func (p *pass) carryOut(ctx context.Context, st *State, is *microsoft.Subscription, plan *plan) {
	st.Started = p.time()
	st.NextStart = st.Started.Add(startLimit + startPause + startSlack)
	switch err := st.save(ctx, p.Store); {
	case errors.Is(err, collect.ErrChanged):
		return
	case err != nil:
		p.errs = append(p.errs, ofState(err))
		return
	}
	starting, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("no answer within %v", startLimit))
	started, err := p.Start(starting, st.Type, plan.hook)
	cancel()
	st.NextStart = p.time().Add(startPause + startSlack)
	if err == nil {
		p.succeeded(ctx, st, is, &started, plan)
	} else {
		p.refused(ctx, st, is, plan, err)
	}
	if err := st.insist(ctx, p.Store); err != nil {
		p.errs = append(p.errs, ofState(err))
	}
}

func (p *pass) succeeded(ctx context.Context, st *State, was, started *microsoft.Subscription, plan *plan) {
	switch {
	case collecting(was), st.doubt:
	case !st.offSince.IsZero():
		p.lost(ctx, st)
		p.find(SubscriptionRestarted, "%s was %s and is started again: what became available since %s may be lost",
			st.Type, st.Status, clock(st.offSince))
		st.offSince = time.Time{}
	case was != nil:
		p.find(SubscriptionRestarted, "%s was %s and is started again: since when is not known, and what became available meanwhile may be lost",
			st.Type, st.Status)
	}
	st.see(started, p.time())
	st.bare, st.tries, st.LastError = false, 0, ""
	if plan.hook != nil && plan.hook == p.ours {
		st.moved(p.Address, p.time())
	} else {
		st.set = ""
	}
	st.Plan = p.judge(started, st).String()
}

// refused decides when, and how, it is tried again.
func (p *pass) refused(ctx context.Context, st *State, is *microsoft.Subscription, plan *plan, err error) {
	st.LastError = err.Error()
	finding, explained := sourceFinding(err)
	fault, _ := errors.AsType[*collect.Fault](err)
	switch {
	case collect.VerdictOf(err) != collect.JudgesUs:
		p.stopped = fault != nil && fault.Code == "AF429" // the others would only be refused as well
		p.errs = append(p.errs, withCode(SubscriptionsUnknown, err))
		return
	case !explained:
		p.pause(ctx, err)
		finding = collect.Finding{Code: SubscriptionRefused, Text: err.Error()}
	case finding.Code != WebhookUnreachable:
		p.stopped = finding.Code != PermissionMissing && finding.Code != SubscriptionRefused // the rest holds for all types
	case plan.hook != nil && plan.hook != p.ours:
		finding = collect.Finding{Code: SubscriptionRefused, Text: fmt.Sprintf(
			"%s is off and has somebody's webhook at %s, which Microsoft cannot validate: make that one answer, or `azcollector subscriptions stop %s --yes` takes it away", st.Type, shown(plan.hook.Address), st.Type)}
	case collecting(is):
		st.tries++
		st.NextStart = p.time().Add(min(startPause<<min(st.tries-1, 10), startPauseMost) + startSlack)
	default:
		st.bare = true
	}
	p.findings = append(p.findings, finding)
}

// pause keeps all of the tenant's subscriptions from being started: a refusal that
// nobody understands is not repeated five times.
func (p *pass) pause(ctx context.Context, why error) {
	p.stopped = true
	if err := keepPause(ctx, p.Store, p.Tenant, p.time().Add(startPause+startSlack), why.Error()); err != nil {
		p.errs = append(p.errs, ofState(err))
	}
}

// time is the source's clock, as a row keeps it.
func (p *pass) time() time.Time { return p.Now().UTC().Truncate(time.Millisecond) }
