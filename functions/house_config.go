package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"

	"azcollector/internal/collect"
	"azcollector/master"
	"azcollector/updater"
)

// A synced is what the house made of the configuration in the state. It is laid over
// the settings when the house is opened, and the house is opened anew when there is
// another one: so a configuration is used whole or not at all.
type synced struct {
	base     Settings // without it
	seen     int64    // the version in the state when we opened
	applied  int64    // 0: none
	unusable error    // why the one in the state is not applied
	renew    chan struct{}
	once     sync.Once
}

// configure reads the configuration. One that is no good is told of and not used: the
// app settings are what an administrator wrote.
func (h *house) configure(ctx context.Context) error {
	h.config.base, h.config.renew = h.settings, make(chan struct{})
	kept, err := h.keptConfig(ctx)
	if err != nil || kept.Version == 0 {
		return err
	}
	h.config.seen = kept.Version
	log := h.log.WithField("component", "settings").WithField("configuration", kept.Version)
	next, err := h.config.base.with(kept)
	if err != nil {
		h.config.unusable = err
		logLines(log, err, "cannot use the configuration")
		return nil
	}
	h.settings, h.config.applied = next, kept.Version
	log.Info("uses the configuration")
	return nil
}

// keptConfig is the configuration in the state; without a key to verify it, none.
func (h *house) keptConfig(ctx context.Context) (collect.Config, error) {
	if len(h.settings.ConfigKeys) == 0 {
		return collect.Config{}, nil
	}
	return collect.LoadConfig(ctx, h.store, h.settings.TenantID)
}

// with verifies a kept configuration, again: state is a stranger's word.
func (s *Settings) with(kept collect.Config) (Settings, error) {
	document, err := updater.Open(kept.Envelope, s.ConfigKeys)
	if err != nil {
		return Settings{}, err
	}
	if document.Version != kept.Version { // an old document under a new number would keep newer ones out
		return Settings{}, fmt.Errorf("the state says version %d, the document %d", kept.Version, document.Version)
	}
	return s.With(fmt.Sprintf("CONFIG_URL version %d", document.Version), document.Settings)
}

// lookForConfiguration asks for a new opening if another process, or we, took another
// configuration into the state.
func (h *house) lookForConfiguration(ctx context.Context) {
	kept, err := h.keptConfig(ctx)
	if err == nil && kept.Version != h.config.seen {
		h.config.once.Do(func() { close(h.config.renew) })
	}
}

func staying(version int64) string {
	if version == 0 {
		return "the app settings stay"
	}
	return fmt.Sprintf("version %d stays", version)
}

// syncConfiguration looks for a newer configuration, if there is to be one.
func (h *house) syncConfiguration(ctx context.Context) error {
	if h.settings.ConfigURL == "" {
		return nil
	}
	room := &updater.Sync{
		Tenant: h.settings.TenantID, Store: h.store, Trusted: h.settings.ConfigKeys,
		Fetch: updater.Fetch(h.http, string(h.settings.ConfigURL)),
		Check: func(d updater.Document) error {
			_, err := h.config.base.With("CONFIG_URL", d.Settings)
			return err
		},
	}
	return room.Run(ctx)
}

// configuration is master's step: it tries again what failed, since the updater's
// next run may be half a day away, and tells what is wrong.
func (h *house) configuration(ctx context.Context, _ []collect.Finding) (findings []collect.Finding, err error) {
	kept, err := h.keptConfig(ctx)
	if err == nil && h.settings.ConfigURL != "" && (kept.Tried.IsZero() || kept.Error != "") {
		_ = h.syncConfiguration(ctx) // what it came to is in the state
		kept, err = h.keptConfig(ctx)
	}
	if err != nil {
		return nil, err
	}
	find := func(code, format string, args ...any) {
		findings = append(findings, collect.Finding{Code: code, Text: fmt.Sprintf(format, args...)})
	}
	switch {
	case h.config.unusable != nil:
		find(master.ConfigRefused, "the configuration that was taken is not used, the app settings are: %v", h.config.unusable)
	case kept.Error != "":
		find(master.ConfigRefused, "the configuration at CONFIG_URL is not taken (%s); %s", kept.Error, staying(h.config.applied))
	}
	off := slices.DeleteFunc(slices.Clone(h.config.base.ContentStreams), func(t string) bool { return slices.Contains(h.settings.ContentStreams, t) })
	if len(off) > 0 {
		find(master.StreamOff, "configuration version %d switches off %s", h.config.applied, strings.Join(off, ", "))
	}
	if slower := h.config.base.slower(h.settings); len(slower) > 0 {
		find(master.ConfigSlows, "configuration version %d sets %s", h.config.applied, strings.Join(slower, ", "))
	}
	return findings, nil
}

// tenth: less than this part of what the app settings say is no tuning any more.
const tenth = 10

// slower names what a synced configuration takes away nearly all of.
func (s *Settings) slower(synced Settings) (names []string) {
	for _, limit := range []struct {
		name    string
		is, was int64
	}{
		{"O365_CONCURRENCY", int64(synced.Concurrency), int64(s.Concurrency)},
		{"O365_REQUESTS_PER_MINUTE", int64(synced.RequestsPerMinute), int64(s.RequestsPerMinute)},
		{"O365_MAX_CONTENT_BYTES", synced.MaxContentBytes, s.MaxContentBytes},
		{"APP_AL_MAX_PAYLOAD", int64(synced.MaxPayload), int64(s.MaxPayload)},
	} {
		if limit.is <= limit.was/tenth {
			names = append(names, fmt.Sprintf("%s to %d (app settings: %d)", limit.name, limit.is, limit.was))
		}
	}
	if hidesWarnings(synced.LogLevel) && !hidesWarnings(s.LogLevel) {
		names = append(names, "LOG_LEVEL to "+synced.LogLevel.String())
	}
	return names
}

func hidesWarnings(level logrus.Level) bool { return level < logrus.WarnLevel }

// findingLevel is how findings are logged: a configuration from elsewhere must not hide
// them.
func (h *house) findingLevel() logrus.Level {
	if hidesWarnings(h.settings.LogLevel) && !hidesWarnings(h.config.base.LogLevel) {
		return logrus.ErrorLevel
	}
	return logrus.WarnLevel
}
