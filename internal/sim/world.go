package sim

import (
	"context"
	cryptorand "crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// A Service is one listener of the world.
type Service string

// The services. Canary is an address that nobody is configured to call.
const (
	Entra         Service = "entra"
	Management    Service = "management"
	AlertLogicAPI Service = "alertlogic"
	Ingest        Service = "ingest"
	Azcollect     Service = "azcollect"
	Canary        Service = "canary"
	Graph         Service = "graph"
	// ResourceManager and Identity are what a site on Azure has that may update itself.
	ResourceManager Service = "manager"
	Identity        Service = "identity"
)

// Services lists them in the order of their ports.
func Services() []Service {
	return []Service{Entra, Management, AlertLogicAPI, Ingest, Azcollect, Canary, Graph, ResourceManager, Identity}
}

// A World is everything outside of the collector, running.
type World struct {
	// Dial sets how badly the services behave.
	Dial *Dial
	// AlertLogic is the destination's own simulator, to be asked what arrived.
	AlertLogic *AlertLogic
	// Book knows every record published and received.
	Book *Book
	// Manager is Azure Resource Manager, to be asked what was done to the site.
	Manager *Manager

	o              Options
	dir            string
	ownDir         bool
	authority      *authority
	judge          judge
	mint           *mint
	tenant         *tenant
	feed           *feed
	pusher         *pusher
	generator      *Generator
	urls           map[Service]string
	servers        []*http.Server
	stop           context.CancelFunc
	running        sync.WaitGroup
	kept           keptPosts
	identityHeader string       // the secret that proves to Identity that one is on the machine
	unacked        sync.RWMutex // held for writing while a batch is taken whose acknowledgement gets lost
}

// New starts a world. Close ends it.
func New(o Options) (*World, error) {
	o.fill()
	w := &World{o: o, dir: o.Dir, urls: map[Service]string{}, generator: NewGenerator(o.Seed, o.Tenant)}
	o.Logf("the simulator's seed is %d", o.Seed)
	if err := w.makeDir(); err != nil {
		return nil, err
	}
	var err error
	if w.authority, err = newAuthority(w.dir); err != nil {
		w.Close()
		return nil, err
	}
	w.Book = &Book{complain: w.judge.complain, now: o.Now}
	w.Dial = NewDial(o.Seed, o.Now, func() string { return w.URL(Canary) })
	if !o.Calm {
		for _, r := range Flaky(o.Seed) {
			w.Dial.Set(r)
		}
	}
	w.mint = &mint{key: []byte(cryptorand.Text()), now: o.Now}
	w.tenant = &tenant{roles: o.Roles, skew: o.Skew}
	w.AlertLogic = w.newAlertLogic()
	w.identityHeader = cryptorand.Text()
	w.Manager = newManager(w)
	w.feed = newFeed(w)
	w.pusher = newPusher(w)
	if err := w.listen(); err != nil {
		w.Close()
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	w.pusher.start(ctx, &w.running)
	return w, nil
}

func (w *World) makeDir() (err error) {
	if w.dir != "" {
		return nil
	}
	w.ownDir = true
	if w.dir, err = os.MkdirTemp("", "simulator-"); err != nil {
		return fmt.Errorf("make a directory for certificates: %w", err)
	}
	return nil
}

func (w *World) newAlertLogic() *AlertLogic {
	return NewAlertLogic(AlertLogicOptions{
		AccessKeyID: w.o.AccessKeyID, SecretKey: w.o.SecretKey, Account: w.o.Account,
		IngestHost:    func() string { return w.host(Ingest) },
		AzcollectHost: func() string { return w.host(Azcollect) },
		OnMessage: func(m Message) {
			w.Book.Received(m.JSON)
			if w.o.OnMessage != nil {
				w.o.OnMessage(m)
			}
		},
		Complain:   w.judge.complain,
		MaxPayload: w.o.MaxPayload, TokenLife: w.o.ALTokenLife, Now: w.o.Now,
		RegistrationMode: w.o.RegistrationMode, ExtraAnswer: w.o.ExtraAnswer,
	})
}

// listen binds every address before the first one serves: answers name the others.
func (w *World) listen() error {
	cert, err := w.authority.leaf()
	if err != nil {
		return err
	}
	handlers := map[Service]http.Handler{
		Entra:           w.Dial.Wrap(entraOp, w.entra()),
		Management:      w.feed.dated(w.Dial.Wrap(feedOp, w.feed.handler())),
		AlertLogicAPI:   w.Dial.Wrap(w.AlertLogic.Op, w.AlertLogic.API()),
		Ingest:          w.Dial.Wrap(w.AlertLogic.Op, w.acknowledging(w.AlertLogic.Ingest())),
		Azcollect:       w.Dial.Wrap(w.AlertLogic.Op, w.AlertLogic.Azcollect()),
		Canary:          http.HandlerFunc(w.canary),
		Graph:           w.Dial.Wrap(graphOp, w.graph()),
		ResourceManager: w.Manager.handler(),
		Identity:        w.Dial.Wrap(func(*http.Request) string { return OpIdentity }, http.HandlerFunc(w.identity)),
	}
	w.hasten(handlers)
	var listeners []net.Listener
	for i, s := range Services() {
		port := 0
		if w.o.Port != 0 {
			port = w.o.Port + i
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			for _, open := range listeners {
				_ = open.Close()
			}
			return fmt.Errorf("listen for %s: %w", s, err)
		}
		listeners = append(listeners, l)
		w.urls[s] = "https://" + l.Addr().String()
	}
	for i, s := range Services() {
		server := &http.Server{
			Handler:           w.guard(s, handlers[s]),
			ReadHeaderTimeout: 10 * time.Second,
			ErrorLog:          log.New(io.Discard, "", 0), // clients that hang up are our daily bread
			TLSConfig:         &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
			TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // no HTTP/2: a connection can only be cut in HTTP/1.1
		}
		w.servers = append(w.servers, server)
		w.running.Go(func() { _ = server.ServeTLS(listeners[i], "", "") }) // ends with Close
	}
	return nil
}

// acknowledging tells the book which messages the client may rightly send again.
func (w *World) acknowledging(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !AnswerLost(r.Context()) {
			w.unacked.RLock()
			defer w.unacked.RUnlock()
			next.ServeHTTP(rw, r)
			return
		}
		w.unacked.Lock()
		defer w.unacked.Unlock()
		w.Book.lossy.Store(true)
		defer w.Book.lossy.Store(false)
		next.ServeHTTP(rw, r)
	})
}

