package arm_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// program is the path of the real one.
var program string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "arm")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "azcollector")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	build := exec.Command("go", "build", "-o", program, "../functions")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the program:", err)
		return 1
	}
	return m.Run()
}

// A setting as the program knows it.
type setting struct {
	name     string
	secret   bool
	fallback string // its default where nothing else is set, as a value
}

// knownSettings asks the program for its settings.
var knownSettings = func() func(*testing.T) []setting {
	ask := sync.OnceValues(askSettings)
	return func(t *testing.T) []setting {
		t.Helper()
		settings, err := ask()
		if err != nil {
			t.Fatal(err)
		}
		return settings
	}
}()

// Rows of the two forms in which the program prints its settings: the README's
// table says which are secrets, the plain one the defaults.
var (
	markdownRow = regexp.MustCompile("^\\| `([A-Za-z0-9_]+)` \\| .* \\| (.*) \\|$")
	defaultRow  = regexp.MustCompile(`^([A-Za-z0-9_]+)\s{2,}(?:(.*?)\s{2,})?(default|not set)$`)
)

func askSettings() ([]setting, error) {
	defaults := map[string]string{}
	printed, _, err := ask(nil, "settings")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(printed) {
		if row := defaultRow.FindStringSubmatch(strings.TrimRight(line, " \r\n")); row != nil {
			defaults[row[1]] = row[2]
		}
	}
	printed, _, err = ask(nil, "settings", "--markdown")
	if err != nil {
		return nil, err
	}
	var settings []setting
	for line := range strings.Lines(printed) {
		row := markdownRow.FindStringSubmatch(strings.TrimSpace(line))
		if row == nil {
			continue
		}
		fallback, known := defaults[row[1]]
		if !known {
			return nil, fmt.Errorf("azcollector settings does not print %s", row[1])
		}
		settings = append(settings, setting{row[1], strings.Contains(row[2], "; secret, also from"), fallback})
	}
	if len(settings) == 0 || len(settings) != len(defaults) {
		return nil, fmt.Errorf("azcollector settings prints %d settings and its table %d", len(defaults), len(settings))
	}
	return settings, nil
}

// ask runs a command of the program to its end, with this environment and nothing
// else. What it complains of comes on stderr.
func ask(env map[string]string, args ...string) (stdout, stderr string, err error) {
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = filepath.Dir(program), environment(env)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil && complaints.Len() == 0 {
		return "", "", fmt.Errorf("run azcollector %v: %w", args, err)
	}
	return out.String(), complaints.String(), nil
}

func environment(env map[string]string) []string {
	list := []string{}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

// refusals are what the program says against an environment, by environment: many
// variants and seeded mistakes come to the same one.
var refusals sync.Map

// refused returns the program's complaints about app settings.
func refused(t *testing.T, env map[string]string) []string {
	t.Helper()
	key := strings.Join(environment(env), "\x00")
	if known, ok := refusals.Load(key); ok {
		return known.([]string)
	}
	_, stderr, err := ask(env, "settings")
	if err != nil {
		t.Fatal(err)
	}
	complaints := []string{}
	for line := range strings.Lines(stderr) {
		complaints = append(complaints, strings.TrimSpace(strings.TrimPrefix(line, "azcollector: ")))
	}
	refusals.Store(key, complaints)
	return complaints
}

// firstWords starts the program as the Functions host does and returns the error in
// its first log line. It is killed then, as the host would.
func firstWords(t *testing.T, env map[string]string) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	env = maps.Clone(env)
	env["FUNCTIONS_CUSTOMHANDLER_PORT"] = port
	// The managed identity's endpoint is the first that the program asks once it has
	// taken its settings. Ours has no identity for anybody.
	nobody := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }))
	defer nobody.Close()
	env["IDENTITY_ENDPOINT"], env["IDENTITY_HEADER"] = nobody.URL, "header"
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, program)
	cmd.Dir, cmd.Env = t.TempDir(), environment(env)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	defer cancel()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var line struct{ Level, Message, Error string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return "not a log line: " + lines.Text()
		}
		if line.Level == "error" || line.Message == "ready" {
			return line.Error
		}
	}
	return "it ended without a word"
}
