package pull

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"azcollector/internal/collect"
)

// errOutOfReach: the window slid past the far edge before it was asked for.
var errOutOfReach = errors.New("the source lists it no more: it began more than 7 days ago")

// A Proof says how the ledger compares with what the source offers of the contents
// created from Since (inclusive) until Until (exclusive).
type Proof struct {
	Tenant       string
	Since, Until time.Time
	// Listed is where the source's list begins within the range. Before it nothing can
	// be compared: what expired there counts as lost, and gaps are named.
	Listed time.Time
	Types  []TypeProof
	// Unlistable windows were not compared; Err says why.
	Unlistable []Listing
	// Gaps overlap the range, and are told whole.
	Gaps []collect.Gap
	// Unprovable are sentences for people on what the proof cannot know.
	Unprovable []string
}

// A TypeProof counts contents of one type.
type TypeProof struct {
	Type string
	// Offered by the source now: the sum of the six below.
	Offered                                           int
	Delivered, Pending, Dead, Expired, Missing, Young int
	// Records are those of the offered contents, as the ledger counts them.
	Records collect.Tally
	// OnlyAnnounced are in the ledger because of a notification, and the source
	// does not offer them; it may under another id.
	OnlyAnnounced int
	// Unlisted were offered once and are not now: they moved to another id, or
	// expired. Lost are those of them that expired before they were read, and all
	// that did so among what the source lists no more.
	Unlisted, Lost int
	// MissingContents, the oldest first; at most 100,000 are kept, all are counted.
	MissingContents []collect.Content
}

// Clean reports whether all that could be known is well: nothing missing, nothing
// expired, no window unlisted, no gap.
func (p *Proof) Clean() bool {
	for _, t := range p.Types {
		if t.Missing > 0 || t.Expired > 0 || t.Lost > 0 {
			return false
		}
	}
	return len(p.Unlistable) == 0 && len(p.Gaps) == 0
}

// clamp cuts what is listed to what the source lists, and says what it cut away.
// The beginning of the range stays: what was lost before is the ledger's to say.
func (p *Proof) clamp(far, now time.Time) {
	p.Listed = later(p.Since, far)
	if p.Since.Before(far) {
		p.doubt("Nothing before %s can be proved, for the source lists 7 days: of that time only what the ledger knows to be lost is told.", far.Format(time.RFC3339))
	}
	if p.Until.After(now) {
		p.Until = now
		p.doubt("Nothing from %s on can be proved: it is the source's present.", now.Format(time.RFC3339))
	}
}

func (p *Proof) covers(t time.Time) bool { return !t.Before(p.Since) && t.Before(p.Until) }

func (p *Proof) unlisted(contentType string, from, to time.Time, err error) {
	if from.Before(to) {
		p.Unlistable = append(p.Unlistable, Listing{Tenant: p.Tenant, Type: contentType, From: from, To: to, Err: err})
	}
}

func (p *Proof) isUnlisted(contentType string, t time.Time) bool {
	for _, w := range p.Unlistable {
		if w.Type == contentType && !t.Before(w.From) && t.Before(w.To) {
			return true
		}
	}
	return false
}

// gap keeps a gap that overlaps the range and that no other one holds.
func (p *Proof) gap(g collect.Gap) {
	held := slices.ContainsFunc(p.Gaps, func(is collect.Gap) bool {
		return is.Type == g.Type && !is.From.After(g.From) && !is.To.Before(g.To)
	})
	if !held && g.From.Before(p.Until) && p.Since.Before(g.To) {
		p.Gaps = append(p.Gaps, g)
	}
}

func (p *Proof) doubt(format string, args ...any) {
	p.Unprovable = append(p.Unprovable, fmt.Sprintf(format, args...))
}

// doubtAlways says what no listing can show. What an interrupted proof met behind
// its end is not part of it.
func (p *Proof) doubtAlways() {
	var within []Listing
	for _, w := range p.Unlistable {
		if w.To = earlier(w.To, p.Until); w.From.Before(w.To) {
			within = append(within, w)
			p.doubt("%s from %s until %s could not be listed: %v.", w.Type, w.From.Format(time.RFC3339), w.To.Format(time.RFC3339), w.Err)
		}
	}
	p.Unlistable = within
	p.doubt("A content that the source moved to another id between two listings counts as unlisted here, and under its new id as offered.")
	p.doubt("What became available while a subscription was disabled may never be offered, and is not missed here.")
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
