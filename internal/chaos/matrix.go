package main

import (
	"context"
	"errors"
)

// A matrix lets every remote operation meet every fault.
type matrix struct{}

// Run implements the command.
func (m *matrix) Run(ctx context.Context, o *options) error { return errors.New("not built yet") }
