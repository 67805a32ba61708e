package master_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
	"azcollector/internal/sim"
	"azcollector/internal/wire"
	"azcollector/master"
)

// A world is the simulated Microsoft, which complains of a start too many, of one
// that takes a webhook away, and of a stop; with our webhook, which it can reach.
type world struct {
	*sim.World
	hook  *httptest.Server
	room  *master.Subscriptions
	store collect.Store

	mu    sync.Mutex
	clock time.Time
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) passes(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{clock: time.Now().UTC(), store: open(t)}
	w.World = sim.Start(t, sim.Options{
		Calm: true, StartPause: 15 * time.Minute, Now: w.now, TokenLife: 1000 * time.Hour, AuthID: authID,
		Push: sim.PushOptions{FirstDelay: time.Millisecond, Failures: 2},
	})
	certificate, key, err := w.IssueCertificate("webhook")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	w.hook = httptest.NewUnstartedServer(room())
	w.hook.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	w.hook.Config.ErrorLog = quiet
	w.hook.StartTLS()
	t.Cleanup(w.hook.Close)
	w.furnish(t)
	return w
}

// furnish makes the room with its door, as the roof does.
func (w *world) furnish(t *testing.T) {
	t.Helper()
	settings := w.Settings()
	pem, err := os.ReadFile(w.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := wire.Client(wire.Options{Roots: roots})
	t.Cleanup(client.CloseIdleConnections)
	cloud := microsoft.Cloud{Authority: mustParse(t, w.URL(sim.Entra)), Management: mustParse(t, w.URL(sim.Management))}
	tokens, err := microsoft.NewTokens(cloud, microsoft.Credentials{ClientID: settings["APP_CLIENT_ID"], ClientSecret: settings["APP_CLIENT_SECRET"]}, client)
	if err != nil {
		t.Fatal(err)
	}
	id := settings["APP_TENANT_ID"]
	feed := microsoft.NewFeed(microsoft.FeedOptions{Cloud: cloud, Tokens: tokens, Tenants: []string{id}, Publisher: id, HTTP: client})
	w.room = &master.Subscriptions{
		Tenant: tenant, Types: []string{general, "Audit.Exchange"}, Address: w.hook.URL, Store: w.store, Now: feed.ServerTime,
		AuthID: func(context.Context) (string, error) { return authID, nil },
		List:   func(ctx context.Context) ([]microsoft.Subscription, error) { return feed.Subscriptions(ctx, id) },
		Start: func(ctx context.Context, contentType string, hook *microsoft.Webhook) (microsoft.Subscription, error) {
			return feed.Start(ctx, id, contentType, hook)
		},
		Notifications: func(ctx context.Context, contentType string, from, to time.Time) iter.Seq2[microsoft.Notification, error] {
			return feed.Notifications(ctx, id, contentType, from, to)
		},
		Probe: master.Probe(client),
	}
}

func mustParse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// run takes 16 minutes, and expects so many starts.
func (w *world) run(t *testing.T, starts int, codes ...string) {
	t.Helper()
	before := w.Calls().Starts
	wantCodes(t, run(t, w.room), codes...)
	if got := w.Calls().Starts - before; got != starts {
		t.Errorf("%d starts, want %d", got, starts)
	}
	w.passes(16 * time.Minute)
}

// wantOurs says that everything is as it should be.
func (w *world) wantOurs(t *testing.T) {
	t.Helper()
	subscriptions := w.Subscriptions()
	if len(subscriptions) != 2 {
		t.Errorf("there are %d subscriptions", len(subscriptions))
	}
	for _, s := range subscriptions {
		if s.Status != "enabled" || s.Webhook == nil || s.Webhook.Status != "enabled" || s.Webhook.Address != w.hook.URL || s.Webhook.AuthID != authID {
			t.Errorf("%s is %s with webhook %+v", s.ContentType, s.Status, s.Webhook)
		}
	}
}

func TestWorldIsHealed(t *testing.T) {
	for name, test := range map[string]struct {
		break_ func(*sim.Subscription)
		codes  []string
	}{
		"disabled by the tenant":         {func(s *sim.Subscription) { s.Status = "disabled" }, []string{master.SubscriptionRestarted}},
		"webhook disabled":               {func(s *sim.Subscription) { s.Webhook.Status = "disabled" }, nil},
		"webhook expired":                {func(s *sim.Subscription) { s.Webhook.Status = "expired" }, nil},
		"webhook set to another address": {func(s *sim.Subscription) { s.Webhook.Address = theirs }, []string{master.WebhookTaken}},
		"webhook with another secret":    {func(s *sim.Subscription) { s.Webhook.AuthID = "old" }, nil},
		"webhook vanished":               {func(s *sim.Subscription) { s.Webhook = nil }, nil},
		"nothing":                        {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.run(t, 2)
			w.wantOurs(t)
			starts := 0
			if test.break_ != nil {
				w.EditSubscription(general, test.break_)
				starts = 1
			}
			w.run(t, starts, test.codes...)
			w.wantOurs(t)
			w.run(t, 0)
			w.RequireClean(t)
		})
	}
}

