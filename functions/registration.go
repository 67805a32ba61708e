package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"azcollector/internal/alertlogic"
	"azcollector/internal/collect"
)

// registering is how long an instance that said it would register is believed to
// be at it: the time of a request and of what it takes to write the answer.
const registering = 3 * time.Minute

// registerPause is how long a failure answers for those who ask next: each content of a
// backlog asks who we are.
const registerPause = time.Second

// A registrar knows who we are to Alert Logic: by settings, by the state, or by
// registering, once for all instances that share the state.
type registrar struct {
	settings Settings
	store    collect.Store
	sole     bool // nobody else uses the store
	client   *alertlogic.Client

	turn   chan struct{} // held by the one who asks; who waits can stop waiting
	known  alertlogic.Registration
	failed error // what the last asking came to
	asked  time.Time
}

func (r *registrar) key() collect.Key {
	return collect.Key{Kind: "registration", Partition: collect.EscapeKey(r.settings.TenantID), Row: "alertlogic"}
}

func (r *registrar) site() alertlogic.Site {
	return alertlogic.Site{Subscription: r.settings.SubscriptionID, ResourceGroup: r.settings.ResourceGroup, App: r.settings.SiteName}
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
	if r.failed != nil && time.Since(r.asked) < registerPause {
		return alertlogic.Registration{}, r.failed
	}
	known, err := r.ask(ctx)
	r.failed, r.asked = nil, time.Now()
	if err != nil && ctx.Err() == nil { // who gave up says nothing to the others
		r.failed = err
	}
	r.known = known
	return known, err
}

// ask takes what the settings say, and what they lack from the state or azcollect.
func (r *registrar) ask(ctx context.Context) (alertlogic.Registration, error) {
	known := alertlogic.Registration{HostID: r.settings.HostID, SourceID: r.settings.SourceID}
	if known.HostID != "" && known.SourceID != "" {
		return known, nil
	}
	kept, err := r.kept(ctx)
	if err != nil {
		return alertlogic.Registration{}, err
	}
	known.HostID, known.SourceID = cmp.Or(known.HostID, kept.HostID), cmp.Or(known.SourceID, kept.SourceID)
	return known, nil
}

// look forgets what it knows, so that a registration that somebody else made or
// removed is seen, and a failure is tried again.
func (r *registrar) look(ctx context.Context) (alertlogic.Registration, error) {
	if err := r.forgetKnown(ctx); err != nil {
		return alertlogic.Registration{}, err
	}
	return r.identity(ctx)
}

func (r *registrar) forgetKnown(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
		r.known, r.failed = alertlogic.Registration{}, nil
		<-r.turn
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// renew registers again, though the state says that we are: Alert Logic, or
// somebody, removed the registration there.
func (r *registrar) renew(ctx context.Context) (alertlogic.Registration, error) {
	if r.settings.HostID != "" && r.settings.SourceID != "" {
		return alertlogic.Registration{}, errors.New("COLLECTOR_HOST_ID and COLLECTOR_SOURCE_ID are set: unset them to register")
	}
	row, err := r.store.Get(ctx, r.key())
	if err == nil {
		err = r.store.Delete(ctx, row.Key, row.Version)
	}
	if err != nil && !errors.Is(err, collect.ErrNotFound) && !errors.Is(err, collect.ErrChanged) { // changed: by who renews it, too
		return alertlogic.Registration{}, fmt.Errorf("renew the registration: %w", err)
	}
	return r.look(ctx)
}

// kept reads the registration from the state or makes it. The row is written
// before azcollect is asked, so that of several instances one registers. If we
// crash in between, the row counts for nothing after a while.
func (r *registrar) kept(ctx context.Context) (alertlogic.Registration, error) {
	row, err := r.store.Get(ctx, r.key())
	if errors.Is(err, collect.ErrNotFound) {
		row = collect.Row{Key: r.key(), Fields: collect.Fields{"Begun": time.Now().UTC()}}
		row.Version, err = r.store.Insert(ctx, row)
		if err == nil {
			return r.register(ctx, row)
		}
		row, err = r.store.Get(ctx, r.key())
	}
	if err != nil {
		return alertlogic.Registration{}, fmt.Errorf("read the registration: %w", err)
	}
	made := registrationOf(row)
	if made.HostID != "" && made.SourceID != "" { // ingest would take batches that belong to nobody
		return made, nil
	}
	if begun, _ := row.Fields["Begun"].(time.Time); !r.sole && time.Since(begun) < registering {
		return made, &collect.Fault{Err: errors.New("another instance is registering at this moment")}
	}
	row.Fields = collect.Fields{"Begun": time.Now().UTC()}
	if row.Version, err = r.store.Replace(ctx, row); err != nil {
		return made, fmt.Errorf("take over the registration: %w", err)
	}
	return r.register(ctx, row)
}

// register asks azcollect who we are and writes it into the row, which is ours.
func (r *registrar) register(ctx context.Context, row collect.Row) (alertlogic.Registration, error) {
	s := r.settings
	request := alertlogic.RegisterRequest{
		Site: r.site(), Version: version(),
		TenantID: s.TenantID, ClientID: s.ClientID, OfficeTenantID: s.TenantID, ContentStreams: s.ContentStreams,
	}
	if s.SendClientSecret {
		request.ClientSecret = string(s.ClientSecret)
	}
	made, err := r.client.Register(ctx, request)
	if err != nil {
		_ = r.store.Delete(context.WithoutCancel(ctx), row.Key, row.Version) // else it counts for nothing soon
		return alertlogic.Registration{}, err
	}
	row.Fields = collect.Fields{
		"HostID": made.HostID, "SourceID": made.SourceID, "Registered": time.Now().UTC(), "Answer": string(made.Answer),
	}
	if _, err = r.store.Replace(ctx, row); err != nil {
		return alertlogic.Registration{}, fmt.Errorf("keep the registration: %w", err)
	}
	return made, nil
}

func registrationOf(row collect.Row) (made alertlogic.Registration) {
	made.HostID, _ = row.Fields["HostID"].(string)
	made.SourceID, _ = row.Fields["SourceID"].(string)
	answer, _ := row.Fields["Answer"].(string)
	made.Answer = []byte(answer)
	return made
}

// forget removes the registration there, and then here.
func (r *registrar) forget(ctx context.Context) error {
	if err := r.client.Deregister(ctx, r.site()); err != nil {
		return err
	}
	if err := r.store.Delete(ctx, r.key(), ""); err != nil {
		return fmt.Errorf("forget the registration: %w", err)
	}
	return r.forgetKnown(ctx)
}
