package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"azcollector/content"
	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
	"azcollector/internal/state"
	"azcollector/internal/wire"
	"azcollector/pull"
	"azcollector/webhook"
)

// A house is the rooms with the doors they share. It is built the same way for
// the Functions host and for serve.
type house struct {
	settings  Settings
	log       *logrus.Logger
	http      *http.Client
	store     collect.Store
	feed      *microsoft.Feed
	ledger    *collect.Ledger
	collector *collect.Collector
	secrets   *authIDs
	state     trouble // with recording notifications
	due       trouble // with looking at what is due
}

// trouble is what last went wrong with something, until it works again.
type trouble struct{ err atomic.Pointer[error] }

func (t *trouble) note(err error) {
	if err == nil {
		t.err.Store(nil)
		return
	}
	t.err.Store(&err)
}

func (t *trouble) why() error {
	if err := t.err.Load(); err != nil {
		return *err
	}
	return nil
}

// buildRooms wires the rooms to their doors. It asks the state for what the
// webhook cannot answer without, and nobody else for anything.
func buildRooms(ctx context.Context, s Settings, log *logrus.Logger) (*rooms, error) {
	h := &house{settings: s, log: log, http: wire.Client(wire.Options{Connections: 2 * s.Concurrency})}
	store, err := openStore(s, h.http)
	if err != nil {
		return nil, err
	}
	h.store = store
	if err := h.furnish(ctx); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return h.rooms(), nil
}

func (h *house) furnish(ctx context.Context) (err error) {
	if h.feed, err = newFeed(h.settings, h.http); err != nil {
		return err
	}
	sink, err := h.openSink()
	if err != nil {
		return err
	}
	h.ledger = &collect.Ledger{Store: h.store, Owner: rand.Text(), Sole: !h.settings.Storage.Configured()}
	h.collector = &collect.Collector{
		Ledger: h.ledger,
		Delivery: &collect.Delivery{
			Sink: sink, Store: h.store,
			Seen: &collect.Seen{Store: h.store, Shared: !h.ledger.Sole},
		},
		Source:          h.feed.Fetch,
		Concurrency:     h.settings.Concurrency,
		Acknowledgement: sink.Name() + " " + sink.Acknowledgement(),
		Report:          h.reportContent,
	}
	h.secrets, err = loadAuthIDs(ctx, h.store, h.settings.TenantID, string(h.settings.WebhookAuthID))
	return err
}

func (h *house) rooms() *rooms {
	pool := h.pool()
	r := &rooms{
		Webhook: &webhook.Handler{
			AuthIDs:  h.secrets.accepted,
			Types:    h.settings.ContentStreams,
			Check:    h.feed.CheckContent,
			Announce: h.ledger.Announce,
			Submit:   h.collector.Submit,
			Budget:   h.settings.WebhookBudget,
			Report:   h.reportNotice,
		},
		Background: []func(context.Context) error{pool.Run},
		Functions:  map[string]func(context.Context, []byte) error{"pull": h.pull},
		Health:     func() error { return errors.Join(h.collector.Trouble(), h.state.why(), h.due.why()) },
		Close:      func(context.Context) error { return h.store.Close() },
	}
	if account, ok := h.store.(*state.Azure); ok {
		r.Background = append(r.Background, account.CreateQueue)
	}
	if !h.settings.Host { // there the pool runs all the time
		r.Functions["content"] = func(ctx context.Context, _ []byte) error {
			once := h.pool()
			once.Once = true
			return once.Run(ctx)
		}
	}
	return r
}

// How often the due rows are looked at: on our own disk it costs nothing, a
// storage account counts every look.
const (
	lookAtDisk    = time.Second
	lookAtAccount = 5 * time.Second
)

func (h *house) pool() *content.Pool {
	every := lookAtDisk
	if h.settings.Storage.Configured() {
		every = lookAtAccount
	}
	return &content.Pool{
		Ledger: h.ledger, Collector: h.collector, Tenants: []string{h.settings.TenantID}, Every: every,
		Report: func(err error) {
			h.due.note(err)
			if err != nil {
				h.log.WithField("component", "content").WithError(err).Error("cannot look at what is due")
			}
		},
	}
}

func (h *house) pull(ctx context.Context, _ []byte) error {
	log := h.log.WithContext(ctx).WithField("component", "pull")
	l := &pull.Lister{
		Tenants: []string{h.settings.TenantID}, Types: h.settings.ContentStreams,
		Lookback: h.settings.Lookback, Now: h.feed.ServerTime,
		Contents: h.feed.Contents, Offer: h.ledger.Offer,
		Report: func(contentType string, from, to time.Time, listed, fresh int) {
			log.WithFields(logrus.Fields{"type": contentType, "from": from, "to": to, "listed": listed, "new": fresh}).Info("listed")
		},
	}
	return l.Run(ctx)
}
