package main

import (
	"context"
	"errors"
)

// A flood is more at once than can be delivered.
type flood struct{}

// Run implements the command.
func (f *flood) Run(ctx context.Context, o *options) error { return errors.New("not built yet") }
