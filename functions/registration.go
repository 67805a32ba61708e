package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"azcollector/internal/alertlogic"
	"azcollector/internal/collect"
)

// A registrar knows who we are to Alert Logic: by settings, by the state, or by
// registering, once for all instances that share the state.
type registrar struct {
	settings Settings
	store    collect.Store
	client   *alertlogic.Client

	turn  chan struct{} // held by the one who asks; who waits can stop waiting
	known alertlogic.Registration
}

func (r *registrar) identity(ctx context.Context) (alertlogic.Registration, error) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return alertlogic.Registration{}, context.Cause(ctx)
	}
	if r.known.HostID != "" && r.known.SourceID != "" {
		return r.known, nil
	}
	known := alertlogic.Registration{HostID: r.settings.HostID, SourceID: r.settings.SourceID}
	if known.HostID == "" || known.SourceID == "" {
		kept, err := r.kept(ctx)
		if err != nil {
			return alertlogic.Registration{}, err
		}
		if known.HostID == "" {
			known.HostID = kept.HostID
		}
		if known.SourceID == "" {
			known.SourceID = kept.SourceID
		}
	}
	r.known = known
	return known, nil
}

// kept reads the registration from the state or makes it. Of two instances that
// register at once the one that writes first wins; azcollect gives both the same
// ids, since they register the same site. If we crash before writing, the next
// start registers that site again.
func (r *registrar) kept(ctx context.Context) (alertlogic.Registration, error) {
	key := collect.Key{Kind: "registration", Partition: collect.EscapeKey(r.settings.TenantID), Row: "alertlogic"}
	row, err := r.store.Get(ctx, key)
	if errors.Is(err, collect.ErrNotFound) {
		row, err = r.register(ctx, key)
	}
	if err != nil {
		return alertlogic.Registration{}, fmt.Errorf("read the registration: %w", err)
	}
	host, _ := row.Fields["HostID"].(string)
	source, _ := row.Fields["SourceID"].(string)
	if host == "" || source == "" { // ingest would take batches that belong to nobody
		return alertlogic.Registration{}, fmt.Errorf("read the registration: the state's row %s/%s in table %s names no host or no source; delete it to register anew",
			key.Partition, key.Row, key.Kind)
	}
	return alertlogic.Registration{HostID: host, SourceID: source}, nil
}

func (r *registrar) register(ctx context.Context, key collect.Key) (collect.Row, error) {
	s := r.settings
	request := alertlogic.RegisterRequest{
		Site:     alertlogic.Site{Subscription: s.SubscriptionID, ResourceGroup: s.ResourceGroup, App: s.SiteName},
		Version:  version(),
		TenantID: s.TenantID, ClientID: s.ClientID, OfficeTenantID: s.TenantID, ContentStreams: s.ContentStreams,
	}
	if s.SendClientSecret {
		request.ClientSecret = string(s.ClientSecret)
	}
	made, err := r.client.Register(ctx, request)
	if err != nil {
		return collect.Row{}, err
	}
	row := collect.Row{Key: key, Fields: collect.Fields{
		"HostID": made.HostID, "SourceID": made.SourceID, "Registered": time.Now().UTC(),
	}}
	if _, err = r.store.Insert(ctx, row); errors.Is(err, collect.ErrExists) {
		return r.store.Get(ctx, key)
	}
	return row, err
}
