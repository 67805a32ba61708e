package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"os"
	"slices"

	"azcollector/internal/collect"
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
	var keys []ed25519.PrivateKey
	var trusted []ed25519.PublicKey
	for _, file := range c.Key {
		key, err := dsse.ReadKey(file)
		if err != nil {
			return usageError{fmt.Errorf("read the key %s: %w", file, err)}
		}
		keys, trusted = append(keys, key), append(trusted, key.Public().(ed25519.PublicKey))
	}
	envelope, err := updater.Seal(text, keys...)
	if err != nil {
		return usageError{err}
	}
	document, err := updater.Open(envelope, trusted)
	if err != nil {
		return usageError{err}
	}
	for name := range document.Settings { // values are checked beside the others, where it is used
		if !slices.Contains(syncable(), name) {
			return usageError{fmt.Errorf("%.100q cannot be synced", name)}
		}
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
	kept, err := collect.LoadConfig(ctx, h.store, h.settings.TenantID)
	if err != nil {
		return err
	}
	_, err = io.WriteString(c.stdout, fmt.Sprintf("configuration version %d is in the state; each collector uses it after its next run\n", kept.Version))
	return err
}
