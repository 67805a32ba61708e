package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sirupsen/logrus"

	"azcollector/internal/alertlogic"
	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
	"azcollector/internal/state"
	"azcollector/internal/wire"
	"azcollector/pull"
	"azcollector/webhook"
)

// A house is the rooms with the doors they share. It is built the same way for
// the Functions host, for serve, and for a single command.
type house struct {
	settings Settings
	log      *logrus.Logger
	http     *http.Client

	store     collect.Store
	sole      bool         // the store is ours alone
	visiting  bool         // a command beside a collector elsewhere, which may be of another version
	account   *state.Azure // the store, if it is a storage account
	tokens    *microsoft.Tokens
	feed      *microsoft.Feed
	alert     *alertlogic.Client // nil: another sink
	registrar *registrar         // nil: another sink
	ledger    *collect.Ledger
	delivery  *collect.Delivery
	collector *collect.Collector
	meter     *collect.Meter
	secrets   *authIDs
	lister    *pull.Lister
	doubt     *webhook.Doubt
	config    synced

	oddLines, strangerLines, unwokenLines, queueLines seldom

	serving atomic.Bool // the workers run
	state   trouble     // with recording notifications
	due     trouble     // with looking at what is due
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

// openHouse puts up the doors, for a command or for good. It opens the embedded store;
// nobody else is asked for anything yet.
func openHouse(ctx context.Context, s Settings, log *logrus.Logger, command bool) (*house, error) {
	h := &house{
		settings: s, log: log, sole: !s.Storage.Configured(), visiting: command && s.Storage.Configured(),
		http: crashingClient(wire.Client(wire.Options{Connections: 2 * s.Concurrency, HeaderTimeout: s.RequestTimeout})),
	}
	store, err := openStore(s, h.http, command)
	if err != nil {
		return nil, err
	}
	h.store = crashingStore(store)
	h.account, _ = store.(*state.Azure)
	if err := h.configure(ctx); err != nil && !command {
		return nil, errors.Join(err, store.Close())
	}
	log.SetLevel(h.settings.LogLevel)
	if err := h.furnish(); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return h, nil
}

func (h *house) furnish() (err error) {
	if h.tokens, h.feed, err = newFeed(h.settings, h.http, func() { h.meter.Throttled() }); err != nil {
		return err
	}
	sink, err := h.openSink()
	if err != nil {
		return err
	}
	owner := rand.Text()
	h.doubt = &webhook.Doubt{}
	h.ledger = &collect.Ledger{Store: h.store, Owner: owner, Sole: h.sole, Odd: h.odd, Unwoken: h.unwoken}
	h.meter = &collect.Meter{Store: h.store, Tenant: h.settings.TenantID, Owner: owner}
	h.delivery = &collect.Delivery{
		Sink: sink, Store: h.store, Meter: h.meter, Now: h.feed.ServerTime,
		Seen: &collect.Seen{Store: h.store, Shared: !h.sole},
	}
	h.collector = &collect.Collector{
		Ledger: h.ledger, Delivery: h.delivery, Source: h.feed.Fetch,
		Concurrency: h.settings.Concurrency,
		Report:      h.reportContent,
	}
	h.secrets = newAuthIDs(h.store, h.settings.TenantID, string(h.settings.WebhookAuthID))
	h.lister = h.newLister()
	return nil
}

// buildRooms opens the house for work. It asks the state for what the webhook
// cannot answer without.
func buildRooms(ctx context.Context, s Settings, log *logrus.Logger) (*rooms, error) {
	h, err := openHouse(ctx, s, log, false)
	if err != nil {
		return nil, err
	}
	if err := h.secrets.load(ctx); err != nil {
		return nil, errors.Join(err, h.store.Close())
	}
	r, err := h.rooms()
	if err != nil {
		return nil, errors.Join(err, h.store.Close())
	}
	return r, nil
}

func (h *house) rooms() (*rooms, error) {
	timers, err := h.timers()
	if err != nil {
		return nil, err
	}
	return &rooms{
		Webhook:    h.webhook(),
		Functions:  h.functions(),
		Timers:     timers,
		Background: h.background(),
		Renew:      h.config.renew,
		Health:     func() error { return errors.Join(h.collector.Trouble(), h.state.why(), h.due.why()) },
		Close:      h.close,
	}, nil
}

// close keeps the statistics and lets go of the store.
func (h *house) close(ctx context.Context) error {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer done()
	return errors.Join(h.meter.Close(ctx), h.store.Close())
}

func (h *house) webhook() *webhook.Handler {
	room := &webhook.Handler{
		AuthIDs:  h.secrets.accepted,
		Reread:   h.rereadSecrets,
		Types:    h.settings.ContentStreams,
		Check:    h.feed.CheckContent,
		Announce: h.ledger.Announce,
		Submit:   h.collector.Submit,
		Doubt:    h.doubt,
		Budget:   h.settings.WebhookBudget,
		Report:   h.reportNotice,
	}
	if h.settings.Notifications == "wake" {
		room.Ring = h.ring
	}
	return room
}

// background is what runs while the process lives.
func (h *house) background() []func(context.Context) error {
	all := []func(context.Context) error{h.work, h.lister.Watch, h.keepStatistics}
	if h.account != nil {
		all = append(all, h.account.CreateQueue)
	}
	if h.sole && !h.settings.Host {
		all = append(all, h.control)
	}
	if h.settings.Host && !slices.Contains(h.settings.Disabled, "master") {
		all = append(all, h.begin)
	}
	if h.account != nil && !h.settings.Host { // there the host listens to the queue
		all = append(all, h.listenToQueue)
	}
	return all
}

// work runs the workers, and with a store of our own brings them what is due: in a
// storage account messages do that.
func (h *house) work(ctx context.Context) error {
	h.serving.Store(true)
	defer h.serving.Store(false)
	if h.sole {
		return h.pool().Run(ctx)
	}
	return h.collector.Run(ctx)
}

// listenToQueue does what the Functions host does for its apps: it hands the
// queue's messages to the function, as many at a time as there are workers.
func (h *house) listenToQueue(ctx context.Context) error {
	var working sync.WaitGroup
	defer working.Wait()
	log := h.log.WithField("function", "content")
	handle := h.counted("content", h.handler().Handle)
	return listenToQueue(ctx, h.account, h.settings.Concurrency, &working, func(ctx context.Context, payload []byte) error {
		err := guard(func() error { return handle(ctx, payload) })
		if err != nil && ctx.Err() == nil { // the message does not tell anybody else
			logLines(log, err, "failed")
		}
		return err
	}, h.queueRead)
}
