package master

import (
	"context"
	"time"

	"azcollector/internal/collect"
)

// oldPending is how old a content may be before it is delivered: a failing one
// rests at most an hour between two attempts.
const oldPending = time.Hour

// pendingCounted is how many due rows are looked at, 20 pages of Table Storage: a
// backlog of more is not told of better by its exact number.
const pendingCounted = 20_000

func (l *look) pending(ctx context.Context) error {
	var oldest, known, found time.Time // known: of what somebody else than the webhook's caller knows
	unknown := 0
	var failed error
	ledger := &collect.Ledger{Store: l.Store}
	for due, err := range ledger.Due(ctx, l.Tenant, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)) {
		if failed = err; err != nil || l.report.Pending == pendingCounted {
			l.report.PendingMore = true // at least: what was seen before is told
			break
		}
		l.report.Pending++
		oldest = earlier(oldest, due.Created)
		if !due.Unknown {
			known = earlier(known, due.Created)
		} else if time.Since(due.Found) >= unknownAfter {
			unknown++
		}
		if !due.Theirs {
			found = earlier(found, due.Found)
		}
	}
	if !found.IsZero() {
		l.report.Waiting = max(time.Since(found), 0)
	}
	if l.madeUp(unknown) {
		oldest = known
	}
	if oldest.IsZero() {
		return failed
	}
	l.report.OldestPending = max(l.now.Sub(oldest), 0)
	if l.report.OldestPending > oldPending {
		number := "%d contents are pending; the oldest is of %s"
		if l.report.PendingMore {
			number = "more than %d contents are pending; the oldest of those counted is of %s"
		}
		l.find(PendingOld, number, l.report.Pending, clock(oldest))
	}
	return failed
}

// earlier is the earlier one of those that are known.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
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
