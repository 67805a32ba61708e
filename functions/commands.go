package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/sirupsen/logrus"
)

// Exit codes. The Functions host starts us again on any but 0, on which it
// leaves the app dead, and counts each but 200 as a crash, of which it forgives
// three (WorkerProcess.OnProcessExited, IntentionalRestartExitCode in
// azure-functions-host).
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
	exitRestart = 200
)

// A program is one run of the command line.
type program struct {
	command        commandLine
	env            map[string]string
	stdout, stderr io.Writer
}

// realMain is main without the process around it.
func realMain(ctx context.Context, args, env []string, stdout, stderr io.Writer) int {
	p := &program{env: environment(env), stdout: stdout, stderr: stderr}
	if port := p.env["FUNCTIONS_CUSTOMHANDLER_PORT"]; port != "" && len(args) == 0 {
		return p.host(ctx, port)
	}
	name, err := p.command.parse(args, stdout, stderr)
	switch {
	case errors.Is(err, errHelped):
		return exitOK
	case err != nil:
		return p.fail(exitUsage, err)
	case name == "self-test": // it judges what the host would start
		return p.selfTest(ctx, os.Stdin)
	}
	// The other commands are an administrator's, also on a machine of the host.
	delete(p.env, "FUNCTIONS_CUSTOMHANDLER_PORT")
	switch name {
	case "serve":
		return p.serve(ctx)
	case "settings":
		return p.settings()
	case "config sign":
		return p.exit(p.signConfig())
	case "version":
		_, _ = fmt.Fprintln(stdout, "azcollector", version())
		return exitOK
	}
	return p.order(ctx, name, args)
}

// host is the custom handler. Settings are read anew at each attempt to start: a
// secret's file may be mended while we run.
func (p *program) host(ctx context.Context, port string) int {
	outliveLogReader()
	log := newLogger(p.stdout, true)
	err := ServeHost(ctx, port, log, func(ctx context.Context) (*rooms, error) {
		s, err := LoadSettings(p.sources(false))
		if err != nil {
			return nil, err
		}
		prepare(log, s)
		return buildRooms(ctx, s, log)
	})
	if err != nil {
		log.WithError(err).Error("stopped")
	}
	if ctx.Err() != nil { // somebody stopped us, but not the host, which kills
		return exitRestart
	}
	return exitFailure
}

func (p *program) serve(ctx context.Context) int {
	outliveLogReader()
	s, err := LoadSettings(p.sources(true))
	if err != nil {
		return p.fail(exitUsage, err)
	}
	log := newLogger(p.stderr, false)
	prepare(log, s)
	r, err := buildRooms(ctx, s, log)
	if err != nil {
		return p.fail(exitFailure, err)
	}
	g := newGate()
	g.settle(r, nil)
	reopen := func(ctx context.Context) (*rooms, error) { return buildRooms(ctx, s, log) }
	return p.fail(exitFailure, errors.Join(serveRooms(ctx, s, g, reopen, log), g.close(ctx)))
}

// serveRooms keeps the house that the gate leads to at work, and opens it anew when
// another configuration is to be used; the listener stays open meanwhile.
func serveRooms(ctx context.Context, s Settings, g *gate, reopen func(context.Context) (*rooms, error), log *logrus.Logger) error {
	listener, err := listen(ctx, s, log)
	if err != nil {
		return err
	}
	log.WithField("address", listener.Addr().String()).WithField("version", version()).Info("listening")
	ctx, cancel := context.WithCancel(ctx)
	var kept sync.WaitGroup
	kept.Go(func() {
		log := log.WithField("component", "serve")
		g.keep(ctx, log, g.house.timed(log.Logger), func() *rooms { return g.open(ctx, log, reopen).timed(log.Logger) })
	})
	err = serveListener(ctx, listener, s, &rooms{Webhook: through(g), Health: g.health}, log)
	cancel()
	kept.Wait()
	return err
}

