package main

import (
	"context"
	"errors"
)

// A crash kills the collector.
type crash struct{}

// Run implements the command.
func (c *crash) Run(ctx context.Context, o *options) error { return errors.New("not built yet") }
