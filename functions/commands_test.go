package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// asProgram makes the test binary run as the program itself.
const asProgram = "AZCOLLECTOR_TEST_AS_PROGRAM"

// notLate keeps the race detector from adding a second to the end of each program, in
// which it waits for late reports.
const notLate = "GORACE=atexit_sleep_ms=0"

// asItself is the environment in which the test binary runs as the program itself.
func asItself(more ...string) []string { return append([]string{asProgram + "=1", notLate}, more...) }

// TestMain also lets scripts run this very program, race detector and all.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"azcollector": main})
}

func TestCommandLine(t *testing.T) {
	t.Chdir(t.TempDir()) // no appsettings.json here
	var fine []string
	for name, value := range good() {
		fine = append(fine, name+"="+value)
	}
	for name, c := range map[string]struct {
		args, env      []string
		code           int
		stdout, stderr string
	}{
		"version":              {[]string{"version"}, nil, 0, "azcollector ", ""},
		"version for the host": {[]string{"version"}, []string{"FUNCTIONS_CUSTOMHANDLER_PORT=1"}, 0, "azcollector ", ""},
		"help":                 {[]string{"--help"}, nil, 0, "serve", ""},
		"nothing":              {nil, nil, 2, "", "azcollector --help"},
		"unknown command":      {[]string{"dance"}, nil, 2, "", "dance"},
		"run what":             {[]string{"run"}, nil, 2, "", "<function>"},
		"settings":             {[]string{"settings"}, fine, 0, "APP_CLIENT_SECRET ", ""},
		"settings, wrong":      {[]string{"settings"}, []string{"LOG_LEVEL=loud"}, 2, "LOG_LEVEL", "azcollector: LOG_LEVEL=loud: must be one of"},
		"markdown":             {[]string{"settings", "--markdown"}, nil, 0, "| `LOG_LEVEL` |", ""},
		"serve, wrong":         {[]string{"serve"}, nil, 2, "", "azcollector: APP_TENANT_ID: missing"},
		"run, wrong":           {[]string{"run", "pull"}, nil, 2, "", "azcollector: APP_TENANT_ID: missing"},
		"no such file":         {[]string{"--settings=/nowhere", "settings"}, fine, 2, "", "azcollector: read settings: open /nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := realMain(t.Context(), c.args, c.env, &stdout, &stderr)
			if code != c.code || !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) {
				t.Errorf("code %d, want %d\nstdout: %s\nstderr: %s", code, c.code, stdout.String(), stderr.String())
			}
			if c.stderr == "" && stderr.Len() > 0 {
				t.Errorf("stderr: %s", stderr.String())
			}
		})
	}
}

// TestHostExitCodes runs the handler in this process: the host restarts us on
// any exit code but 0.
func TestHostExitCodes(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	if code := realMain(ended, nil, []string{"FUNCTIONS_CUSTOMHANDLER_PORT=0"}, &out, &out); code != exitRestart {
		t.Errorf("stopped: code %d", code)
	}
	if code := realMain(t.Context(), nil, []string{"FUNCTIONS_CUSTOMHANDLER_PORT=x"}, &out, &out); code != exitFailure {
		t.Errorf("no port: code %d", code)
	}
}

// TestHostProcess runs the real program with settings that are wrong: it answers
// the ping, refuses calls, says why on stdout, and does not end by itself.
func TestHostProcess(t *testing.T) {
	port := freePort(t)
	program := exec.CommandContext(t.Context(), os.Args[0])
	program.Env = asItself("FUNCTIONS_CUSTOMHANDLER_PORT="+port, "LOG_LEVEL=loud")
	var stdout logBook
	var stderr bytes.Buffer
	program.Stdout, program.Stderr = &stdout, &stderr
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	h := newFakeHost(t, "127.0.0.1:"+port)
	h.waitUntilReady()
	if result := h.invoke("pull", "timer", map[string]any{}); result.status != 500 {
		t.Errorf("status %d", result.status)
	}
	if err := program.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = program.Wait()
	if code := program.ProcessState.ExitCode(); code != exitRestart {
		t.Errorf("exit code %d, want %d", code, exitRestart)
	}
	if stderr.Len() > 0 {
		t.Errorf("the host takes stderr for errors: %s", stderr.String())
	}
	if lines := stdout.find(t, "cannot start"); len(lines) != 6 || lines[0]["error"] != "LOG_LEVEL=loud: must be one of error, warning, info, debug, trace" {
		t.Errorf("want each complaint once, got %v", lines)
	}
}