// However often somebody breaks it and however often we look, the world sees no
// second start within 15 minutes.
func TestWorldIsNotHurried(t *testing.T) {
	w := newWorld(t)
	run(t, w.room)
	for range 28 {
		w.EditSubscription(general, func(s *sim.Subscription) { s.Webhook = nil })
		w.passes(time.Minute + time.Second)
		run(t, w.room)
	}
	if starts := w.Calls().Starts; starts != 3 {
		t.Errorf("%d starts, want one of each type, and one more in half an hour", starts)
	}
	w.RequireClean(t)
}

func TestWorldFights(t *testing.T) {
	w := newWorld(t)
	w.run(t, 2)
	steal := func(s *sim.Subscription) { s.Webhook.Address = theirs }
	w.EditSubscription(general, steal)
	w.run(t, 1, master.WebhookTaken)
	w.EditSubscription(general, steal)
	for range 4 {
		w.run(t, 0, master.TwoCollectors)
	}
	w.RequireClean(t)
}

// Our address does not lead here: everything is started without it, and added
// when it does.
func TestWorldCannotReachUs(t *testing.T) {
	w := newWorld(t)
	elsewhere := httptest.NewTLSServer(nil)
	defer elsewhere.Close()
	elsewhere.Config.ErrorLog = quiet
	w.room.Address = elsewhere.URL
	w.run(t, 2, master.WebhookUnreachable)
	for _, s := range w.Subscriptions() {
		if s.Status != "enabled" || s.Webhook != nil {
			t.Errorf("%s is %s with webhook %+v", s.ContentType, s.Status, s.Webhook)
		}
	}
	w.run(t, 0, master.WebhookUnreachable)
	w.room.Address = w.hook.URL
	w.run(t, 2)
	w.wantOurs(t)
	w.RequireClean(t)
}

// We can reach it and Microsoft cannot, as behind a firewall that lets us in.
func TestWorldCannotValidate(t *testing.T) {
	w := newWorld(t)
	w.room.Probe = func(context.Context, string, string) error { return nil }
	w.room.Address = "https://127.0.0.1:1/"
	w.run(t, 2, master.WebhookUnreachable, master.WebhookUnreachable)
	if n := len(w.Subscriptions()); n != 0 {
		t.Errorf("%d subscriptions", n)
	}
	w.run(t, 2)
	w.run(t, 2, master.WebhookUnreachable, master.WebhookUnreachable)
	for _, s := range w.Subscriptions() {
		if s.Status != "enabled" || s.Webhook != nil {
			t.Errorf("%s is %s with webhook %+v", s.ContentType, s.Status, s.Webhook)
		}
	}
	w.RequireClean(t)
}

// Access restrictions that let in Microsoft alone keep us from our own address: the
// webhook is started all the same. Restrictions that keep Microsoft out as well cost
// one waiting period.
func TestWorldKeepsUsOut(t *testing.T) {
	w := newWorld(t)
	w.hook.Config.Handler = sim.FrontEnd(room())
	w.run(t, 2)
	w.wantOurs(t)
	w.run(t, 0)
	w.RequireClean(t)
}

func TestWorldKeepsEverybodyOut(t *testing.T) {
	w := newWorld(t)
	w.hook.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("x-ms-forbidden-ip", "203.0.113.7")
		rw.WriteHeader(http.StatusForbidden)
	})
	w.run(t, 2, master.WebhookUnreachable, master.WebhookUnreachable)
	w.run(t, 2)
	for _, s := range w.Subscriptions() {
		if s.Status != "enabled" || s.Webhook != nil {
			t.Errorf("%s is %s with webhook %+v", s.ContentType, s.Status, s.Webhook)
		}
	}
	w.RequireClean(t)
}

// Microsoft's own list says when it cannot reach us any more.
func TestWorldNotifiesInVain(t *testing.T) {
	w := newWorld(t)
	w.run(t, 2)
	w.hook.Close()
	w.PublishSome(general, 1)
	if err := w.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.passes(time.Minute)
	if s := w.Subscriptions()[0]; s.Webhook.Status != "disabled" {
		t.Fatalf("the webhook is %s", s.Webhook.Status)
	}
	w.run(t, 0, master.WebhookUnreachable)
	w.EditSubscription(general, func(s *sim.Subscription) { s.Webhook.Status = "enabled" })
	w.run(t, 0, master.NotificationsFail)
	w.RequireClean(t)
}
