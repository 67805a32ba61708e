package main

import (
	"context"
	"fmt"
	"os"

	"azcollector/internal/dsse"
	"azcollector/updater"
)

// signConfig needs no settings: it is run where the key is, which is not where the
// collector is.
func (p *program) signConfig() error {
	c := p.command.Config.Sign
	text, err := os.ReadFile(c.File)
	if err != nil {
		return usageError{fmt.Errorf("read the configuration: %w", err)}
	}
	keys, err := dsse.ReadKeys(c.Key)
	if err != nil {
		return usageError{err}
	}
	document, err := updater.Read(text)
	if err != nil {
		return usageError{err}
	}
	for name := range document.Settings { // values are checked beside the others, where it is used
		if err := canSync(name); err != nil {
			return usageError{err}
		}
	}
	envelope, err := updater.Seal(text, keys...)
	if err != nil {
		return usageError{err}
	}
	_, err = p.stdout.Write(envelope)
	return err
}

// updateNow is the command `update`.
func updateNow(ctx context.Context, h *house, c *console) error {
	if h.settings.ConfigURL == "" {
		return usageError{fmt.Errorf("nothing is to be updated: CONFIG_URL is not set")}
	}
	if _, err := h.update(ctx); err != nil {
		return err
	}
	kept, err := h.keptConfig(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.stdout, "configuration version %d is in the state; each collector uses it after its next run\n", kept.Version)
	return err
}
