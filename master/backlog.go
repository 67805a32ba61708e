package master

import (
	"context"
	"time"

	"azcollector/internal/collect"
)

// oldPending is how old a content may be before it is delivered: a failing one
// rests at most an hour between two attempts.
const oldPending = time.Hour

func (l *look) pending(ctx context.Context) error {
	var oldest time.Time
	ledger := &collect.Ledger{Store: l.Store}
	for due, err := range ledger.Due(ctx, l.Tenant, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)) {
		if err != nil {
			return err
		}
		l.report.Pending++
		if !due.Created.IsZero() && (oldest.IsZero() || due.Created.Before(oldest)) {
			oldest = due.Created
		}
	}
	if oldest.IsZero() {
		return nil
	}
	l.report.OldestPending = max(l.now.Sub(oldest), 0)
	if l.report.OldestPending > oldPending {
		l.find(PendingOld, "%d contents are pending; the oldest is of %s", l.report.Pending, clock(oldest))
	}
	return nil
}

func (l *look) deadLetters(ctx context.Context) error {
	for letter, err := range collect.DeadLetters(ctx, l.Store, l.Tenant) {
		if err != nil {
			return err
		}
		l.report.DeadLetters++
		if letter.Replayable {
			l.report.Replayable++
		}
	}
	if l.report.DeadLetters > 0 {
		l.find(DeadLetters, "there are %d dead letters; %d of them are tried again", l.report.DeadLetters, l.report.Replayable)
	}
	return nil
}
