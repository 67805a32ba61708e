package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"azcollector/internal/collect"
)

const (
	// rotationGrace is how long the webhook still takes the secret before the
	// current one: Microsoft goes on sending it until the subscription is renewed.
	rotationGrace = 24 * time.Hour
	// rereadAfter bounds how often strangers' guesses make us read the state.
	rereadAfter = 5 * time.Second
)

// authIDs are the webhook's shared secrets of one tenant. Another instance or a
// command may rotate them, so they are read again when an unknown one comes.
type authIDs struct {
	store   collect.Store
	tenant  string
	setting string

	turn chan struct{} // held by who rereads; the others wait for what it finds

	mu                sync.Mutex
	current, previous string
	rotated           time.Time
	read              time.Time
}

func newAuthIDs(store collect.Store, tenant, setting string) *authIDs {
	return &authIDs{store: store, tenant: tenant, setting: setting, turn: make(chan struct{}, 1)}
}

func (a *authIDs) key() collect.Key {
	return collect.Key{Kind: "tenant", Partition: collect.EscapeKey(a.tenant), Row: "webhook"}
}

// load reads the secret from the state. At the first start it is the one of the
// settings, or a new one; a setting that differs later is a rotation.
func (a *authIDs) load(ctx context.Context) error {
	return a.change(ctx, func(current string) string {
		if current == "" || a.setting != "" {
			return a.first()
		}
		return current
	})
}

// errSettingRules says that a command cannot change what a setting says.
var errSettingRules = errors.New("O365_WEBHOOK_AUTH_ID is set: change it there, the old one is then taken for another 24 h")

// errRotated says that the secret before the current one is still in use.
var errRotated = errors.New("the secret was rotated, and there is an old one already")

// rotate makes a new secret.
func (a *authIDs) rotate(ctx context.Context) error {
	if a.setting != "" {
		return errSettingRules
	}
	if err := a.keep(ctx); err != nil {
		return err
	}
	if until := a.rotated.Add(rotationGrace); a.previous != "" && time.Now().Before(until) {
		return fmt.Errorf("%w: it is taken until %s, and Microsoft may send it still; rotate again after that", errRotated, until.Format(time.RFC3339))
	}
	return a.change(ctx, func(string) string { return rand.Text() })
}

func (a *authIDs) change(ctx context.Context, next func(current string) string) error {
	for {
		row, err := a.store.Get(ctx, a.key())
		missing := errors.Is(err, collect.ErrNotFound)
		if err != nil && !missing {
			return fmt.Errorf("read the webhook's secret from the state: %w", err)
		}
		current, _ := row.Fields["AuthID"].(string)
		wanted := next(current)
		switch {
		case missing:
			row = collect.Row{Key: a.key(), Fields: collect.Fields{"AuthID": wanted}}
			_, err = a.store.Insert(ctx, row)
		case wanted != current:
			row.Fields["PreviousAuthID"], row.Fields["AuthID"], row.Fields["Rotated"] = current, wanted, time.Now().UTC()
			_, err = a.store.Replace(ctx, row)
		}
		if collect.Overtaken(err) {
			continue // another instance wrote at the same moment: take what it wrote
		}
		if err != nil {
			return fmt.Errorf("write the webhook's secret into the state: %w", err)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.current = wanted
		a.previous, _ = row.Fields["PreviousAuthID"].(string)
		a.rotated, _ = row.Fields["Rotated"].(time.Time)
		a.read = time.Now()
		return nil
	}
}

// reread looks whether somebody rotated, unless that was done just now. It writes
// nothing: of two instances with different settings the one that started last wins.
// After a rotation Microsoft comes with several notifications at once: while one
// of them reads, the others wait, or they would be refused.
func (a *authIDs) reread(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, rereadAfter)
	defer done()
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return fmt.Errorf("wait for the webhook's secret: %w", context.Cause(ctx))
	}
	a.mu.Lock()
	fresh := time.Since(a.read) < rereadAfter
	if !fresh { // from the last look on, not the last guess: who guesses all the time must not keep us from looking
		a.read = time.Now()
	}
	a.mu.Unlock()
	if fresh {
		return nil
	}
	return a.keep(ctx)
}

// keep takes over what the state holds, if it holds anything.
func (a *authIDs) keep(ctx context.Context) error {
	return a.change(ctx, func(current string) string {
		if current == "" {
			return a.first()
		}
		return current
	})
}

func (a *authIDs) first() string {
	if a.setting != "" {
		return a.setting
	}
	return rand.Text()
}

// now is the current secret.
func (a *authIDs) now(ctx context.Context) (string, error) {
	err := a.keep(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.current, err
}

// rotatedAt is when the current secret became that; zero: it always was.
func (a *authIDs) rotatedAt() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rotated
}

func (a *authIDs) accepted() map[string][]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	accepted := []string{a.current}
	if a.previous != "" && time.Since(a.rotated) < rotationGrace {
		accepted = append(accepted, a.previous)
	}
	return map[string][]string{a.tenant: accepted}
}
