package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// garbagePercent is how much more than it needs the heap may hold until it is cleaned,
// in percent of what it needs; the variable GOGC wins. Most of what we need are bytes of
// records, which the cleaning does not look into: it is cheap, and may come often.
const garbagePercent = 40

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(realMain(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