// timed lets the timers run by themselves, as the Functions host does for us elsewhere.
func (r *rooms) timed(log *logrus.Logger) *rooms {
	if r == nil { // it was not opened any more
		return nil
	}
	r.Background = append(r.Background, func(ctx context.Context) error { return r.follow(ctx, log) })
	return r
}

// through leads to the webhook of the house behind a gate.
func through(g *gate) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		house, leave, err := g.enter(r.Context())
		if err != nil {
			answer(w, http.StatusServiceUnavailable, "not started; see the log")
			return
		}
		defer leave()
		house.Webhook.ServeHTTP(w, r)
	})
}

// order runs a command: in the collector that owns the embedded store, if one is
// running, else here.
func (p *program) order(ctx context.Context, name string, args []string) int {
	s, err := LoadSettings(p.sources(false))
	if !s.Storage.Configured() && s.StateDir != "" {
		// Whoever asks may lack the settings, which the running one has.
		if code, asked := p.remote(ctx, s.StateDir, args); asked == nil {
			return code
		} else if !errors.Is(asked, errNobody) {
			return p.fail(exitFailure, asked)
		}
	}
	if err != nil {
		return p.fail(exitUsage, err)
	}
	log := newLogger(p.stderr, false)
	prepare(log, s)
	h, err := openHouse(ctx, s, log, true)
	if err != nil {
		return p.fail(exitFailure, err)
	}
	c := &console{command: &p.command, stdout: p.stdout, stderr: p.stderr, terminal: isTerminal(p.stderr)}
	err = commands[name](ctx, h, c)
	c.settled()
	return p.exit(errors.Join(err, h.close(ctx)))
}

// exit tells what went wrong, if anything, and returns the code.
func (p *program) exit(err error) int {
	switch _, usage := errors.AsType[usageError](err); {
	case errors.Is(err, errQuiet):
		return exitFailure
	case usage:
		return p.fail(exitUsage, err)
	}
	return p.fail(exitFailure, err)
}

// outliveLogReader keeps us collecting when whoever reads our log has gone: by
// default a write to a closed stdout or stderr ends a process.
func outliveLogReader() { signal.Ignore(syscall.SIGPIPE) }

func (p *program) settings() int {
	if p.command.Settings.Markdown {
		_, _ = io.WriteString(p.stdout, markdownTable())
		return exitOK
	}
	s, err := LoadSettings(p.sources(true))
	if printed := s.Print(p.stdout); printed != nil {
		return p.fail(exitFailure, printed)
	}
	for _, warning := range s.Warnings {
		_, _ = fmt.Fprintln(p.stderr, "azcollector: warning:", warning)
	}
	return p.fail(exitUsage, err)
}

// usageError marks what only the command line can mend.
type usageError struct{ error }

// fail tells the administrator, and returns the code; without an error, exitOK.
func (p *program) fail(code int, err error) int {
	if err == nil {
		return exitOK
	}
	for line := range strings.Lines(err.Error()) {
		_, _ = fmt.Fprintln(p.stderr, "azcollector:", strings.TrimSuffix(line, "\n"))
	}
	return code
}

func (p *program) sources(listens bool) Sources {
	src := Sources{Env: p.env, File: p.command.File, FileRequired: p.command.File != "", Listens: listens}
	if src.File == "" {
		src.File = settingsFile
	}
	src.Machine, _ = os.Hostname() // only a default: without it the setting is empty
	return src
}

func prepare(log *logrus.Logger, s Settings) {
	log.SetLevel(s.LogLevel)
	// net/http's client has no ErrorLog. What a server says without being asked it prints
	// through the standard logger, to stderr and as it came.
	stdlog.SetFlags(0)
	stdlog.SetOutput(debugLog{log.WithField("component", "http")})
	for _, warning := range s.Warnings {
		log.WithField("component", "settings").Warning(warning)
	}
}

// environment reads os.Environ's form; the last of equal names wins, as for a child process.
func environment(env []string) map[string]string {
	values := make(map[string]string, len(env))
	for _, line := range env {
		if name, value, ok := strings.Cut(line, "="); ok {
			values[name] = value
		}
	}
	return values
}
