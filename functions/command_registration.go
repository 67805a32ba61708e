package main

import (
	"context"
	"errors"
	"fmt"
)

var errOtherSink = usageError{errors.New("only SINK=alertlogic registers")}

// register is the command. It asks Alert Logic, whatever the state says.
func register(ctx context.Context, h *house, c *console) error {
	if h.registrar == nil {
		return errOtherSink
	}
	id, err := h.registrar.renew(ctx)
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	_, err = fmt.Fprintf(c.stdout, "registered: host %s, source %s\n", id.HostID, id.SourceID)
	return err
}

func deregister(ctx context.Context, h *house, c *console) error {
	switch {
	case h.registrar == nil:
		return errOtherSink
	case !c.command.Deregister.Yes:
		return usageError{errors.New("this ends the collector's registration with Alert Logic; say --yes (a running collector registers again: stop it first)")}
	}
	if err := h.registrar.forget(ctx); err != nil {
		return fmt.Errorf("deregister: %w", err)
	}
	_, err := fmt.Fprintln(c.stdout, "deregistered")
	return err
}

// rotateSecret makes a new webhook secret and has master tell Microsoft of it.
func rotateSecret(ctx context.Context, h *house, c *console) error {
	if err := h.secrets.rotate(ctx); err != nil {
		if errors.Is(err, errSettingRules) || errors.Is(err, errRotated) {
			return usageError{err}
		}
		return err
	}
	_, err := fmt.Fprintln(c.stdout, "there is a new secret; master gives it to Microsoft at its next run, and the old one is taken for another 24 h")
	return err
}
