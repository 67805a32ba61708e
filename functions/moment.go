package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// between reads the two ends of a stretch of time.
func (s stretch) between(now time.Time) (since, until time.Time, err error) {
	if since, err = parseMoment(s.Since, now); err != nil {
		return since, until, usageError{fmt.Errorf("--since: %w", err)}
	}
	if until, err = parseMoment(s.Until, now); err != nil {
		return since, until, usageError{fmt.Errorf("--until: %w", err)}
	}
	if !since.Before(until) {
		return since, until, usageError{fmt.Errorf("--since %s is not before --until %s", since.Format(time.RFC3339), until.Format(time.RFC3339))}
	}
	return since, until, nil
}

// parseMoment reads a date, a time, or how long ago.
func parseMoment(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	if d, err := parseAge(text); err == nil && d >= 0 {
		return now.UTC().Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: write 2026-11-22, 2026-11-22T15:04:05Z, or how long ago, like 36h or 7d", text)
}

// parseAge reads a duration, also in days.
func parseAge(text string) (time.Duration, error) {
	if days, is := strings.CutSuffix(text, "d"); is {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(text)
}
