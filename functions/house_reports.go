package main

import (
	"context"
	"errors"
	"time"

	"github.com/sirupsen/logrus"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
	"azcollector/webhook"
)

// refusalsLogged bounds the lines that one notification can cause.
const refusalsLogged = 5

// reportContent logs an attempt at a content, once.
func (h *house) reportContent(ctx context.Context, c collect.Content, took time.Duration, err error) {
	if errors.Is(err, context.Canceled) {
		err = errors.New("stopped; it is due at once")
	}
	log := h.log.WithContext(ctx).WithFields(logrus.Fields{
		"component": "content", "type": c.Type, "content": wire.Printable(c.ID), "state": string(c.State),
		"attempts": c.Attempts, "delivered": c.Delivered, "duplicates": c.Duplicate,
		"dead": c.Dead, "bytes": c.Bytes, "ms": took.Milliseconds(),
	})
	switch {
	case err == nil && c.Dead > 0:
		log.Warn("collected, with dead letters")
	case err == nil:
		log.Info("collected")
	case c.State == collect.Gone:
		log.WithError(err).Error("content expired at the source before it was read")
	default:
		log.WithError(err).WithField("verdict", collect.VerdictOf(err).String()).Warn("not collected yet")
	}
}

// reportNotice logs a request to the webhook. The secret that came with it is in
// none of what it says.
func (h *house) reportNotice(ctx context.Context, n webhook.Notice) {
	h.meter.Called("webhook", n.Status >= 500)
	switch {
	case n.Status >= 500:
		h.state.note(n.Err)
	case n.Announced > 0:
		h.state.note(nil)
	}
	log := h.log.WithContext(ctx).WithFields(logrus.Fields{
		"component": "webhook", "method": wire.Printable(n.Method), "status": n.Status, "ms": n.Took.Milliseconds(),
	})
	for i, refused := range n.Refused {
		if i == refusalsLogged {
			break
		}
		log.WithField("reason", refused.Error()).Warn("refused an entry")
	}
	log = log.WithFields(logrus.Fields{
		"announced": n.Announced, "new": n.New, "refused": len(n.Refused), "unconfigured": n.Unconfigured, "left": n.Left,
	})
	switch {
	case n.Status >= 500:
		log.WithError(n.Err).Error("notification not recorded")
	case n.Err != nil:
		log.WithError(n.Err).Warn("refused a request")
	case n.Validation:
		log.Info("answered the validation of a subscription")
	case n.Announced+len(n.Refused)+n.Unconfigured > 0:
		log.Info("notification")
	default:
		log.Debug("empty request")
	}
}
