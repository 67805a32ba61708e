package main

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"

	"azcollector/internal/wire"
)

const (
	healthPath = "/healthz"
	// A peer has this long for a request's header, and for all of it. Microsoft
	// sends a notification in one go.
	headerTimeout = 5 * time.Second
	bodyTimeout   = 15 * time.Second
	// idleTimeout is short: an idle connection takes one of MAX_CONNECTIONS, until
	// somebody else needs it.
	idleTimeout = 30 * time.Second
	// maxHeader is many times what Microsoft sends. net/http adds 4 KiB.
	maxHeader = 8 << 10
)

// listen opens LISTEN, with TLS if a certificate is set. Settings were checked:
// without one it is loopback or an explicit wish.
func listen(ctx context.Context, s Settings, log *logrus.Logger) (net.Listener, error) {
	plain, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on LISTEN=%s: %w", s.Listen, err)
	}
	limited := limitConnections(plain, s.MaxConnections)
	if s.TLSCert == "" {
		return limited, nil
	}
	secured, err := secure(limited, s.TLSCert, s.TLSKey, log.WithField("component", "listener"))
	if err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	return secured, nil
}

// serveListener answers the webhook and /healthz, and nothing else, until ctx ends.
func serveListener(ctx context.Context, listener net.Listener, s Settings, r *rooms, log *logrus.Logger) error {
	var http1 http.Protocols
	// No HTTP/2: its streams would multiply what MAX_CONNECTIONS bounds.
	http1.SetHTTP1(true)
	return serveHTTP(ctx, listener, &http.Server{
		Handler:           outside(s.WebhookPath, r, log.WithField("component", "listener")),
		ConnContext:       withConn,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout, // ends with the body, not with the room's work on it
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		Protocols:         &http1,
		ErrorLog:          serverLog(log),
		// net/http would answer OPTIONS * by itself.
		DisableGeneralOptionsHandler: true,
	})
}

// outside is what strangers see. A path has one spelling: in another one (%2f for a
// slash) a proxy's rules for the webhook would not apply to it.
func outside(path string, r *rooms, log *logrus.Entry) http.Handler {
	webhook, health := http.NotFoundHandler(), healthz(r.Health, log)
	if r.Webhook != nil {
		webhook = protect(r.Webhook, log)
	}
	return wary(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.URL.RawPath != "" && req.URL.RawPath != path:
			answer(w, http.StatusNotFound, "not found")
		case req.URL.Path == path:
			webhook.ServeHTTP(w, req)
		case req.URL.Path == healthPath && (req.Method == http.MethodGet || req.Method == http.MethodHead):
			health.ServeHTTP(w, req)
		default:
			answer(w, http.StatusNotFound, "not found")
		}
	}))
}

// serveHTTP runs the server until ctx ends; requests then have stopGrace to end
// before they are cut off.
func serveHTTP(ctx context.Context, listener net.Listener, server *http.Server) error {
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	server.BaseContext = func(net.Listener) context.Context { return requests }
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	err := server.Shutdown(grace)
	if err != nil {
		cut()
		err = fmt.Errorf("stop serving: requests were cut off: %w", errors.Join(err, server.Close()))
	}
	<-served
	return err
}

// protect lets a panic in a room's handler cost only the one request.
func protect(room http.Handler, log *logrus.Entry) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answered := &answered{ResponseWriter: w}
		err := guard(func() error {
			room.ServeHTTP(answered, r)
			return nil
		})
		if err == nil {
			return
		}
		log.WithContext(r.Context()).WithField("path", wire.Printable(r.URL.Path)).WithError(err).Error("request failed")
		if answered.yes {
			panic(http.ErrAbortHandler) // half an answer must not look like a whole one
		}
		answer(w, http.StatusInternalServerError, "failed")
	})
}

// answered remembers whether anything was said.
type answered struct {
	http.ResponseWriter
	yes bool
}

func (a *answered) WriteHeader(status int) {
	a.yes = true
	a.ResponseWriter.WriteHeader(status)
}

func (a *answered) Write(p []byte) (int, error) {
	a.yes = true
	return a.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func serverLog(log *logrus.Logger) *stdlog.Logger {
	return stdlog.New(debugLog{log.WithField("component", "http")}, "", 0)
}
