package master

import (
	"context"
	"time"

	"azcollector/internal/microsoft"
)

// watch looks at a subscription that another collector has; is is nil if there is
// none. What it was off for is kept as with our own.
func (p *pass) watch(ctx context.Context, contentType string, is *microsoft.Subscription) {
	st := p.open(ctx, contentType)
	if st == nil {
		return
	}
	if collecting(is) && !st.offSince.IsZero() && !st.doubt {
		p.lost(ctx, st) // the last part of it, up to now at the most
		p.find(SubscriptionRestarted, "%s was %s and runs again: what became available since %s may be lost",
			contentType, st.Status, clock(st.offSince))
	}
	st.see(is, p.now)
	p.absence(ctx, st, is)
	st.Plan, st.LastError, st.set, st.Yielded = "", "", "", time.Time{} // it is not ours to mend, nor to be stolen
	if !collecting(is) && !st.doubt {
		p.find(SubscriptionNotOurs, "%s is %s at Microsoft: O365_SUBSCRIPTIONS=watch leaves it so, and nothing of it is collected",
			contentType, st.Status)
	}
	p.keep(ctx, st)
}
