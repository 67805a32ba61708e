package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// garbagePercent is how much more than it needs the heap may hold until it is
	// cleaned, in percent of what it needs. Most of what we need are bytes of records,
	// which the cleaning does not look into: it is cheap, and may come often.
	garbagePercent = 40
	// smallHeap is what the heap may hold in any case, in bytes: a heap that needs little
	// would otherwise be cleaned after every few contents.
	smallHeap = 24 << 20
)

// boundGarbage sets how often memory is cleaned, anew after each time. The variable GOGC
// wins.
func boundGarbage() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(garbageFor(0))
	afterCleaning(func() {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		debug.SetGCPercent(garbageFor(live[0].Value.Uint64()))
	})
}

// garbageFor is the percentage that lets a heap which needs so many bytes grow to smallHeap.
func garbageFor(live uint64) int {
	if live == 0 { // before the first cleaning: counted from the least that the runtime starts with
		return smallHeap * 100 / (4 << 20)
	}
	return max(garbagePercent, int(smallHeap*100/live)-100)
}

// afterCleaning calls f each time memory was cleaned: an object that nobody needs goes
// each time, and f is called when it does.
func afterCleaning(f func()) {
	runtime.AddCleanup(new([16]byte), func(f func()) {
		f()
		afterCleaning(f)
	}, f)
}
