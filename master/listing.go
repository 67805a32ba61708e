package master

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"azcollector/internal/collect"
)

const (
	// behind is how old the end of what was listed may be: the current hour is listed
	// every minute, so two hours are many failures in a row.
	behind = 2 * time.Hour
	// recent gaps are those of the time that can still be listed.
	recent = 7 * 24 * time.Hour
	// gapsTold one by one are enough to see what happened.
	gapsTold = 10
	// ahead of the source's clock no cursor can stand: ten minutes are twice what clocks
	// may differ.
	ahead = 2 * clockTolerance
)

// listing looks how far the content types were listed. What keeps them from it is
// told at once if its source says what it is, else once it lasts.
func (l *look) listing(ctx context.Context) error {
	l.report.Cursors = map[string]time.Time{}
	for _, contentType := range l.Types {
		c, err := collect.LoadCursor(ctx, l.Store, l.Tenant, contentType)
		switch {
		case errors.Is(err, collect.ErrNotFound):
			if l.now.Sub(l.last.begun) > behind {
				l.find(ListingBehind, "%s was never listed", contentType)
			}
			continue
		case err != nil:
			return err
		}
		l.report.Cursors[contentType] = c.Until()
		l.unlisted(c, contentType)
	}
	if ends := slices.SortedFunc(maps.Values(l.report.Cursors), time.Time.Compare); len(ends) > 0 {
		l.report.Listed = ends[0]
	}
	return nil
}

func (l *look) unlisted(c *collect.Cursor, contentType string) {
	if code := explainSource(c.LastCode); code != "" && !c.FailingSince.IsZero() {
		about := contentType
		if code != PermissionMissing && code != SubscriptionRefused { // true for all types: once is enough
			about = ""
		}
		if !l.told(code, about) {
			l.find(code, "%s cannot be listed since %s: %s", contentType, clock(c.FailingSince), c.LastError)
		}
		return
	}
	until := c.Until()
	switch {
	case until.Sub(l.now) > ahead:
		l.find(ListingBehind, "the cursor of %s stands in the future, at %s: the clock was wrong", contentType, clock(until))
	case l.now.Sub(until) > behind:
		text := fmt.Sprintf("%s was listed up to %s only", contentType, clock(until))
		if c.LastError != "" {
			text += ": " + c.LastError
		}
		l.find(ListingBehind, "%s", text)
	}
}

func (l *look) gaps(ctx context.Context) error {
	var lately, news []collect.Gap
	for g, err := range collect.Gaps(ctx, l.Store, l.Tenant) {
		if err != nil {
			return err // all or none: what is in the report counts as told
		}
		if l.now.Sub(g.To) < recent {
			lately = append(lately, g)
		}
		if g.Noted.After(l.last.gaps) {
			news = append(news, g)
		}
	}
	l.report.RecentGaps, l.report.Gaps = lately, news
	for i, g := range l.report.Gaps {
		if i == gapsTold {
			l.find(Unobserved, "and %d more", len(l.report.Gaps)-i)
			break
		}
		l.find(Unobserved, "%s from %s to %s: %s", g.Type, clock(g.From), clock(g.To), g.Why)
	}
	return nil
}

// losses tells of contents that expired since they were counted last.
func (l *look) losses(ctx context.Context) (err error) {
	counted, err := loadCounted(ctx, l.Store, l.Tenant)
	if err != nil {
		return err
	}
	l.expired = counted.expired
	lost := map[string]int64{}
	for of, n := range l.expired {
		if n > l.last.expired[of] {
			lost[typeOf(of)] += n - l.last.expired[of]
			l.report.Expired += n - l.last.expired[of]
		}
	}
	for _, contentType := range slices.Sorted(maps.Keys(lost)) {
		l.find(ContentExpired, "%d contents of %s expired at Microsoft before they were read", lost[contentType], contentType)
	}
	return nil
}
