package main

import (
	"context"
	"errors"
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
	if h.settings.ConfigURL == "" && h.settings.UpdateManifest == "" {
		return usageError{fmt.Errorf("nothing is to be updated: neither CONFIG_URL nor UPDATE_MANIFEST_URL is set")}
	}
	var err error
	if room := h.upgrade(nil); room != nil {
		// This program may be another than the collector's, of another version.
		if err = room.Hurry(ctx); err == nil {
			_, err = fmt.Fprintln(c.stdout, "the collector looks for a release at its next run of master, and takes it at once; azcollector status tells")
		}
	}
	if h.settings.ConfigURL == "" {
		return err
	}
	if synced := h.syncConfiguration(ctx); err != nil || synced != nil {
		return errors.Join(err, synced)
	}
	kept, err := h.keptConfig(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.stdout, "configuration version %d is in the state; each collector uses it after its next run\n", kept.Version)
	return err
}
