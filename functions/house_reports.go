package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
	"azcollector/webhook"
)

// reportContent logs an attempt at a content, once.
func (h *house) reportContent(ctx context.Context, c collect.Content, took time.Duration, err error) {
	h.judgeStrangers(c, err)
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
	case n.Announced > 0 && !n.Unrecorded:
		h.state.note(nil)
	}
	if n.Strange > 0 {
		h.meter.Odd(collect.OddEntry, n.Strange)
	}
	log := h.log.WithContext(ctx).WithFields(logrus.Fields{
		"component": "webhook", "method": wire.Printable(n.Method), "status": n.Status, "ms": n.Took.Milliseconds(),
	})
	for _, reason := range n.Reasons {
		log.WithField("reason", reason.Error()).Warn("refused an entry")
	}
	log = log.WithFields(logrus.Fields{
		"announced": n.Announced, "new": n.New, "refused": n.Refused, "unconfigured": n.Unconfigured, "left": n.Left,
	})
	switch {
	case n.Status >= 500:
		log.WithError(n.Err).Error("notification not recorded")
	case n.Status == http.StatusUnauthorized || n.Status == http.StatusBadRequest && !n.Validation:
		level := logrus.WarnLevel
		if !h.strangerLines.again(time.Now(), seldomFirst, seldomPause) {
			level = logrus.DebugLevel // guesses cost nothing, lines are stored, and in Azure paid for
		}
		log.WithError(n.Err).Log(level, "refused a request")
	case n.Err != nil:
		log.WithError(n.Err).Warn("refused a request")
	case n.Validation:
		log.Info("answered the validation of a subscription")
	case n.Unrecorded:
		log.Warn("notification left to the list: too much of what is announced is not known to Microsoft")
	case n.Announced+n.Refused+n.Unconfigured > 0:
		log.Info("notification")
	default:
		log.Debug("empty request")
	}
}
