package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/sirupsen/logrus"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
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

// commandLine is what kong reads.
type commandLine struct {
	File string `name:"settings" placeholder:"FILE" help:"Read settings from this JSON file (default: appsettings.json, if it is there). The environment wins."`

	Serve struct{} `cmd:"" help:"Run by itself: listener, schedules and collection, until SIGTERM."`
	Run   struct {
		Function string `arg:"" help:"Name of the function, such as pull."`
		Payload  string `help:"What the trigger would hand over." placeholder:"TEXT"`
	} `cmd:"" help:"Run one function once."`
	Status struct {
		JSON bool `help:"For machines."`
	} `cmd:"" help:"Count contents and records by what became of them."`
	Deadletter struct {
		List struct {
			JSON bool `help:"For machines: one object a line."`
		} `cmd:"" help:"List the records that the destination refused, or that are none."`
	} `cmd:"" help:"Look at dead letters."`
	Settings struct {
		Markdown bool `hidden:"" help:"Print the README's table."`
	} `cmd:"" help:"Print all settings, secrets masked, and where each came from."`
	Version struct{} `cmd:"" help:"Print the version."`
}

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
	// The other commands are an administrator's, also on a machine of the host.
	delete(p.env, "FUNCTIONS_CUSTOMHANDLER_PORT")
	exited := -1
	parser, err := kong.New(&p.command, kong.Name("azcollector"),
		kong.Description("Collects Microsoft 365 audit logs and delivers every record."),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exited = code }))
	if err != nil {
		return p.fail(exitFailure, err)
	}
	parsed, err := parser.Parse(args)
	switch {
	case exited >= 0: // --help
		return exited
	case err != nil:
		return p.fail(exitUsage, fmt.Errorf("%w (see azcollector --help)", err))
	}
	switch parsed.Command() {
	case "serve":
		return p.serve(ctx)
	case "run <function>":
		return p.run(ctx)
	case "status":
		return p.status(ctx)
	case "deadletter list":
		return p.deadLetters(ctx)
	case "settings":
		return p.settings()
	}
	_, _ = fmt.Fprintln(stdout, "azcollector", version())
	return exitOK
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
	return p.open(ctx, true, func(s Settings, r *rooms, log *logrus.Logger) error {
		listener, err := listen(ctx, s, log)
		if err != nil {
			return err
		}
		log.WithField("address", listener.Addr().String()).WithField("version", version()).Info("listening")
		ctx, cancel := context.WithCancel(ctx)
		wait := r.runBackground(ctx, log)
		err = serveListener(ctx, listener, s, r, log)
		cancel()
		wait()
		return err
	})
}

func (p *program) run(ctx context.Context) int {
	return p.open(ctx, false, func(_ Settings, r *rooms, _ *logrus.Logger) error {
		name := p.command.Run.Function
		f, ok := r.Functions[name]
		if !ok {
			return usageError{fmt.Errorf("no function %q; there are %s", name,
				strings.Join(slices.Sorted(maps.Keys(r.Functions)), ", "))}
		}
		if err := f(ctx, []byte(p.command.Run.Payload)); err != nil {
			return fmt.Errorf("run %s: %w", name, err)
		}
		return nil
	})
}

// open loads the settings, opens the house for f, and closes it.
func (p *program) open(ctx context.Context, listens bool, f func(Settings, *rooms, *logrus.Logger) error) int {
	s, err := LoadSettings(p.sources(listens))
	if err != nil {
		return p.fail(exitUsage, err)
	}
	log := newLogger(p.stderr, false)
	prepare(log, s)
	r, err := buildRooms(ctx, s, log)
	if err != nil {
		return p.fail(exitFailure, err)
	}
	err = errors.Join(f(s, r, log), r.close(ctx))
	if _, ok := errors.AsType[usageError](err); ok {
		return p.fail(exitUsage, err)
	}
	return p.fail(exitFailure, err)
}

// outliveLogReader keeps us collecting when whoever reads our log has gone: by
// default a write to a closed stdout or stderr ends a process.
func outliveLogReader() { signal.Ignore(syscall.SIGPIPE) }

// openStore opens only the state, for commands that look at it.
func (p *program) openStore(f func(Settings, collect.Store) error) int {
	s, err := LoadSettings(p.sources(false))
	if err != nil {
		return p.fail(exitUsage, err)
	}
	store, err := openStore(s, wire.Client(wire.Options{}))
	if err != nil {
		return p.fail(exitFailure, err)
	}
	return p.fail(exitFailure, errors.Join(f(s, store), store.Close()))
}

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
