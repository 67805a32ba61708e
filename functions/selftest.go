package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"azcollector/internal/collect"
	"azcollector/internal/state"
	"azcollector/internal/wire"
)

const (
	selfTestPath = "/self-test"
	// selfTestTime is how long a program may take until it has answered: the Functions
	// host gives it 30 s until the port answers, and here others are asked before that.
	selfTestTime = time.Minute
	// checkTime bounds each of the two checks that ask others: both together leave time
	// within selfTestTime to tell what came of it.
	checkTime = 25 * time.Second
	// selfTestLife ends a program whose stdin stays open, twice the time that anybody waits.
	selfTestLife = 2 * selfTestTime
)

// excusedConfiguration names, in a self-test's environment, the version of the kept
// configuration that the running program cannot use either: a new one is no worse.
const excusedConfiguration = "AZCOLLECTOR_EXCUSED_CONFIGURATION"

// An introduction is the one line that a program in a self-test prints.
type introduction struct {
	Address string `json:"address"`
}

// A testimony is what a program says of itself in a self-test. Its names are read by
// releases older and younger than this one.
type testimony struct {
	Version    string   `json:"version"`
	Functions  []string `json:"functions"`  // the folders that it has a function for
	Complaints []string `json:"complaints"` // what would keep it from working
}

func (t *testimony) complain(err error) {
	if err == nil {
		return
	}
	for line := range strings.Lines(err.Error()) {
		t.Complaints = append(t.Complaints, wire.Printable(line))
	}
}

// selfTest is the command with which the running program tries a newer one before it is
// replaced by it. It leaves no trace: nothing is written, registered or started anywhere,
// and what the running program has locked is left alone. It ends with whoever holds the
// other end of stdin.
func (p *program) selfTest(ctx context.Context, stdin io.Reader) int {
	ctx, cancel := context.WithTimeout(ctx, selfTestLife)
	defer cancel()
	go func() { // nobody waits for it: a read cannot be stopped, and the process ends next
		_, _ = io.Copy(io.Discard, stdin)
		cancel()
	}()
	log := newLogger(p.stderr, false)
	said, err := json.Marshal(p.testify(ctx, log))
	if err != nil {
		return p.fail(exitFailure, err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return p.fail(exitFailure, fmt.Errorf("listen for the self-test: %w", err))
	}
	if err := json.NewEncoder(p.stdout).Encode(introduction{listener.Addr().String()}); err != nil {
		return p.fail(exitFailure, fmt.Errorf("say where the self-test listens: %w", err))
	}
	err = serveHTTP(ctx, listener, &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.URL.Path != selfTestPath {
				answer(w, http.StatusNotFound, "not found")
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(said) // who left does not want it
		}),
		ReadHeaderTimeout: headerTimeout,
		ErrorLog:          serverLog(log),
	})
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = errors.Join(err, fmt.Errorf("end the self-test: stdin is still open after %v", selfTestLife))
	}
	return p.fail(exitFailure, err)
}

// testify judges the settings as a start under the Functions host would.
func (p *program) testify(ctx context.Context, log *logrus.Logger) testimony {
	said := testimony{Version: version(), Functions: []string{}, Complaints: []string{}}
	s, err := LoadSettings(p.sources(false))
	if err != nil {
		said.complain(err)
		return said
	}
	prepare(log, s)
	h := &house{settings: s, log: log, sole: !s.Storage.Configured(), http: wire.Client(wire.Options{})}
	if s.Storage.Configured() { // else the file is the running program's
		excused, _ := strconv.ParseInt(p.env[excusedConfiguration], 10, 64) // none
		said.complain(within(ctx, func(ctx context.Context) error { return h.readState(ctx, excused) }))
	}
	if h.settings.Sink == "jsonl" { // so is this one
		h.settings.JSONLPath = os.DevNull
	}
	if err := h.furnish(); err != nil {
		said.complain(err)
		return said
	}
	said.complain(within(ctx, h.askForToken))
	r, err := h.rooms()
	if err != nil {
		said.complain(err)
		return said
	}
	said.Functions = append(said.Functions, "webhook") // which is no trigger by name
	said.Functions = slices.AppendSeq(said.Functions, maps.Keys(r.Functions))
	slices.Sort(said.Functions)
	return said
}

func within(ctx context.Context, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, checkTime, fmt.Errorf("not done within %v", checkTime))
	defer cancel()
	return check(ctx)
}

// readState opens the storage account and lays the kept configuration over the
// settings. Whoever may read one row there may read the others.
func (h *house) readState(ctx context.Context, excused int64) error {
	store, err := openStore(h.settings, h.http, false)
	if err != nil {
		return err
	}
	h.store = store
	h.account, _ = store.(*state.Azure)
	if _, err := collect.LoadConfig(ctx, store, h.settings.TenantID); err != nil { // also if nothing is synced
		return err
	}
	if err := h.configure(ctx); err != nil {
		return err
	}
	if err := h.config.unusable; err != nil && h.config.seen != excused {
		return fmt.Errorf("use version %d of the kept configuration: %w", h.config.seen, err)
	}
	return nil
}

// askForToken asks for one of the API's: that has no effect beyond itself.
func (h *house) askForToken(ctx context.Context) error {
	cloud, err := cloudOf(h.settings)
	if err != nil {
		return err
	}
	err = briefly(ctx, func(ctx context.Context) error {
		_, err := h.tokens.Token(ctx, h.settings.TenantID, cloud.Management.String())
		return err
	})
	if err != nil && collect.VerdictOf(err) == collect.Temporary {
		return fmt.Errorf("%w (temporary)", err)
	}
	return err
}
