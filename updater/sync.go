package updater

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"azcollector/internal/collect"
)

// Sync brings a tenant's configuration up to date. It may run in several processes at
// the same time.
type Sync struct {
	Tenant  string
	Store   collect.Store
	Fetch   func(ctx context.Context) ([]byte, error) // the newest signed document
	Trusted []ed25519.PublicKey
	Check   func(Document) error // may these settings be synced, and are their values good?
}

// Run keeps the newest document, if it is a good one. Whatever fails, the last good one
// stays, and the reason stands beside it until a run succeeds.
func (s *Sync) Run(ctx context.Context) error {
	err := s.sync(ctx)
	if err == nil || ctx.Err() != nil { // being stopped says nothing about the document
		return err
	}
	return errors.Join(err, collect.RefuseConfig(ctx, s.Store, s.Tenant, err.Error()))
}

func (s *Sync) sync(ctx context.Context) error {
	envelope, err := s.Fetch(ctx)
	if err != nil {
		return err
	}
	document, err := Open(envelope, s.Trusted)
	if err != nil {
		return err
	}
	if err := s.Check(document); err != nil {
		return fmt.Errorf("check version %d of the configuration: %w", document.Version, err)
	}
	if err := s.clear(ctx); err != nil {
		return err
	}
	err = collect.KeepConfig(ctx, s.Store, s.Tenant, document.Version, envelope)
	if errors.Is(err, collect.ErrOlder) {
		return fmt.Errorf("%w: every change needs a higher version", err)
	}
	return err
}

// clear makes room where the kept configuration is not what it says: signed by a key that
// is trusted no more, or by somebody who can write to the state and gave it a version
// that no document of ours would ever reach.
func (s *Sync) clear(ctx context.Context) error {
	kept, err := collect.LoadConfig(ctx, s.Store, s.Tenant)
	if err != nil || kept.Version == 0 {
		return err
	}
	if document, err := Open(kept.Envelope, s.Trusted); err == nil && document.Version == kept.Version {
		return nil
	}
	return collect.VoidConfig(ctx, s.Store, s.Tenant, kept)
}
