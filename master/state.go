package master

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
)

const (
	kindTenant      = "tenant"
	rowSubscription = "subscription"
	rowPause        = "subscriptions"
)

// A State is what master knows of a subscription, and what it does next.
type State struct {
	Type string `json:"type"`
	// Status and WebhookStatus are the API's words of SeenAt, or "missing"; Address
	// is the webhook's. WebhookStatus "": there was no webhook.
	Status        string    `json:"status"`
	WebhookStatus string    `json:"webhookStatus,omitempty"`
	Address       string    `json:"address,omitempty"`
	SeenAt        time.Time `json:"seenAt,omitzero"`
	// EnabledAt is when it was last seen enabled.
	EnabledAt time.Time `json:"enabledAt,omitzero"`
	// Plan is what it needs, in words; "": nothing. NextStart is before when nothing
	// is started.
	Plan      string    `json:"plan,omitempty"`
	NextStart time.Time `json:"nextStart,omitzero"`
	// Started is when a start was last sent. LastError is what that came to.
	Started   time.Time `json:"started,omitzero"`
	LastError string    `json:"lastError,omitempty"`
	// Yielded is when we let somebody else have the webhook; zero: we do not.
	Yielded time.Time `json:"yielded,omitzero"`

	bare     bool         // Microsoft could not validate the webhook: the next start is without
	tries    int64        // how often that happened in a row to one that runs
	set      string       // the address that our last start set, until somebody changes it
	stolen   time.Time    // when somebody last did
	moves    [2]time.Time // when starts of ours last replaced an address of ours, the older first
	offSince time.Time    // when it was seen on before it was seen off; zero: it is on
	doubt    bool         // off only by an empty list, and not counted as a loss yet

	row collect.Row
}

func stateKey(tenant, contentType string) collect.Key {
	return collect.Key{Kind: kindTenant, Partition: collect.EscapeKey(tenant), Row: collect.EscapeKey(rowSubscription, contentType)}
}

// States yields what master knows of a tenant's subscriptions, by type.
func States(ctx context.Context, store collect.Store, tenant string) iter.Seq2[State, error] {
	return func(yield func(State, error) bool) {
		pause, err := loadPause(ctx, store, tenant)
		if err != nil {
			yield(State{}, err)
			return
		}
		for row, err := range store.List(ctx, kindTenant, collect.EscapeKey(tenant), rowSubscription+"|") {
			if err != nil {
				yield(State{}, fmt.Errorf("list the states of subscriptions: %w", err))
				return
			}
			if !strings.HasPrefix(row.Row, rowSubscription+"|") {
				return
			}
			st := stateOf(row)
			if st.NextStart.Before(pause) {
				st.NextStart = pause
			}
			if !yield(st, nil) {
				return
			}
		}
	}
}

func loadState(ctx context.Context, store collect.Store, tenant, contentType string) (*State, error) {
	key := stateKey(tenant, contentType)
	row, err := store.Get(ctx, key)
	if errors.Is(err, collect.ErrNotFound) {
		return &State{Type: contentType, row: collect.Row{Key: key}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the state of subscription %s: %w", contentType, err)
	}
	st := stateOf(row)
	st.Type = contentType
	return &st, nil
}

// see notes what the API shows; is is nil if there is no subscription.
func (st *State) see(is *microsoft.Subscription, now time.Time) {
	st.SeenAt, st.Status, st.WebhookStatus, st.Address = now, "missing", "", ""
	if is == nil {
		return
	}
	st.Status = collect.Brief(is.Status)
	if running(is.Status) {
		st.Status, st.EnabledAt = "enabled", now
	}
	if is.Webhook != nil {
		st.WebhookStatus, st.Address = collect.Brief(cmp.Or(is.Webhook.Status, "enabled")), shown(is.Webhook.Address)
	}
}

// save writes the row if nobody else did since it was read. ErrChanged.
func (st *State) save(ctx context.Context, store collect.Store) error {
	st.row.Fields = st.fields()
	version, err := collect.Swap(ctx, store, st.row)
	if errors.Is(err, collect.ErrExists) {
		err = collect.ErrChanged
	}
	if err != nil {
		return fmt.Errorf("write the state of subscription %s: %w", st.Type, err)
	}
	st.row.Version = version
	return nil
}

// insist writes the row whoever changed it meanwhile: only who sent a start knows
// what it came to.
func (st *State) insist(ctx context.Context, store collect.Store) error {
	for {
		err := st.save(ctx, store)
		if !errors.Is(err, collect.ErrChanged) {
			return err
		}
		row, err := store.Get(ctx, st.row.Key)
		if err != nil && !errors.Is(err, collect.ErrNotFound) {
			return fmt.Errorf("read the state of subscription %s: %w", st.Type, err)
		}
		st.row.Version = row.Version
	}
}

func (st *State) fields() collect.Fields {
	return collect.Fields{
		"Type": st.Type, "Status": st.Status, "WebhookStatus": st.WebhookStatus, "Address": st.Address, "SeenAt": st.SeenAt,
		"EnabledAt": st.EnabledAt, "Plan": st.Plan, "NextStart": st.NextStart, "Started": st.Started, "LastError": collect.Brief(st.LastError),
		"Yielded": st.Yielded, "Bare": st.bare, "Tries": st.tries, "Set": st.set, "Stolen": st.stolen,
		"Moved": st.moves[1], "MovedBefore": st.moves[0], "OffSince": st.offSince, "Doubt": st.doubt,
	}
}

func stateOf(row collect.Row) State {
	str := func(name string) string { v, _ := row.Fields[name].(string); return v }
	at := func(name string) time.Time { v, _ := row.Fields[name].(time.Time); return v }
	st := State{
		Type: str("Type"), Status: str("Status"), WebhookStatus: str("WebhookStatus"), Address: str("Address"), SeenAt: at("SeenAt"),
		EnabledAt: at("EnabledAt"), Plan: str("Plan"), NextStart: at("NextStart"), Started: at("Started"), LastError: str("LastError"),
		Yielded: at("Yielded"), set: str("Set"), stolen: at("Stolen"),
		moves: [2]time.Time{at("MovedBefore"), at("Moved")}, offSince: at("OffSince"), row: row,
	}
	st.bare, _ = row.Fields["Bare"].(bool)
	st.doubt, _ = row.Fields["Doubt"].(bool)
	st.tries, _ = row.Fields["Tries"].(int64)
	return st
}
