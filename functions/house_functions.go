package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"azcollector/content"
	"azcollector/internal/collect"
	"azcollector/master"
	"azcollector/pull"
	"azcollector/updater"
)

type function = func(ctx context.Context, payload []byte) error

// functions are the triggers by their folders' names.
func (h *house) functions() map[string]function {
	return map[string]function{
		"pull":    h.counted("pull", h.kept("pull", h.pull)),
		"master":  h.counted("master", h.kept("master", h.master)),
		"content": h.counted("content", h.content),
		"updater": h.counted("updater", h.kept("updater", h.update)),
	}
}

// timers are the functions with a schedule, in the order of their first runs: what
// is not subscribed to cannot be listed.
func (h *house) timers() (timers []timer, err error) {
	for _, f := range []struct {
		name    string
		trigger []byte
	}{{"master", master.Trigger}, {"pull", pull.Trigger}, {"updater", updater.Trigger()}} {
		if slices.Contains(h.settings.Disabled, f.name) || f.name == "updater" && h.settings.ConfigURL == "" && h.settings.UpdateManifest == "" {
			continue
		}
		t, err := timerOf(f.name, f.trigger, h.schedule)
		if err != nil {
			return nil, err
		}
		timers = append(timers, t)
	}
	return timers, nil
}

// begin runs master once, where it never ran: its schedule lets a new collector
// wait for a quarter of an hour. The Functions host does the rest.
func (h *house) begin(ctx context.Context) error {
	if run, err := h.lastRun(ctx, "master"); err != nil || run.Function != "" {
		return err
	}
	if err := h.functions()["master"](ctx, nil); err != nil { // its next run is its own again
		logLines(h.log.WithField("function", "master"), err, "failed")
	}
	return nil
}

// lastRun is a function's last run, by whichever process; a zero one if it never ran.
func (h *house) lastRun(ctx context.Context, function string) (collect.Run, error) {
	for run, err := range collect.Runs(ctx, h.store, h.settings.TenantID) {
		if err != nil || run.Function == function {
			return run, err
		}
	}
	return collect.Run{}, nil
}

// schedule is the value of a setting that a function.json names.
func (h *house) schedule(setting string) string {
	switch setting {
	case "PULL_SCHEDULE":
		return h.settings.PullSchedule
	case "UPDATER_SCHEDULE":
		return h.settings.UpdaterSchedule
	}
	return os.Getenv(setting)
}

// counted counts a function's invocations.
func (h *house) counted(name string, f function) function {
	return func(ctx context.Context, payload []byte) (err error) {
		failed := true // also if it panics
		defer func() { h.meter.Called(name, failed) }()
		err = f(ctx, payload)
		failed = err != nil
		return err
	}
}

// kept remembers a timer's last run, and writes the statistics: what the host
// freezes between two invocations has no other time to.
func (h *house) kept(name string, f func(context.Context) ([]collect.Finding, error)) function {
	return func(ctx context.Context, _ []byte) error {
		began := time.Now().UTC()
		findings, err := f(ctx)
		run := collect.Run{Function: name, At: began, Took: time.Since(began), Findings: findings}
		if err != nil {
			run.Error = err.Error()
		}
		log := h.log.WithContext(ctx).WithField("component", name)
		ending, done := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
		defer done()
		if err := collect.KeepRun(ending, h.store, h.settings.TenantID, run); err != nil {
			log.WithError(err).Warn("cannot remember the run")
		}
		if err := h.measure(ending); err != nil {
			log.WithError(err).Warn("cannot keep statistics")
		}
		h.lookForConfiguration(ending)
		return err
	}
}

// content answers a message; without one, by hand, it tries what is due.
func (h *house) content(ctx context.Context, payload []byte) error {
	if len(payload) > 0 || h.settings.Host {
		return h.handler().Handle(ctx, payload)
	}
	once := h.pool()
	once.Once, once.Working = true, h.serving.Load()
	return once.Run(ctx)
}

func (h *house) handler() *content.Handler {
	return &content.Handler{
		Store: h.store, Collector: h.collector,
		Odd: func() { h.odd(collect.OddMessage, collect.Content{}) },
	}
}

// How often the due rows of our own store are looked at: it costs nothing.
const lookAtDisk = time.Second

func (h *house) pool() *content.Pool {
	return &content.Pool{
		Ledger: h.ledger, Collector: h.collector, Tenants: []string{h.settings.TenantID}, Every: lookAtDisk,
		Report: func(err error) {
			h.due.note(err)
			if err != nil {
				h.log.WithField("component", "content").WithError(err).Error("cannot look at what is due")
			}
		},
	}
}

// statisticsEvery is what a killed process loses of its statistics.
const statisticsEvery = 30 * time.Second

// keepStatistics writes them every so often, and shares the tenant's quota with
// the other processes that do so.
func (h *house) keepStatistics(ctx context.Context) error {
	if err := h.countUnknown(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	for collect.Wait(ctx, statisticsEvery) == nil {
		if err := errors.Join(h.measure(ctx), h.countUnknown(ctx)); err != nil {
			return err
		}
		if h.sole {
			continue
		}
		sum, err := collect.Unreported(ctx, h.store, h.settings.TenantID, time.Now().Add(-statisticsEvery))
		if err != nil {
			return err
		}
		h.feed.Pace(h.share(sum.Alive))
	}
	return nil
}

func (h *house) rereadSecrets(ctx context.Context) {
	if err := h.secrets.reread(ctx); err != nil {
		h.log.WithContext(ctx).WithField("component", "webhook").WithError(err).Warn("cannot look for a new secret")
	}
}

// runFunction is the command `run`.
func runFunction(ctx context.Context, h *house, c *console) error {
	name := c.command.Run.Function
	f, ok := h.functions()[name]
	if !ok {
		return usageError{fmt.Errorf("no function %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(h.functions())), ", "))}
	}
	if err := f(ctx, []byte(c.command.Run.Payload)); err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	return nil
}
