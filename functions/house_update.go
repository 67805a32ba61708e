package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
	"azcollector/master"
	"azcollector/updater"
)

// update is one run of the updater.
func (h *house) update(ctx context.Context) ([]collect.Finding, error) {
	err := h.syncConfiguration(ctx)
	if room := h.upgrade(h.log.WithContext(ctx).WithField("component", "updater")); room != nil && !h.visiting {
		err = errors.Join(err, room.Run(ctx))
	}
	return nil, err
}

// addReleaseSteps puts the update around a run of master: it begins before anything
// else, and judges and takes releases after everything else.
func (h *house) addReleaseSteps(m *master.Master, checkIn *master.CheckIn, log *logrus.Entry) {
	room := h.upgrade(log)
	if room == nil || h.visiting {
		return
	}
	began, told := time.Now(), false
	beat := checkIn.Heartbeat
	checkIn.Heartbeat = func(r master.Report) {
		told = len(r.Omitted) == 0
		beat(r)
	}
	room.Evident = func(ctx context.Context, since time.Time) (bool, error) {
		if !told { // another process checked in, or it could not look at everything
			return false, nil
		}
		return h.pulled(ctx, since)
	}
	limit := func() time.Duration { return min(releaseLimit, masterLimit-time.Since(began)) }
	m.Steps = slices.Insert(m.Steps, 0, master.Step{Name: "release begins", Code: master.StateFailed, Run: func(ctx context.Context, _ []collect.Finding) ([]collect.Finding, error) {
		ctx, done := context.WithTimeout(ctx, 2*time.Minute) // it takes so long only if a version must go
		defer done()
		return nil, room.Begin(ctx)
	}})
	m.Steps = append(m.Steps, master.Step{Name: "release", Code: master.StateFailed, Run: func(ctx context.Context, before []collect.Finding) ([]collect.Finding, error) {
		if limit() < leastLeft {
			return nil, nil
		}
		ctx, done := context.WithTimeout(ctx, limit())
		defer done()
		return nil, room.End(ctx, errorsIn(before))
	}})
}

// pulled reports whether the function pull has run since, and well.
func (h *house) pulled(ctx context.Context, since time.Time) (bool, error) {
	if slices.Contains(h.settings.Disabled, "pull") {
		return true, nil
	}
	run, err := h.lastRun(ctx, "pull")
	return run.At.After(since) && run.Error == "", err
}

// upgrade keeps our own code up to date; nil: nobody wants that. Where a platform can
// change what runs, it does; elsewhere a newer release is told of.
func (h *house) upgrade(log *logrus.Entry) *updater.Upgrade {
	s := &h.settings
	if s.UpdateManifest == "" {
		return nil
	}
	room := &updater.Upgrade{
		Tenant: s.TenantID, Store: h.store, Version: version(), Trusted: s.UpdateKeys, HoldBack: s.UpdateHoldBack,
		Fetch:   updater.FetchManifest(h.http, string(s.UpdateManifest)),
		Failing: h.lastErrors, Now: time.Now, Platform: h.platform(),
	}
	if log != nil {
		room.Report = func(text string) { log.Info(text) }
	}
	return room
}

// lastErrors are the codes of the errors that master's last run found.
func (h *house) lastErrors(ctx context.Context) ([]string, error) {
	run, err := h.lastRun(ctx, "master")
	return errorsIn(run.Findings), err
}

// errorsIn are the codes of those findings that are errors.
func errorsIn(findings []collect.Finding) (codes []string) {
	for _, f := range findings {
		if code, ok := master.LookupCode(f.Code); ok && code.Severity == master.Error && !slices.Contains(codes, f.Code) {
			codes = append(codes, f.Code)
		}
	}
	return codes
}

// updateFindings is master's step that tells how an update goes, from the state.
func (h *house) updateFindings(ctx context.Context, _ []collect.Finding) (findings []collect.Finding, err error) {
	if h.settings.UpdateManifest == "" {
		return nil, nil
	}
	p, err := updater.LoadProgress(ctx, h.store, h.settings.TenantID)
	if err != nil {
		return nil, err
	}
	find := func(code, format string, args ...any) {
		findings = append(findings, collect.Finding{Code: code, Text: fmt.Sprintf(format, args...)})
	}
	if p.LookError != "" {
		find(master.UpdateFails, "the manifest at UPDATE_MANIFEST_URL is not believed (%s); version %s stays", p.LookError, version())
	}
	mine := h.replaceable()
	switch {
	case !mine && h.settings.Host && (p.Phase == updater.Switching || p.Phase == updater.Settling || p.Phase == updater.Returning):
		find(master.UpdateFails, "the update to release %s cannot go on: UPDATE_PACKAGE_CONTAINER is no longer set", p.Version)
	case p.TakeError != "" && p.Phase == updater.Settling:
		find(master.UpdateFails, "version %s runs and works, but the platform could not be told, or old packages stay (%s)", p.Version, p.TakeError)
	case p.TakeError != "" && p.Phase == updater.Returning:
		find(master.UpdateFails, "release %s does not work, and version %s is not back yet (%s; attempt %d, the next after %s)",
			p.Version, p.From, p.TakeError, p.Attempts, p.Next.Format(time.RFC3339))
	case p.TakeError != "":
		find(master.UpdateFails, "release %s is not taken yet (%s; attempt %d, the next after %s)", p.Version, p.TakeError, p.Attempts, p.Next.Format(time.RFC3339))
	case p.Phase == updater.Waiting && !mine && !sameVersion(p.Version, version()):
		find(master.UpdateAvailable, "release %s is there, version %s runs", p.Version, version())
	}
	if p.Refused != "" && p.Refused == p.Newest && !sameVersion(p.Refused, version()) {
		find(master.UpdateRolledBack, "release %s is not taken any more (%s); version %s runs until there is a newer one", p.Refused, p.Why, version())
	}
	return findings, nil
}

func (h *house) readProgress(ctx context.Context, st *status) error {
	if h.settings.UpdateManifest == "" {
		return nil
	}
	p, err := updater.LoadProgress(ctx, h.store, h.settings.TenantID)
	st.Update = &p
	return err
}

func printProgress(w io.Writer, p *updater.Progress) {
	if p == nil {
		return
	}
	line := func(format string, args ...any) { fmt.Fprintf(w, "\t"+format+"\n", args...) }
	at := func(t time.Time) string { return t.Format(time.RFC3339) }
	fmt.Fprint(w, "release")
	switch p.Phase {
	case updater.Idle:
		line("the newest that was announced is %s", cmp.Or(wire.Printable(p.Newest), "not known"))
	case updater.Waiting:
		line("%s is there since %s, not taken before %s", wire.Printable(p.Version), at(p.Seen), at(p.Next))
	case updater.Switching:
		line("%s is asked for since %s", wire.Printable(p.Version), at(p.Since))
	case updater.Proving:
		line("%s runs since %s, and has yet to show that it works", wire.Printable(p.Version), at(p.Since))
	case updater.Settling:
		line("%s runs and works since %s; the platform is told", wire.Printable(p.Version), at(p.Since))
	case updater.Returning:
		line("back to %s since %s: %s", wire.Printable(p.From), at(p.Since), wire.Printable(p.Why))
	default:
		line("the state has %q, which this version does not know", p.Phase)
	}
	for why, text := range map[string]string{"the manifest is not believed": p.LookError, "not done": p.TakeError} {
		if text != "" {
			line("%s: %s", why, wire.Printable(text))
		}
	}
	if p.Refused != "" {
		line("%s is not taken any more: %s", wire.Printable(p.Refused), wire.Printable(p.Why))
	}
}
