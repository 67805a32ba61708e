package master

import (
	"context"
	"time"

	"azcollector/internal/microsoft"
)

// heard is how far back Microsoft's list of notifications is read.
const heard = time.Hour

// listen reads what Microsoft says of its notifications to our webhook. One that
// failed and was followed by one that arrived is nothing to worry about.
func (p *pass) listen(ctx context.Context, contentType string, is *microsoft.Subscription) {
	if p.ours == nil || p.Notifications == nil || !collecting(is) || is.Webhook == nil ||
		!running(is.Webhook.Status) || !sameAddress(is.Webhook.Address, p.ours.Address) {
		return
	}
	failed := 0
	var lastFailed, lastArrived time.Time
	for n, err := range p.Notifications(ctx, contentType, p.now.Add(-heard), p.now) {
		if err != nil {
			p.errs = append(p.errs, withCode(SubscriptionsUnknown, err))
			return
		}
		at := n.Sent
		if at.IsZero() {
			at = n.Created
		}
		switch {
		case !n.Failed():
			lastArrived = later(lastArrived, at)
		default:
			failed++
			lastFailed = later(lastFailed, at)
		}
	}
	if failed > 0 && !lastArrived.After(lastFailed) {
		p.find(NotificationsFail, "Microsoft could not deliver %d notifications of %s in the last hour, the last one at %s, and none arrived since",
			failed, contentType, clock(lastFailed))
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
