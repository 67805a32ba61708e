package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/sirupsen/logrus"
)

// controlSocket lies in STATE_DIR. The embedded store belongs to one process;
// whoever may open its files may also ask that process to do something.
const controlSocket = "control.sock"

// maxOrder bounds what a command may send.
const maxOrder = 64 << 10

// An order is a command line sent to a running collector.
type order struct {
	Args     []string `json:"args"`
	Terminal bool     `json:"terminal"`
}

// A frame is a piece of what the command prints, or with Exit its end. Bytes, for
// a dead letter need not be UTF-8, and a piece may end inside a character.
type frame struct {
	Out  []byte `json:"out,omitempty"`
	Err  []byte `json:"err,omitempty"`
	Exit *int   `json:"exit,omitempty"`
}

// maxSocketPath is what fits into sockaddr_un.sun_path with its NUL: 108 bytes on
// Linux (unix(7)), 104 on macOS and the BSDs (sys/un.h). The name that the socket
// is made under is the longest; os.MkdirTemp adds a number of up to 10 digits.
const (
	maxSocketPath = 103
	maxStateDir   = maxSocketPath - len("/_tmp-4294967295/s")
)

// listenControl opens the socket. It gets its name only once nobody but its owner
// can use it; the lock on the store is ours, so one that is there is a dead one's.
func listenControl(dir string) (net.Listener, error) {
	if len(dir) > maxStateDir {
		return nil, fmt.Errorf("open the control socket: STATE_DIR has a path of %d bytes, want at most %d; as it is, commands cannot reach this process", len(dir), maxStateDir)
	}
	private, err := os.MkdirTemp(dir, "_tmp-") // mode 0700
	if err != nil {
		return nil, fmt.Errorf("open the control socket: %w", err)
	}
	defer os.RemoveAll(private)
	name := filepath.Join(private, "s")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("open the control socket: %w", err)
	}
	listener.SetUnlinkOnClose(false) // by then it has another name
	if err := errors.Join(os.Chmod(name, 0o600), os.Rename(name, filepath.Join(dir, controlSocket))); err != nil {
		return nil, errors.Join(fmt.Errorf("open the control socket: %w", err), listener.Close())
	}
	return listener, nil
}

// control answers commands for as long as ctx lives.
func (h *house) control(ctx context.Context) error {
	listener, err := listenControl(h.settings.StateDir)
	if err != nil {
		return err
	}
	log := h.log.WithField("component", "control")
	defer func() { _ = os.Remove(filepath.Join(h.settings.StateDir, controlSocket)) }()
	return serveHTTP(ctx, listener, &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.obey(w, r, log) }),
		ReadHeaderTimeout: headerTimeout,
		ErrorLog:          serverLog(h.log),
	})
}

// obey runs one command. It ends early when whoever asked goes away.
func (h *house) obey(w http.ResponseWriter, r *http.Request, log *logrus.Entry) {
	var o order
	if err := json.NewDecoder(io.LimitReader(r.Body, maxOrder)).Decode(&o); err != nil || r.Method != http.MethodPost {
		answer(w, http.StatusBadRequest, "no order")
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	frames := &frames{encoder: json.NewEncoder(w), flush: http.NewResponseController(w).Flush}
	p := &program{stdout: frameWriter(func(b []byte) frame { return frame{Out: b} }, frames), stderr: frameWriter(func(b []byte) frame { return frame{Err: b} }, frames)}
	code := p.obey(r.Context(), h, o)
	log.WithFields(logrus.Fields{"command": firstWords(o.Args), "exit": code}).Info("ran a command")
	frames.send(frame{Exit: &code})
}

func firstWords(args []string) []string { return args[:min(len(args), 2)] }

// obey runs the command that an order names, if it is one for the house.
func (p *program) obey(ctx context.Context, h *house, o order) int {
	name, err := p.command.parse(o.Args, p.stdout, p.stderr)
	if errors.Is(err, errHelped) {
		return exitOK
	}
	if err != nil {
		return p.fail(exitUsage, err)
	}
	run, ok := commands[name]
	if !ok {
		return p.fail(exitUsage, fmt.Errorf("%s is no command for a running collector", name))
	}
	c := &console{command: &p.command, stdout: p.stdout, stderr: p.stderr, terminal: o.Terminal}
	err = guard(func() error { return run(ctx, h, c) })
	c.settled()
	return p.exit(err)
}

// frames are written one at a time, and at once.
type frames struct {
	mu      sync.Mutex
	encoder *json.Encoder
	flush   func() error
}

func (f *frames) send(one frame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = errors.Join(f.encoder.Encode(one), f.flush()) // who left does not want it
}

type framing struct {
	of func([]byte) frame
	to *frames
}

func frameWriter(of func([]byte) frame, to *frames) io.Writer { return framing{of, to} }

func (f framing) Write(b []byte) (int, error) {
	f.to.send(f.of(b))
	return len(b), nil
}
