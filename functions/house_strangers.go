package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
	"azcollector/internal/wire"
)

// odd counts what somebody else wrote into the state, and logs some of it: there may be
// thousands.
func (h *house) odd(what string, c collect.Content) {
	h.meter.Odd(what, 1)
	if h.oddLines.again(time.Now(), seldomFirst, seldomPause) {
		h.log.WithFields(logrus.Fields{
			"component": "state", "what": what, "type": wire.Printable(c.Type), "content": wire.Printable(c.ID),
		}).Warn("the state holds what no collector writes")
	}
}

// A seldom lets the first of something through, and then one now and then.
type seldom struct {
	mu   sync.Mutex
	seen int
	last time.Time
}

const (
	seldomFirst = 20
	seldomPause = 10 * time.Second
)

// again lets the first so many through, then one in a pause.
func (s *seldom) again(now time.Time, first int, pause time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen++; s.seen > first && now.Sub(s.last) < pause {
		return false
	}
	s.last = now
	return true
}

// judgeStrangers learns from an attempt at a content whether strangers made it up.
func (h *house) judgeStrangers(c collect.Content, err error) {
	switch {
	case err == nil:
		h.doubt.Given()
	case errors.Is(err, microsoft.ErrAddress):
		h.lister.Forget(c) // the list knows better
		h.odd(collect.OddAddress, c)
	case collect.VerdictOf(err) == collect.Missing && !c.Listed && c.Attempts == 1:
		h.doubt.Unknown()
	}
}

// countUnknown asks the state how many announced contents Microsoft does not know. What
// was announced with a secret that was since rotated says nothing against this one.
func (h *house) countUnknown(ctx context.Context) error {
	n, err := h.ledger.Unknown(ctx, h.settings.TenantID, h.secrets.rotatedAt(), webhookDoubts)
	if err != nil {
		return fmt.Errorf("count announced contents that the source does not know: %w", err)
	}
	h.doubt.Counted(n)
	return nil
}

// webhookDoubts are more than make the webhook doubt.
const webhookDoubts = 1000

// mostInstances is more than anybody runs: the template allows 40, and Azure 1,000 where
// nobody sets a limit. What a stranger writes into the statistics slows us down by no more.
const mostInstances = 100

// share is this process's part of the tenant's quota.
func (h *house) share(alive int) int {
	if alive > mostInstances {
		h.odd(collect.OddInstances, collect.Content{})
	}
	return max(1, h.settings.RequestsPerMinute/min(max(1, alive), mostInstances))
}
