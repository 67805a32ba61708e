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
	if room := h.upgrade(h.log.WithContext(ctx).WithField("component", "updater")); room != nil {
		err = errors.Join(err, room.Run(ctx))
	}
	return nil, err
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
	for run, err := range collect.Runs(ctx, h.store, h.settings.TenantID) {
		if err != nil {
			return nil, err
		}
		if run.Function == "master" {
			return errorsIn(run.Findings), nil
		}
	}
	return nil, nil
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
	switch {
	case p.TakeError != "" && p.Phase == updater.Returning:
		find(master.UpdateFails, "release %s does not work, and version %s is not back yet (%s; attempt %d, the next after %s)",
			p.Version, p.From, p.TakeError, p.Attempts, p.Next.Format(time.RFC3339))
	case p.TakeError != "":
		find(master.UpdateFails, "release %s is not taken yet (%s; attempt %d, the next after %s)", p.Version, p.TakeError, p.Attempts, p.Next.Format(time.RFC3339))
	case p.Phase == updater.Waiting && h.platform() == nil:
		find(master.UpdateAvailable, "release %s is there, version %s runs", p.Version, version())
	}
	if p.Refused != "" && p.Refused == p.Newest {
		find(master.UpdateRolledBack, "release %s was taken back (%s); version %s runs until there is a newer one", p.Refused, p.Why, version())
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