// Close ends every server and goroutine and waits for them.
func (w *World) Close() {
	if w.stop != nil {
		w.stop()
	}
	for _, s := range w.servers {
		_ = s.Close()
	}
	w.running.Wait()
	if w.ownDir {
		_ = os.RemoveAll(w.dir)
	}
}

// Seed is what everything random follows from.
func (w *World) Seed() uint64 { return w.o.Seed }

// URL is the base address of a service.
func (w *World) URL(s Service) string { return w.urls[s] }

func (w *World) host(s Service) string { return w.urls[s][len("https://"):] }

// Settings is the environment that makes a collector work in this world.
func (w *World) Settings() map[string]string {
	settings := map[string]string{
		"APP_TENANT_ID":        w.o.Tenant,
		"APP_CLIENT_ID":        w.o.ClientID,
		"APP_CLIENT_SECRET":    w.o.ClientSecret,
		"AZURE_AUTHORITY_HOST": w.URL(Entra),
		"O365_MANAGEMENT_URL":  w.URL(Management),
		"O365_WEBHOOK_AUTH_ID": w.o.AuthID,
		"APP_AL_ACCESS_KEY_ID": w.o.AccessKeyID,
		"APP_AL_SECRET_KEY":    w.o.SecretKey,
		"APP_AL_API_ENDPOINT":  w.host(AlertLogicAPI),
		"SSL_CERT_FILE":        w.CAFile(),
		"COLLECTOR_HOST_ID":    w.o.HostID,
		"COLLECTOR_SOURCE_ID":  w.o.SourceID,
	}
	for name, value := range settings {
		if value == "" {
			delete(settings, name)
		}
	}
	return settings
}
