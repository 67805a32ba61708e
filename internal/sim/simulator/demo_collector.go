package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"azcollector/internal/sim"
)

const (
	logFile     = "collector.log"
	webhookPath = "/api/o365/webhook"
	// stopTime is what the collector has to end in: twice its own grace of 10 s.
	stopTime = 20 * time.Second
	// nudgeAfter is several times what subscribing takes.
	nudgeAfter = 5 * time.Second
)

var errEnded = errors.New("the collector ended by itself")

// collector is the real program, with the environment that leads it into the
// simulated world and nothing of ours that would lead it elsewhere.
type collector struct {
	binary, dir, address string
	env                  []string
	log                  *os.File
}

func newCollector(binary, dir, address string, w *sim.World) (*collector, error) {
	cert, key, err := w.IssueCertificate("collector")
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(dir, logFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the collector's log: %w", err)
	}
	c := &collector{binary: binary, dir: dir, address: address, log: log}
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		c.env = append(c.env, name+"="+os.Getenv(name))
	}
	settings := w.Settings()
	settings["LISTEN"], settings["TLS_CERT"], settings["TLS_KEY"] = address, cert, key
	// Relative to the collector's directory: the name of the socket in it may have
	// 107 bytes (unix(7)), and TMPDIR is the user's.
	settings["STATE_DIR"] = "state"
	settings["PUBLIC_URL"], settings["PULL_SCHEDULE"] = "https://"+address, demoSchedule
	for name, value := range settings {
		c.env = append(c.env, name+"="+value)
	}
	return c, nil
}

// freeAddress is one that nobody listens on at this moment.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// command is one run of the program. When ctx ends it is asked to stop, and
// killed if it does not.
func (c *collector) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.binary, args...)
	// Its directory is ours, so that no appsettings.json of the user's is read.
	cmd.Dir, cmd.Env, cmd.Stderr = c.dir, c.env, c.log
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = stopTime
	return cmd
}

// A server is the running `azcollector serve`.
type server struct {
	collector *collector
	cmd       *exec.Cmd
	interrupt context.CancelFunc
	ended     chan struct{} // closed when the process is gone
}

func (c *collector) serve(ctx context.Context) (*server, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &server{collector: c, cmd: c.command(ctx, "serve"), interrupt: cancel, ended: make(chan struct{})}
	if err := s.cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("start the collector (build it with go build -o %s ./functions): %w", c.binary, err)
	}
	go func() { // stop waits for it
		defer close(s.ended)
		_ = s.cmd.Wait() // its state says what became of it, also if we interrupted it
	}()
	return s, nil
}

// ready waits until the listener answers, whatever it says of its health.
func (s *server) ready(ctx context.Context, rootFile string) error {
	pem, err := os.ReadFile(rootFile)
	if err != nil {
		return fmt.Errorf("read the simulator's root: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	ticker := time.NewTicker(demoLook)
	defer ticker.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.collector.address+"/healthz", nil)
		if err != nil {
			return fmt.Errorf("ask the collector: %w", err)
		}
		if resp, err := client.Do(req); err == nil {
			return resp.Body.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the collector's listener on %s: %w", s.collector.address, ctx.Err())
		case <-s.ended:
			return errors.New("the collector ended before it answered")
		case <-ticker.C:
		}
	}
}

// subscribed waits until every type's notifications come to us. What a fault keeps
// the collector from at its start it tries again within a quarter of an hour;
// nobody is to wait for that, so it is asked to by its command.
func (s *server) subscribed(ctx context.Context, out *screen, w *sim.World) error {
	ticker := time.NewTicker(demoLook)
	defer ticker.Stop()
	began := time.Now()
	for nudge := began.Add(nudgeAfter); !subscribedTo(w.Subscriptions(), "https://"+s.collector.address+webhookPath); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ended:
			return errEnded
		case <-ticker.C:
		}
		if time.Since(began) > demoPatience {
			return fmt.Errorf("wait for the collector's subscriptions: not all of them were started within %v", demoPatience)
		}
		if time.Now().After(nudge) {
			out.print("a fault kept it from that: trying again by azcollector subscriptions start\n")
			_ = s.collector.command(ctx, "subscriptions", "start").Run() // what came of it is seen above
			nudge = time.Now().Add(nudgeAfter)
		}
	}
	return nil
}

func subscribedTo(subscriptions []sim.Subscription, webhook string) bool {
	var ours []string
	for _, s := range subscriptions {
		if s.Status == "enabled" && s.Webhook != nil && s.Webhook.Address == webhook {
			ours = append(ours, s.ContentType)
		}
	}
	return !slices.ContainsFunc(demoTypes, func(contentType string) bool { return !slices.Contains(ours, contentType) })
}

// stop asks the collector to stop and waits until it is gone.
func (s *server) stop() error {
	s.interrupt()
	<-s.ended
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("stop the collector: it ended with %v, want exit status 0", s.cmd.ProcessState)
	}
	return nil
}
