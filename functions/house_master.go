package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"azcollector/internal/alertlogic"
	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
	"azcollector/master"
)

// How long master's steps may take; the host kills the process at host.json's
// functionTimeout of ten minutes.
const (
	registerLimit  = time.Minute
	subscribeLimit = 2 * time.Minute
	replayLimit    = 90 * time.Second
	sweepLimit     = 90 * time.Second
	checkInLimit   = time.Minute
	configLimit    = 45 * time.Second
	rowLimit       = 10 * time.Second
	// The last step gets what is left of the ten minutes, save one. What takes long there
	// is the download of a package, and the platform; it goes on where it was.
	releaseLimit = 5 * time.Minute
	masterLimit  = 9 * time.Minute
	leastLeft    = time.Minute
)

// master is one run of the timer. The check-in comes last and tells of the others.
func (h *house) master(ctx context.Context) ([]collect.Finding, error) {
	log := func(ctx context.Context) *logrus.Entry {
		return h.log.WithContext(ctx).WithField("component", "master")
	}
	checkIn := h.checkIn(ctx)
	m := &master.Master{
		Steps: []master.Step{
			{Name: "subscriptions", Limit: subscribeLimit, Run: h.subscriptions().Run},
			{Name: "dead letters", Limit: replayLimit, Code: master.DestinationUnreachable, Run: (&master.Replay{
				Tenant: h.settings.TenantID, Due: h.delivery.ReplayDue,
				Report: func(tried, delivered int) {
					log(ctx).WithFields(logrus.Fields{"tried": tried, "delivered": delivered}).Info("tried dead letters again")
				},
			}).Run},
			{Name: "totals", Limit: sweepLimit, Code: master.StateFailed, Run: (&master.Totals{
				Tenant: h.settings.TenantID, Store: h.store, Retention: h.settings.StateRetention, Now: time.Now,
			}).Run},
			{Name: "sweep", Limit: sweepLimit, Code: master.StateFailed, Run: (&master.Sweep{
				Tenant: h.settings.TenantID, Store: h.store, Retention: h.settings.StateRetention, Now: time.Now,
				Report: func(rows int) { log(ctx).WithField("rows", rows).Info("deleted old rows") },
			}).Run},
			{Name: "due rows", Limit: rowLimit, Code: master.StateFailed, Run: (&master.Recall{Tenant: h.settings.TenantID, Due: h.ledger.Recall}).Run},
			{Name: "configuration", Limit: configLimit, Code: master.ConfigRefused, Run: h.configuration},
			{Name: "update", Limit: rowLimit, Code: master.StateFailed, Run: h.updateFindings},
			{Name: "check-in", Limit: checkInLimit, Code: master.CheckInFailed, Run: checkIn.Run},
		},
		Report: func(step string, took time.Duration, err error) {
			line := log(ctx).WithFields(logrus.Fields{"step": step, "ms": took.Milliseconds()})
			if err != nil {
				line.WithError(err).Warn("step failed")
				return
			}
			line.Debug("step done")
		},
	}
	if h.registrar != nil {
		register := master.Step{Name: "register", Limit: registerLimit, Code: master.RegistrationFailed, Run: h.register}
		m.Steps = append([]master.Step{register}, m.Steps...)
	}
	h.addReleaseSteps(m, checkIn, log(ctx))
	if err := h.measure(ctx); err != nil { // what is counted so far belongs into this check-in
		log(ctx).WithError(err).Warn("cannot keep statistics")
	}
	findings, err := m.Run(ctx)
	for _, f := range findings {
		log(ctx).WithField("code", f.Code).Log(h.findingLevel(), f.Text)
	}
	return findings, err
}

func (h *house) register(ctx context.Context, _ []collect.Finding) ([]collect.Finding, error) {
	return nil, briefly(ctx, func(ctx context.Context) error {
		_, err := h.registrar.look(ctx)
		return err
	})
}

// briefly tries again what fails for a moment: the next run of master is a quarter
// of an hour away, and nothing is offered to who has not subscribed.
func briefly(ctx context.Context, f func(context.Context) error) error {
	return collect.Retry{Attempts: 4, First: time.Second, Most: 5 * time.Second, Patience: 10 * time.Second}.Do(ctx, f)
}

