package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// sockets is a directory with a short name: a socket's path has little room.
func sockets(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "azc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// controlled opens a house on an embedded store that answers commands.
func controlled(t *testing.T, dir string, changes ...string) *house {
	t.Helper()
	changes = append([]string{"SINK=jsonl", "JSONL_PATH=" + filepath.Join(dir, "records.jsonl"), "STATE_DIR=" + dir}, changes...)
	h, err := openHouse(t.Context(), mustLoad(t, good(changes...)), newLogger(io.Discard, false), false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.control(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("control ended with %v", err)
		}
		if err := h.close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	socket := filepath.Join(dir, controlSocket)
	soon(t, "the socket is there", func() bool {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return h
}

// asked runs a command line as a shell does that has these variables.
func asked(ctx context.Context, dir string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = realMain(ctx, args, []string{"STATE_DIR=" + dir}, &out, &errs)
	return code, out.String(), errs.String()
}

// The socket is its owner's alone, and one that a killed process left is replaced.
func TestControlSocket(t *testing.T) {
	dir := sockets(t)
	socket := filepath.Join(dir, controlSocket)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false) // as SIGKILL leaves it
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	controlled(t, dir)
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm() != 0o600 || info.Mode().Type() != os.ModeSocket {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "_tmp-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
	if code, stdout, stderr := asked(t.Context(), dir, "status"); code != 0 || !strings.Contains(stdout, "contents pending") {
		t.Errorf("a shell that has STATE_DIR only: code %d\n%s%s", code, stdout, stderr)
	}
}

// overSocket is a client of the control socket that says what it likes.
func overSocket(t *testing.T, dir string) *http.Client {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, controlSocket))
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestControlRefusesWhatIsNoOrder(t *testing.T) {
	dir := sockets(t)
	controlled(t, dir)
	client := overSocket(t, dir)
	large := `{"args":["status"` + strings.Repeat(`,"x"`, 10<<20/4) + `]}`
	order := func(args ...string) string { return string(marshal(t, order{Args: args})) }
	for name, c := range map[string]struct {
		method, body string
		status, exit int
		says         string // on stderr
	}{
		"garbage":              {"POST", "\x00\xff status", 400, 0, ""},
		"nothing":              {"POST", "", 400, 0, ""},
		"an array":             {"POST", `["status"]`, 400, 0, ""},
		"10 MB":                {"POST", large, 400, 0, ""},
		"a GET":                {"GET", "", 400, 0, ""},
		"a PUT":                {"PUT", order("status"), 400, 0, ""},
		"no arguments":         {"POST", `{}`, 200, 2, "expected one of"},
		"an unknown command":   {"POST", order("dance"), 200, 2, "dance"},
		"serve inside":         {"POST", order("serve"), 200, 2, "serve is no command for a running collector"},
		"its settings":         {"POST", order("settings"), 200, 2, "settings is no command for a running collector"},
		"an unknown function":  {"POST", order("run", "serve"), 200, 2, `no function "serve"`},
		"an unknown letter":    {"POST", order("deadletter", "show", "../../etc/passwd"), 200, 2, "no dead letter"},
		"half a command":       {"POST", order("deadletter"), 200, 2, "expected one of"},
		"an option unknown":    {"POST", order("status", "--exec=/bin/sh"), 200, 2, "unknown flag"},
		"a time that is none":  {"POST", order("prove", "--since=yesterday"), 200, 2, "--since"},
		"help":                 {"POST", order("--help"), 200, 0, ""},
		"no UTF-8 in a name":   {"POST", `{"args":["` + "\xff" + `"]}`, 200, 2, "unexpected argument"},
		"members nobody knows": {"POST", `{"args":["deadletter","list"],"env":["A=b"]}`, 200, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), c.method, "http://control/command", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != c.status {
				t.Fatalf("status %d, want %d", resp.StatusCode, c.status)
			}
			if c.status != http.StatusOK {
				return
			}
			var out, errs bytes.Buffer
			exit, err := (&program{stdout: &out, stderr: &errs}).replay(t.Context(), resp.Body)
			if err != nil || exit != c.exit || !strings.Contains(errs.String(), c.says) {
				t.Errorf("exit %d, want %d, %v\n%s", exit, c.exit, err, errs.String())
			}
		})
	}
	if code, _, stderr := asked(t.Context(), dir, "status"); code != 0 {
		t.Errorf("after all that: code %d\n%s", code, stderr)
	}
}

// A record's bytes come through as they are, also those that are no UTF-8 and those
// of a character that two pieces share.
func TestDeadLetterComesThroughWhole(t *testing.T) {
	dir := sockets(t)
	h := controlled(t, dir)
	raw := []byte("{\"Id\":\"\xff\xfe\x00\",\"é\":\"\xc3\"}\r\n\x1b[31m")
	for i := range 256 {
		raw = append(raw, byte(i))
	}
	raw = append(raw, bytes.Repeat([]byte("\u20ac"), 64<<10)...)
	key := collect.Key{Kind: "deadletter", Partition: collect.EscapeKey(tenant), Row: "a|b|0"}
	if err := h.store.PutPayload(t.Context(), "raw", raw); err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.Insert(t.Context(), collect.Row{Key: key, Fields: collect.Fields{
		"Tenant": tenant, "ContentType": "Audit.General", "ContentID": "c", "Reason": "no JSON", "Payload": "raw",
	}}); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := asked(t.Context(), dir, "deadletter", "list", "--json")
	var letter struct{ Name string }
	if err := json.Unmarshal([]byte(stdout), &letter); code != 0 || err != nil {
		t.Fatalf("code %d, %v\n%s%s", code, err, stdout, stderr)
	}
	code, stdout, stderr = asked(t.Context(), dir, "deadletter", "show", letter.Name, "--raw")
	if code != 0 || stdout != string(raw) {
		t.Errorf("code %d, %d bytes, want %d, the same: %v\n%s", code, len(stdout), len(raw), stdout == string(raw), stderr)
	}
	if code, stdout, _ := asked(t.Context(), dir, "deadletter", "show", letter.Name); code != 0 || strings.Contains(stdout, "\x1b") {
		t.Errorf("code %d; control characters for a terminal: %v", code, strings.Contains(stdout, "\x1b"))
	}
}

// Who asked and left takes the command with them.
func TestControlEndsWhatNobodyWaitsFor(t *testing.T) {
	asking, left := make(chan struct{}), make(chan struct{})
	var once, gone sync.Once
	silent := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		once.Do(func() { close(asking) })
		<-r.Context().Done()
		gone.Do(func() { close(left) })
	}))
	defer silent.Close()
	dir := sockets(t)
	h := controlled(t, dir, "AZURE_AUTHORITY_HOST="+silent.URL, "O365_MANAGEMENT_URL="+silent.URL)
	h.http.Transport.(*wire.Transport).TLSClientConfig.RootCAs = silent.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	ctx, leave := context.WithCancel(t.Context())
	answered := make(chan int)
	go func() {
		code, _, _ := asked(ctx, dir, "subscriptions", "list")
		answered <- code
	}()
	<-asking
	leave()
	if code := <-answered; code == 0 {
		t.Error("a command that was left succeeded")
	}
	select {
	case <-left:
	case <-time.After(30 * time.Second): // half of what the request would be given anyway
		t.Error("the command goes on for nobody")
	}
}

// A directory too long for a socket costs the commands, not the collecting, and
// is told of once.
func TestControlWithoutRoom(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 25))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		ctx, stop := context.WithCancel(t.Context())
		h := &house{settings: Settings{StateDir: dir}, log: newLogger(&book, true)}
		worked := 0
		wait := (&rooms{Background: []func(context.Context) error{h.control, func(ctx context.Context) error {
			for collect.Wait(ctx, time.Minute) == nil {
				worked++
			}
			return nil
		}}}).runBackground(ctx, h.log)
		time.Sleep(time.Hour + time.Second)
		stop()
		wait()
		lines := book.find(t, "background work stopped")
		if len(lines) != 1 || !strings.Contains(lines[0]["error"].(string), "STATE_DIR has a path of") || worked != 60 {
			t.Errorf("the log says %v; the rest worked %d times", lines, worked)
		}
	})
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
	if code, _, _ := asked(t.Context(), dir, "status"); code != exitUsage {
		t.Errorf("a command that finds nobody and has no settings: code %d", code)
	}
}
