package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"azcollector/internal/sim/host"
)

// A clocked is processor time that was used of what there was, by some moment.
type clocked struct{ used, of float64 }

// since is the share that was used after a moment before.
func (c clocked) since(before clocked) float64 {
	if c.of <= before.of {
		return 0
	}
	return (c.used - before.used) / (c.of - before.of)
}

// machineTime is of all processors together. What a hypervisor gives to others was
// not there (proc(5), /proc/stat: user nice system idle iowait irq softirq steal).
func machineTime() (c clocked) {
	stat, _ := os.ReadFile("/proc/stat") // elsewhere than on Linux nothing is told
	line, _, _ := strings.Cut(string(stat), "\n")
	for i, field := range strings.Fields(line) {
		ticks, err := strconv.ParseFloat(field, 64)
		switch {
		case err != nil || i > 7: // the name; steal, and guests, who are in user already
		case i == 4 || i == 5: // idle, iowait
			c.of += ticks
		default:
			c.used, c.of = c.used+ticks, c.of+ticks
		}
	}
	return c
}

// childTime is of our children of a name, each taken for one thread.
func childTime(name string) clocked {
	c := clocked{of: float64(time.Now().UnixNano()) / 1e9}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
		fields := bytes.Fields(stat[end+1:])
		if string(stat[open+1:end]) != name || string(fields[1]) != strconv.Itoa(os.Getpid()) {
			continue
		}
		if used, err := host.ProcessorTime(stat); err == nil {
			c.used += used.Seconds()
		}
	}
	return c
}
