package master

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
)

// Subscriptions keeps a tenant's subscriptions started, and their webhooks ours.
type Subscriptions struct {
	Tenant string
	Types  []string
	// Address is where notifications are to go; "": nowhere, all is listed.
	Address string
	// Watch: the subscriptions are another collector's. They are looked at, and nothing
	// is started, changed or probed, whatever Address says.
	Watch bool
	// AuthID is the secret that comes with them, out of the state.
	AuthID func(context.Context) (string, error)

	// List, Start and Notifications are those of the tenant's [microsoft.Feed].
	List          func(context.Context) ([]microsoft.Subscription, error)
	Start         func(ctx context.Context, contentType string, hook *microsoft.Webhook) (microsoft.Subscription, error)
	Notifications func(ctx context.Context, contentType string, from, to time.Time) iter.Seq2[microsoft.Notification, error]
	// Probe asks whether Address is ours and can be reached: see [Probe].
	Probe func(ctx context.Context, address, authID string) error

	Store collect.Store
	// Now is the source's clock.
	Now func() time.Time
}

// A pass is one look at all subscriptions.
type pass struct {
	*Subscriptions
	now     time.Time
	ours    *microsoft.Webhook // nil: we want none
	paused  time.Time          // nothing is started before
	stopped bool               // nothing more is started in this pass
	doubt   bool               // the list may be wrong
	probed  bool
	public  error // why Address is not reachable, once probed

	findings []collect.Finding
	errs     []error
}

// Run starts what is missing, disabled, expired or not ours any more. What an
// administrator can mend is a finding; an error is what may pass by itself. It
// does as well on its own as behind other steps.
func (s *Subscriptions) Run(ctx context.Context, _ []collect.Finding) ([]collect.Finding, error) {
	listed, err := s.List(ctx)
	if err != nil {
		if finding, ok := sourceFinding(err); ok {
			return []collect.Finding{finding}, nil
		}
		return nil, withCode(SubscriptionsUnknown, err)
	}
	p := &pass{Subscriptions: s}
	p.now = p.time() // by now the API has told it
	if err := p.begin(ctx); err != nil {
		return nil, err
	}
	p.doubt = p.doubts(ctx, listed)
	tend := p.tend
	if s.Watch {
		tend = p.watch
	}
	for _, contentType := range s.Types {
		tend(ctx, contentType, lookup(listed, contentType))
	}
	for _, contentType := range s.Types {
		p.listen(ctx, contentType, lookup(listed, contentType))
	}
	return p.findings, errors.Join(p.errs...)
}

func (p *pass) begin(ctx context.Context) (err error) {
	if p.paused, err = loadPause(ctx, p.Store, p.Tenant); err != nil {
		return ofState(err)
	}
	if p.Address == "" || p.Watch {
		return nil
	}
	authID, err := p.AuthID(ctx)
	if err != nil {
		return ofState(fmt.Errorf("look up the webhook's secret: %w", err))
	}
	p.ours = &microsoft.Webhook{Status: "enabled", Address: p.Address, AuthID: authID}
	return nil
}

// tend looks after one subscription; is is nil if there is none.
func (p *pass) tend(ctx context.Context, contentType string, is *microsoft.Subscription) {
	st := p.open(ctx, contentType)
	if st == nil {
		return
	}
	st.see(is, p.now)
	p.absence(ctx, st, is)
	plan := p.judge(is, st)
	if p.fight(st, is) && plan != nil {
		plan = plan.instead // what does not collect is started with their webhook
	}
	st.Plan = plan.String()
	if plan != nil && p.due(ctx, st) {
		if plan = p.reachable(ctx, plan); plan != nil {
			p.carryOut(ctx, st, is, plan)
			return
		}
	}
	p.keep(ctx, st)
}

// open reads what is known of a subscription. nil: that failed, or another process
// looked after our list was made, and may have started it.
func (p *pass) open(ctx context.Context, contentType string) *State {
	st, err := loadState(ctx, p.Store, p.Tenant, contentType)
	if err != nil {
		p.errs = append(p.errs, ofState(err))
		return nil
	}
	if ahead := st.SeenAt.Sub(p.now); ahead >= 0 && ahead < startPause {
		return nil
	}
	return st
}

// keep writes what was seen. Whoever writes the row at this moment saw the same as
// we did.
func (p *pass) keep(ctx context.Context, st *State) {
	if err := st.save(ctx, p.Store); err != nil && !errors.Is(err, collect.ErrChanged) {
		p.errs = append(p.errs, ofState(err))
	}
}

func (p *pass) find(code, format string, args ...any) {
	p.findings = append(p.findings, collect.Finding{Code: code, Text: fmt.Sprintf(format, args...)})
}

func lookup(listed []microsoft.Subscription, contentType string) *microsoft.Subscription {
	for i := range listed {
		if strings.EqualFold(listed[i].ContentType, contentType) {
			return &listed[i]
		}
	}
	return nil
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }
