package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"azcollector/internal/collect"
)

// measure keeps the statistics and says in the log what was counted since the last
// time. Every process tells its own, so the lines of all of them add up; what a
// killed process had not told is missing there, and from nothing else.
//
// The messages and fields are relied on by the workbook and the alerts (arm/).
func (h *house) measure(ctx context.Context) error {
	h.tell(h.log.WithContext(ctx).WithField("component", "meter"), h.meter.Take())
	return h.meter.Flush(ctx)
}

func (h *house) tell(log *logrus.Entry, s collect.Stats) {
	for _, contentType := range slices.Sorted(maps.Keys(s.Types)) {
		flow := s.Types[contentType]
		log := log.WithField("type", contentType)
		line := log.WithFields(logrus.Fields{"listed": flow.Listed, "events": flow.Events, "bytes": flow.Bytes})
		if flow.Events > 0 {
			line = line.WithFields(logrus.Fields{
				"theirs_p50_s": seconds(flow.Theirs.Quantile(0.5)), "theirs_p99_s": seconds(flow.Theirs.Quantile(0.99)),
				"ours_p50_s": seconds(flow.Ours.Quantile(0.5)), "ours_p99_s": seconds(flow.Ours.Quantile(0.99)),
			})
		}
		line.Info("flow")
		for _, name := range slices.Sorted(maps.Keys(flow.Workloads)) {
			log.WithFields(logrus.Fields{"workload": name, "events": flow.Workloads[name]}).Info("workload")
		}
	}
	for _, name := range s.Names() {
		calls := s.Functions[name]
		log.WithFields(logrus.Fields{"function": name, "invocations": calls.Invocations, "errors": calls.Errors}).Info("calls")
	}
	if s.Throttled > 0 {
		log.WithField("answers", s.Throttled).Warn("throttled")
	}
}

// seconds are what a query can calculate with.
func seconds(d time.Duration) int64 { return int64(d.Round(time.Second) / time.Second) }
