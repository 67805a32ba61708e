package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// kindConfig holds the configuration that was synced, one row per tenant.
const kindConfig = "config"

// ErrOlder says that a configuration's version is not above the one that is kept.
var ErrOlder = errors.New("older than the one that is applied")

// MaxConfig is the largest configuration kept, in bytes: a binary property of Table
// Storage takes 64 KiB.
const MaxConfig = 60 << 10

// A Config is the last good configuration, still in its signed envelope: whoever uses
// it verifies it again, since state is a stranger's word. Version is 0 if there is none.
type Config struct {
	Version  int64
	Envelope []byte
	At       time.Time // when it was kept
	// Tried is when somebody last looked for a newer one, and Error why that brought
	// none; empty if all is well.
	Tried time.Time
	Error string

	version string
}

func configKey(tenant string) Key { return Key{kindConfig, EscapeKey(tenant), "settings"} }

// LoadConfig reads a tenant's configuration. That there is none is no error.
func LoadConfig(ctx context.Context, store Store, tenant string) (Config, error) {
	row, err := store.Get(ctx, configKey(tenant))
	if errors.Is(err, ErrNotFound) {
		return Config{}, nil
	}
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	c := Config{version: row.Version}
	c.Version, _ = row.Fields["Applied"].(int64)
	c.Envelope, _ = row.Fields["Envelope"].([]byte)
	c.At, _ = row.Fields["At"].(time.Time)
	c.Tried, _ = row.Fields["Tried"].(time.Time)
	c.Error, _ = row.Fields["Error"].(string)
	return c, nil
}

// KeepConfig keeps a newer configuration, in one write: every process has the old one
// or the new one. The one that is kept already is no error; another one of the same
// version, or an older one, is ErrOlder.
func KeepConfig(ctx context.Context, store Store, tenant string, version int64, envelope []byte) error {
	if len(envelope) > MaxConfig {
		return fmt.Errorf("keep configuration: it has %d bytes, at most %d", len(envelope), MaxConfig)
	}
	return changeConfig(ctx, store, tenant, func(c *Config) error {
		switch {
		case version == c.Version && bytes.Equal(envelope, c.Envelope):
		case version <= c.Version:
			return fmt.Errorf("keep configuration: version %d is %w, %d", version, ErrOlder, c.Version)
		default:
			c.Version, c.Envelope, c.At = version, envelope, stamp(time.Now())
		}
		c.Error = ""
		return nil
	})
}

// VoidConfig forgets a kept configuration that is none, if it is still there: its
// version would keep every real one out.
func VoidConfig(ctx context.Context, store Store, tenant string, kept Config) error {
	return changeConfig(ctx, store, tenant, func(c *Config) error {
		if c.version == kept.version {
			c.Version, c.Envelope = 0, nil
		}
		return nil
	})
}

// RefuseConfig remembers why the last look for a newer configuration brought none.
func RefuseConfig(ctx context.Context, store Store, tenant, why string) error {
	return changeConfig(ctx, store, tenant, func(c *Config) error {
		c.Error = Brief(why)
		return nil
	})
}

func changeConfig(ctx context.Context, store Store, tenant string, change func(*Config) error) error {
	for {
		c, err := LoadConfig(ctx, store, tenant)
		if err != nil {
			return err
		}
		if err := change(&c); err != nil {
			return err
		}
		_, err = Swap(ctx, store, Row{Key: configKey(tenant), Version: c.version, Fields: Fields{
			"Applied": c.Version, "Envelope": c.Envelope, "At": c.At, "Tried": stamp(time.Now()), "Error": c.Error,
		}})
		if !Overtaken(err) {
			if err != nil {
				err = fmt.Errorf("write configuration: %w", err)
			}
			return err
		}
	}
}
