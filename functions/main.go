package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	boundGarbage()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(realMain(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
