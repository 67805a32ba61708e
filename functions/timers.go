package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/sirupsen/logrus"

	"azcollector/internal/collect"
)

// ncrontab is what the Functions host takes in function.json: six fields, the
// first of them seconds.
var ncrontab = cron.NewParser(cron.Second | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// parseSchedule reads an NCRONTAB; with five fields it begins with minutes.
func parseSchedule(text string) (cron.Schedule, error) {
	if strings.Contains(text, "=") { // cron would read a time zone, which the host does not, or panic
		return nil, errors.New("an NCRONTAB has no time zone")
	}
	if len(strings.Fields(text)) == 5 {
		text = "0 " + text
	}
	return ncrontab.Parse(text)
}

// A timer is a function with a schedule.
type timer struct {
	function string
	schedule cron.Schedule
}

// timerOf reads a function.json, whose schedule may name a setting: %PULL_SCHEDULE%.
func timerOf(function string, trigger []byte, setting func(name string) string) (timer, error) {
	var file struct {
		Bindings []struct{ Type, Schedule string }
	}
	if err := json.Unmarshal(trigger, &file); err != nil {
		return timer{}, fmt.Errorf("read %s/function.json: %w", function, err)
	}
	for _, b := range file.Bindings {
		if b.Type != "timerTrigger" {
			continue
		}
		text := b.Schedule
		if name, is := strings.CutPrefix(text, "%"); is {
			text = setting(strings.TrimSuffix(name, "%"))
		}
		schedule, err := parseSchedule(text)
		if err != nil {
			return timer{}, fmt.Errorf("read %s/function.json: schedule %q: %w", function, text, err)
		}
		return timer{function, schedule}, nil
	}
	return timer{}, fmt.Errorf("read %s/function.json: it has no timerTrigger", function)
}

// firstPatience is how long a timer's first run waits for the one before it.
const firstPatience = 15 * time.Second

// follow runs the timers' functions until ctx ends: at once, in their order, for
// nobody knows what was missed, and then on their schedules. A function never
// overlaps itself; what it misses while it runs it does right after.
func (r *rooms) follow(ctx context.Context, log *logrus.Logger) error {
	var running sync.WaitGroup
	defer running.Wait()
	for _, t := range r.Timers {
		first := make(chan struct{})
		running.Go(func() { r.keepTime(ctx, t, first, log) })
		patience := time.NewTimer(firstPatience)
		select {
		case <-first:
		case <-patience.C:
		case <-ctx.Done():
		}
		patience.Stop()
	}
	return nil
}

// keepTime runs one timer's function, and closes first after its first run.
func (r *rooms) keepTime(ctx context.Context, t timer, first chan struct{}, log *logrus.Logger) {
	for due := time.Now().UTC(); ; {
		err := guard(func() error { return r.Functions[t.function](ctx, timerInfo(due)) })
		if err != nil && ctx.Err() == nil {
			logLines(log.WithField("function", t.function), err, "failed")
		}
		if first != nil {
			close(first)
			first = nil
		}
		if due = t.schedule.Next(due); due.IsZero() { // a date that never comes
			return
		}
		if now := time.Now().UTC(); due.Before(now) { // one for all that were missed
			due = now
		}
		if collect.Wait(ctx, time.Until(due)) != nil {
			return
		}
	}
}

// timerInfo is what the host hands a timer's function.
func timerInfo(at time.Time) []byte {
	return fmt.Appendf(nil, `{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":%t}`, time.Since(at) > time.Minute)
}