func (h *house) subscriptions() *master.Subscriptions {
	tenant := h.settings.TenantID
	return &master.Subscriptions{
		Tenant: tenant, Types: h.settings.ContentStreams, Address: webhookAddress(h.settings), AuthID: h.secrets.now, Watch: h.settings.Watch,
		List: func(ctx context.Context) (all []microsoft.Subscription, err error) {
			err = briefly(ctx, func(ctx context.Context) error { all, err = h.feed.Subscriptions(ctx, tenant); return err })
			return all, err
		},
		Start: func(ctx context.Context, contentType string, hook *microsoft.Webhook) (microsoft.Subscription, error) {
			return h.feed.Start(ctx, tenant, contentType, hook)
		},
		Notifications: func(ctx context.Context, contentType string, from, to time.Time) iter.Seq2[microsoft.Notification, error] {
			return h.feed.Notifications(ctx, tenant, contentType, from, to)
		},
		Probe: master.Probe(h.http), Store: h.store, Now: h.feed.ServerTime,
	}
}

func (h *house) checkIn(ctx context.Context) *master.CheckIn {
	c := &master.CheckIn{
		Tenant: h.settings.TenantID, Types: h.settings.ContentStreams, Store: h.store, Owner: h.ledger.Owner,
		Now: h.feed.ServerTime, Skew: h.feed.Skew, Trouble: h.collector.Trouble, Expires: h.credentialEnd,
		Heartbeat: func(r master.Report) { h.heartbeat(ctx, r) },
	}
	if h.registrar != nil {
		c.Send = h.sendCheckIn
	}
	return c
}

func (h *house) sendCheckIn(ctx context.Context, r master.Report) ([]byte, error) {
	id, err := h.registrar.identity(ctx)
	if err != nil {
		return nil, err
	}
	request := alertlogic.CheckInRequest{
		Site: h.registrar.site(), Version: version(), TenantID: h.settings.TenantID, Registration: id,
		ErrorCode: r.ErrorCode, Details: r.Details,
	}
	if h.config.applied > 0 {
		request.Details = append(slices.Clone(r.Details), fmt.Sprintf("configuration version %d is in use", h.config.applied))
	}
	for _, name := range r.Stats.Names() {
		calls := r.Stats.Functions[name]
		request.Functions = append(request.Functions, alertlogic.FunctionCount{Function: name, Invocations: calls.Invocations, Errors: calls.Errors})
	}
	request.Events, request.Bytes = r.Stats.Total()
	answer, err := h.alert.CheckIn(ctx, request)
	if fault, ok := errors.AsType[*collect.Fault](err); ok && fault.Code == "404" && h.settings.SourceID == "" {
		// Records must not go on under a source that is no more.
		if _, renewed := h.registrar.renew(ctx); renewed != nil {
			return nil, errors.Join(err, renewed)
		}
		return nil, fmt.Errorf("%w (registered again; the next check-in tells)", err)
	}
	return answer, err
}

// heartbeat is one log line with what an operator wants to know, whatever the sink.
// The names of its fields are relied on by the workbook and the alerts (arm/).
func (h *house) heartbeat(ctx context.Context, r master.Report) {
	events, bytes := r.Stats.Total()
	fields := logrus.Fields{
		"component": "master", "status": r.Status, "code": r.ErrorCode, "alive": r.Alive, "events": events, "bytes": bytes,
		"pending": r.Pending, "oldest_s": seconds(r.OldestPending), "waiting_s": seconds(r.Waiting), "dead": r.DeadLetters, "expired": r.Expired,
		"omitted": len(r.Omitted), "unobserved": len(r.RecentGaps), "config": h.config.applied, "agreed": r.Stats.Agreed, "unannounced": r.Stats.Unannounced,
	}
	if !r.Listed.IsZero() {
		fields["listed"] = r.Listed
	}
	if !r.CredentialExpires.IsZero() {
		fields["credential_days"] = int(time.Until(r.CredentialExpires).Hours() / 24)
	}
	h.log.WithContext(ctx).WithFields(fields).Info("heartbeat")
}

// credentialEnd is when the proof of the application ends, and which setting holds
// it; a zero time if nobody knows.
func (h *house) credentialEnd(ctx context.Context) (time.Time, string) {
	if at, known := credentialsOf(h.settings).Expires(); known {
		return at, "APP_CLIENT_CERTIFICATE"
	}
	if at := h.settings.ClientSecretExpires; !at.IsZero() {
		return at, "APP_CLIENT_SECRET"
	}
	if h.settings.ClientSecret == "" {
		return time.Time{}, ""
	}
	at, _, _ := h.tokens.SecretExpiry(ctx, h.settings.TenantID) // the directory need not tell, and the token's own error speaks
	return at, "APP_CLIENT_SECRET"
}
