package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"azcollector/internal/sim/host"
)

// A mortal is a collector that will be killed, under the Functions host or by itself.
type mortal struct {
	*host.Host
	cmd     *exec.Cmd
	address string
	log     string        // the file of what it says
	ended   chan struct{} // closes when it has ended
}

// portPatience is how long a program may take to open its port: the Functions host
// waits as long.
const portPatience = 30 * time.Second

// nextMortalPort lies below the ports that the kernel gives out (32768 and up on Linux),
// so that no simulator takes a collector's before it listens.
var nextMortalPort atomic.Int64

func mortalAddress() (string, error) {
	nextMortalPort.CompareAndSwap(0, 10_000+int64(os.Getpid()%80)*100)
	for range 1000 {
		address := net.JoinHostPort("127.0.0.1", strconv.FormatInt(nextMortalPort.Add(1), 10))
		if probe, err := net.Listen("tcp4", address); err == nil {
			return address, probe.Close()
		}
	}
	return "", errors.New("found no free port")
}

// A birth says what to start.
type birth struct {
	program string
	dir     string // its working directory, where its log goes
	name    string // of the log
	env     []string
	hosted  bool   // under the Functions host, not serve
	address string // "": any
}

// start waits until the program's port is open.
func (b birth) start(ctx context.Context) (m *mortal, err error) {
	address := b.address
	if address == "" {
		if address, err = mortalAddress(); err != nil {
			return nil, err
		}
	}
	_, port, _ := net.SplitHostPort(address)
	args, env := []string{"serve"}, append([]string{"LISTEN=" + address}, b.env...)
	if b.hosted {
		args, env = nil, append([]string{"FUNCTIONS_CUSTOMHANDLER_PORT=" + port}, b.env...)
	}
	log, err := os.Create(filepath.Join(b.dir, b.name+".log"))
	if err != nil {
		return nil, fmt.Errorf("make a log: %w", err)
	}
	defer log.Close() // the process has its own
	m = &mortal{cmd: exec.Command(b.program, args...), address: address, log: log.Name(), ended: make(chan struct{})}
	m.cmd.Dir, m.cmd.Env, m.cmd.Stdout, m.cmd.Stderr = b.dir, env, log, log
	if err := m.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the collector: %w", err)
	}
	go func() { // kill and stop wait for it
		defer close(m.ended)
		_ = m.cmd.Wait() // how it ended was our doing, or is in its log
	}()
	m.Host = host.New(&host.Process{Address: address}, crashAuthID, 2)
	if err := m.ready(ctx); err != nil {
		m.kill()
		return nil, err
	}
	return m, nil
}

// ready waits until the port is open, and then for an answer: the port opens before
// the house behind it.
func (m *mortal) ready(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, portPatience)
	defer done()
	for {
		err := m.knock(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-m.ended:
			return m.explain(errors.New("it ended before its port was open"))
		case <-ctx.Done():
			return m.explain(err)
		}
	}
}

func (m *mortal) knock(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.address+"/api/o365/webhook", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("knock: answered %s", resp.Status)
	}
	return nil
}

// explain adds the end of the log to what is wrong.
func (m *mortal) explain(err error) error {
	return fmt.Errorf("run the collector: %w; it said: %s", err, m.said(2000))
}

// said is the end of its log.
func (m *mortal) said(most int) []byte {
	text, _ := os.ReadFile(m.log) // without it an error says less
	return text[max(0, len(text)-most):]
}

// panicked reports whether the Go runtime ended it, or would have.
func (m *mortal) panicked() bool {
	text := m.said(1 << 20)
	return bytes.Contains(text, []byte("panic: ")) || bytes.Contains(text, []byte("fatal error: "))
}

// kill is how the Functions host ends a handler, and the kernel one that is too large.
func (m *mortal) kill() {
	_ = m.cmd.Process.Kill()
	<-m.ended
	m.release()
}

// stop lets it end in order.
func (m *mortal) stop() {
	_ = m.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-m.ended:
	case <-time.After(portPatience):
		_ = m.cmd.Process.Kill()
		<-m.ended
	}
	m.release()
}

func (m *mortal) release() {
	if m.Host != nil {
		m.Host.Close()
	}
}

// A crashState is what the command `status` tells of a state.
type crashState struct {
	Contents    map[string]int
	DeadLetters int
	NextDue     *time.Time
	LastError   string
}

// statusOf asks the state that an environment names.
func statusOf(ctx context.Context, b birth) (s crashState, err error) {
	ctx, done := context.WithTimeout(ctx, portPatience)
	defer done()
	cmd := exec.CommandContext(ctx, b.program, "status", "--json")
	var said bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stderr = b.dir, b.env, &said
	text, err := cmd.Output()
	if err != nil {
		return s, fmt.Errorf("ask for the status: %w; it said: %s", err, said.Bytes())
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("read the status: %w", err)
	}
	return s, nil
}
