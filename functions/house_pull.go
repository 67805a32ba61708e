package main

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"

	"azcollector/internal/collect"
	"azcollector/pull"
)

// requeuedAtOnce bounds how many overdue contents one pull queues again.
const requeuedAtOnce = 4096

func (h *house) newLister() *pull.Lister {
	l := &pull.Lister{
		Source:  pull.Source{Synchronise: h.feed.Synchronise, Now: h.feed.ServerTime, Contents: h.feed.Contents, Offer: h.ledger.Offer},
		Tenants: []string{h.settings.TenantID}, Types: h.settings.ContentStreams,
		Lookback: h.settings.Lookback, Known: h.ledger.Known,
		Store: h.store, Report: h.reportListing, Count: h.meter.Offered,
		Odd: func(_, contentType string) { h.odd(collect.OddCursor, collect.Content{Type: contentType}) },
	}
	if h.account != nil {
		l.Requeue = h.requeue
	}
	return l
}

// pull is one pass of the timer.
func (h *house) pull(ctx context.Context) ([]collect.Finding, error) {
	return nil, h.lister.Run(ctx)
}

// requeue adds to the queue what it seems to have lost. While it is long, nothing
// is lost but waits, and only the oldest are told of again.
func (h *house) requeue(ctx context.Context, tenant string, before, now time.Time) (int, error) {
	waiting, err := h.account.Waiting(ctx)
	if err != nil {
		return 0, err
	}
	told, err := h.ledger.Requeue(ctx, tenant, before, now, max(requeuedAtOnce-waiting, 100))
	if told > 0 {
		h.log.WithContext(ctx).WithFields(logrus.Fields{"component": "pull", "contents": told}).Warn("queued overdue contents again")
	}
	return told, err
}

// ring hands on what the webhook was told, to be listed.
func (h *house) ring(contents []collect.Content) {
	ids := map[string][]string{}
	for _, c := range contents {
		ids[c.Type] = append(ids[c.Type], c.ID)
	}
	for contentType, of := range ids {
		h.lister.Ring(h.settings.TenantID, contentType, of)
	}
}

func (h *house) reportListing(l pull.Listing) {
	log := h.log.WithFields(logrus.Fields{"component": "pull", "listed": l.Listed, "new": l.Fresh})
	if l.Type != "" {
		log = log.WithFields(logrus.Fields{"type": l.Type, "from": l.From, "to": l.To})
	}
	switch {
	case l.Gap:
		log.WithError(l.Err).Error("not observed: this can be listed no more")
	case l.Err != nil: // a pass fails with it, and that is logged
		log.WithError(l.Err).Debug("cannot list")
	default:
		log.Info("listed")
	}
}
