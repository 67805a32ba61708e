package main

import (
	"io"
	"testing"
	"time"

	"azcollector/internal/collect"
)

// What a stranger writes into the statistics does not slow a collector down to nothing.
func TestShareOfTheQuota(t *testing.T) {
	h := &house{log: newLogger(io.Discard, false), meter: &collect.Meter{}, settings: Settings{RequestsPerMinute: 2000}}
	for alive, want := range map[int]int{0: 2000, 1: 2000, 40: 50, 100: 20, 1_000_000: 20} {
		if got := h.share(alive); got != want {
			t.Errorf("%d instances: %d requests a minute, want %d", alive, got, want)
		}
	}
	if met := h.meter.Take().Strange[collect.OddInstances]; met != 1 {
		t.Errorf("noticed %d times", met)
	}
}

// However many rows somebody forges, the log stays readable.
func TestSeldom(t *testing.T) {
	var s seldom
	now, lines := time.Now(), 0
	for range 1000 {
		if s.again(now, seldomFirst, seldomPause) {
			lines++
		}
	}
	if lines != seldomFirst || !s.again(now.Add(seldomPause), seldomFirst, seldomPause) || s.again(now.Add(seldomPause+time.Second), seldomFirst, seldomPause) {
		t.Errorf("%d lines at once, want %d, and then one in %v", lines, seldomFirst, seldomPause)
	}
}
