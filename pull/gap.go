package pull

import (
	"context"
	"errors"
	"time"

	"azcollector/internal/collect"
)

// giveUp notes what of the windows out of reach was never listed, and only then
// forgets them. If we are killed in between, the same is noted again, which
// changes nothing.
func (l *Lister) giveUp(ctx context.Context, c *collect.Cursor) error {
	reachable := edge(l.Now())
	for _, gap := range beyond(c, reachable) {
		if err := l.note(ctx, gap); err != nil {
			return err
		}
	}
	c.Forget(reachable)
	return nil
}

// beyond is what a cursor's windows that ended before the edge were never listed of.
func beyond(c *collect.Cursor, edge time.Time) (gaps []collect.Gap) {
	for begin := c.Begin; !begin.Add(collect.Window).After(edge); begin = begin.Add(collect.Window) {
		from, to := known(c, begin), begin.Add(collect.Window)
		switch last := len(gaps) - 1; {
		case !from.Before(to):
		case last >= 0 && gaps[last].To.Equal(from):
			gaps[last].To = to
		default:
			gaps = append(gaps, missed(c, from, to))
		}
	}
	return gaps
}

// note keeps a gap, if it is one.
func (l *Lister) note(ctx context.Context, gap collect.Gap) error {
	if !gap.From.Before(gap.To) {
		return nil
	}
	if err := collect.NoteGap(ctx, l.Store, gap); err != nil {
		return err
	}
	l.Report(Listing{Tenant: gap.Tenant, Type: gap.Type, From: gap.From, To: gap.To, Gap: true, Err: errors.New(gap.Why)})
	return nil
}

// missed is a gap of the cursor's type. The reason is as the cursor has it, without
// the window it was met in, so that gaps with the same one join.
func missed(c *collect.Cursor, from, to time.Time) collect.Gap {
	why := c.LastError
	if why == "" {
		why = "the collector did not run"
	}
	return collect.Gap{Tenant: c.Tenant, Type: c.Type, From: from, To: to, Why: why}
}

// known is up to when a window was listed: its beginning if it never was, its end
// or later if it was listed completely.
func known(c *collect.Cursor, begin time.Time) time.Time {
	if listed := c.Listed(begin); listed.After(begin) {
		return listed
	}
	return begin
}
