package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"azcollector/internal/wire"
)

const (
	// hostWebhookPath is host.json's routePrefix and webhook/function.json's route.
	hostWebhookPath = "/api/o365/webhook"
	// invocationHeader is on every request of the host, over anything a client sent.
	invocationHeader = "X-Azure-Functions-InvocationId"
	// maxEnvelope bounds an invocation's JSON. A queue message has at most 64 KiB
	// and a binary one grows by base64 and two rounds of escaping.
	maxEnvelope = 10 << 20
	// hostIdle is longer than the minute for which .NET keeps an idle connection
	// (SocketsHttpHandler.PooledConnectionIdleTimeout), so that the host never sends
	// an invocation into a connection that we are just closing.
	hostIdle = 5 * time.Minute
	// maxInvocationID is far above a GUID's 36 characters.
	maxInvocationID = 128
)

// ServeHost is the custom handler: it listens where the Functions host calls, and
// only then opens the house, because the host counts the time until the port
// answers. It returns when ctx ends, or with an error if the port cannot be
// served. The host kills us with SIGKILL, so nothing may depend on its return.
func ServeHost(ctx context.Context, port string, log *logrus.Logger, open func(context.Context) (*rooms, error)) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return fmt.Errorf("listen on FUNCTIONS_CUSTOMHANDLER_PORT %q: %w", port, err)
	}
	return serveHost(ctx, listener, log, open)
}

func serveHost(ctx context.Context, listener net.Listener, log *logrus.Logger, open func(context.Context) (*rooms, error)) error {
	h := &hostHandler{log: log.WithField("component", "host"), gate: newGate()}
	background, cancel := context.WithCancel(ctx)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		h.keep(background, open)
	}()
	err := serveHTTP(ctx, listener, &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout, // the host streams a stranger's body to us as it comes
		IdleTimeout:       hostIdle,
		ErrorLog:          serverLog(log),
	})
	cancel()
	<-kept
	return errors.Join(err, h.gate.close(ctx)) // only now does no request use the house
}

// keep opens the house and runs its background work until ctx ends.
func (h *hostHandler) keep(ctx context.Context, open func(context.Context) (*rooms, error)) {
	opened := func() *rooms {
		house := h.gate.open(ctx, h.log, open)
		if house != nil {
			h.log.WithField("version", version()).Info("ready")
		}
		return house
	}
	h.gate.keep(ctx, h.log, opened(), opened)
}

// A hostHandler answers the Functions host.
type hostHandler struct {
	log  *logrus.Entry
	gate *gate
}

func (h *hostHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" { // the host's ping: any answer will do, but soon
		answer(w, http.StatusOK, "ok")
		return
	}
	id := r.Header.Get(invocationHeader)
	ctx, inv := withInvocation(r.Context(), wire.Printable(id[:min(len(id), maxInvocationID)]))
	log := h.log.WithContext(ctx)
	house, leave, err := h.gate.enter(ctx)
	if err != nil {
		log.WithField("path", wire.Printable(r.URL.Path)).WithError(err).Error("refused a call: not started")
		answer(w, http.StatusInternalServerError, "not started; see the log")
		return
	}
	defer leave()
	if r.URL.Path == hostWebhookPath && house.Webhook != nil {
		wary(protect(house.Webhook, h.log)).ServeHTTP(w, r.WithContext(ctx))
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	f, ok := house.Functions[name]
	switch {
	case !ok:
		log.WithField("path", wire.Printable(r.URL.Path)).Warning("refused a call: no such function")
		answer(w, http.StatusNotFound, "no such function")
	case r.Method != http.MethodPost || id == "":
		// A client that the host proxies to us by a mistake in a route must not
		// be able to call a function.
		log.WithField("path", wire.Printable(r.URL.Path)).Warning("refused a call: not from the Functions host")
		answer(w, http.StatusForbidden, "not from the Functions host")
	default:
		h.invoke(w, r.WithContext(ctx), inv, name, f)
	}
}

// invoke runs one function. The host drops the log lines of a failed invocation,
// so a failure is logged before it is answered.
func (h *hostHandler) invoke(w http.ResponseWriter, r *http.Request, inv *invocation, name string, f func(context.Context, []byte) error) {
	inv.replies = true
	log := h.log.WithContext(r.Context()).WithField("function", name)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEnvelope))
	if err != nil {
		log.WithError(err).Error("cannot read the invocation")
		answer(w, http.StatusBadRequest, "cannot read the invocation")
		return
	}
	payload, err := decodeEnvelope(body)
	if err != nil {
		log.WithError(err).Error("cannot read the invocation")
		answer(w, http.StatusBadRequest, "cannot read the invocation")
		return
	}
	began := time.Now()
	if err := guard(func() error { return f(r.Context(), payload) }); err != nil {
		logLines(log, err, "failed")
		answer(w, http.StatusInternalServerError, "failed; see the log of invocation "+inv.id)
		return
	}
	log.WithField("ms", time.Since(began).Milliseconds()).Debug("done")
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(encodeReply(inv.logged())) // if the host is gone, so are we
}

// answer writes a line of text, never an empty body: the host would wait on one
// until functionTimeout.
func answer(w http.ResponseWriter, status int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, line+"\n") // the client's connection is the client's business
}
