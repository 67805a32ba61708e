package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"azcollector/internal/collect"
)

// rotationGrace is how long the webhook still takes the secret before the
// current one: Microsoft goes on sending it until the subscription is renewed.
const rotationGrace = 24 * time.Hour

// authIDs are the webhook's shared secrets of one tenant.
type authIDs struct {
	tenant            string
	current, previous string
	rotated           time.Time
}

// loadAuthIDs reads the secret from the state. At the first start it is the one
// of the settings, or a new one; a setting that differs later is a rotation.
func loadAuthIDs(ctx context.Context, store collect.Store, tenant, setting string) (*authIDs, error) {
	key := collect.Key{Kind: "tenant", Partition: collect.EscapeKey(tenant), Row: "webhook"}
	for {
		row, err := store.Get(ctx, key)
		switch {
		case errors.Is(err, collect.ErrNotFound):
			row = collect.Row{Key: key, Fields: collect.Fields{"AuthID": setting}}
			if setting == "" {
				row.Fields["AuthID"] = rand.Text()
			}
			_, err = store.Insert(ctx, row)
		case err == nil && setting != "" && setting != row.Fields["AuthID"]:
			row.Fields["PreviousAuthID"], row.Fields["AuthID"] = row.Fields["AuthID"], setting
			row.Fields["Rotated"] = time.Now().UTC()
			_, err = store.Replace(ctx, row)
		}
		if errors.Is(err, collect.ErrExists) || errors.Is(err, collect.ErrChanged) {
			continue // another instance started at the same moment: take what it wrote
		}
		if err != nil {
			return nil, fmt.Errorf("read the webhook's secret from the state: %w", err)
		}
		ids := &authIDs{tenant: tenant}
		ids.current, _ = row.Fields["AuthID"].(string)
		ids.previous, _ = row.Fields["PreviousAuthID"].(string)
		ids.rotated, _ = row.Fields["Rotated"].(time.Time)
		return ids, nil
	}
}

func (a *authIDs) accepted() map[string][]string {
	accepted := []string{a.current}
	if a.previous != "" && time.Since(a.rotated) < rotationGrace {
		accepted = append(accepted, a.previous)
	}
	return map[string][]string{a.tenant: accepted}
}
