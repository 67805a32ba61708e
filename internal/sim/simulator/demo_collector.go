package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"azcollector/internal/sim"
)

const (
	logFile     = "collector.log"
	webhookPath = "/api/o365/webhook"
	// stopTime is what the collector has to end in: twice its own grace of 10 s.
	stopTime = 20 * time.Second
	// settleRuns bounds how often what is still pending is tried. A run that
	// meets a fault in one of twenty contents leaves nothing after two or three.
	settleRuns = 20
)

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
	settings["STATE_DIR"] = filepath.Join(dir, "state")
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

// stop asks the collector to stop and waits until it is gone.
func (s *server) stop() error {
	s.interrupt()
	<-s.ended
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("stop the collector: it ended with %v, want exit status 0", s.cmd.ProcessState)
	}
	return nil
}

// A ledger is what `azcollector status --json` tells.
type ledger struct {
	Contents  struct{ Pending, Delivered, Dead, Expired int }
	Records   struct{ Delivered, Duplicate, Filtered, Dead int }
	LastError string
}

// settle collects what is still due, now that the server is gone, and returns
// what the ledger says then. A content can be pending although all of its records
// arrived: the acknowledgement of the last ones got lost.
func (c *collector) settle(ctx context.Context) (l ledger, err error) {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	for range settleRuns {
		if l, err = c.status(ctx); err != nil || l.Contents.Pending == 0 {
			return l, err
		}
		if err := c.command(ctx, "run", "content").Run(); err != nil {
			return l, fmt.Errorf("collect what is due by azcollector run content: %w", err)
		}
	}
	return c.status(ctx)
}

func (c *collector) status(ctx context.Context) (l ledger, err error) {
	var out bytes.Buffer
	cmd := c.command(ctx, "status", "--json")
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return l, fmt.Errorf("ask the ledger by azcollector status: %w", err)
	}
	if err := json.Unmarshal(out.Bytes(), &l); err != nil {
		return l, fmt.Errorf("read azcollector status --json: %w", err)
	}
	return l, nil
}
