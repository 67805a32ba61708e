package master

import (
	"context"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
)

// collecting reports whether Microsoft keeps content for us.
func collecting(is *microsoft.Subscription) bool { return is != nil && running(is.Status) }

// doubts reports whether a list is empty though all subscriptions were on a moment
// ago: more likely the list is wrong than that all of them were stopped at once.
func (p *pass) doubts(ctx context.Context, listed []microsoft.Subscription) bool {
	if len(listed) > 0 {
		return false
	}
	for _, contentType := range p.Types {
		st, err := loadState(ctx, p.Store, p.Tenant, contentType)
		if err != nil || st.Status != "enabled" || st.EnabledAt.IsZero() {
			return false
		}
	}
	return true
}

// absence notes that a subscription is off, before anything is tried, so that no
// crash hides it. An empty list is believed the second time, a pass later; starting
// what runs is harmless. If the list then has it again, either the list was wrong
// or our start worked: that is told, since nobody can know. Who only watches started
// nothing, so there the list was wrong.
func (p *pass) absence(ctx context.Context, st *State, is *microsoft.Subscription) {
	doubted, before := st.doubt, !st.offSince.IsZero()
	st.doubt = false
	switch {
	case collecting(is):
		if doubted && !p.Watch {
			p.find(SubscriptionRestarted, "%s was missing from an empty list of subscriptions, and is there again: if it was off, what became available since %s may be lost",
				st.Type, clock(st.offSince))
		}
		st.offSince = time.Time{}
	case before:
		p.lost(ctx, st)
	default:
		st.offSince = st.EnabledAt
		if st.doubt = p.doubt; !st.doubt {
			p.lost(ctx, st)
		}
	}
}

// lost keeps the time in which the subscription was off: nobody can tell what
// became available in it.
func (p *pass) lost(ctx context.Context, st *State) {
	now := p.time()
	if st.offSince.IsZero() || !st.offSince.Before(now) { // never seen on, or by a clock that was wrong
		return
	}
	err := collect.NoteGap(ctx, p.Store, collect.Gap{
		Tenant: p.Tenant, Type: st.Type, From: st.offSince, To: now, Why: "the subscription was off",
	})
	if err != nil && !collect.Overtaken(err) { // another process noted it
		p.errs = append(p.errs, ofState(err))
	}
}
