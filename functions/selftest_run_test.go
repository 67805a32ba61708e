package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// packageOf is a package with a handler and these functions.
func packageOf(t *testing.T, handler string, functions ...string) *zip.Reader {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the package is for Linux, and what stands for its handler is a script")
	}
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	files := map[string]string{"handler": handler, "host.json": "{}", "docs/deep/function.json": "{}"}
	for _, name := range functions {
		files[name+"/function.json"] = "{}"
	}
	for name, text := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

// emptyTemp is a directory for temporary files, in which none may be left.
func emptyTemp(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Cleanup(func() {
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
}

// A program that is not fit to take over is refused with the reason, is gone, and leaves
// nothing behind.
func TestSelfTestRefuses(t *testing.T) {
	const introduces = "echo '{\"address\":\"'$SERVER'\"}'\n"
	says := func(said string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, said) }
	}
	good := `{"version":"v1.2.3","functions":["pull","webhook"],"complaints":[],"news":1}`
	for name, c := range map[string]struct {
		handler  string // after what tells its process id
		answer   http.HandlerFunc
		patience time.Duration // 0: more than it takes
		want     string        // of the error; empty: it passes
	}{
		"a good one":               {handler: introduces + "exec cat", answer: says(good)},
		"without v":                {handler: introduces + "exec cat", answer: says(strings.Replace(good, "v1", "1", 1))},
		"a good one that stays":    {handler: introduces + "exec sleep 1000", answer: says(good)},
		"a good one that chatters": {handler: introduces + "exec yes", answer: says(good)},
		"leaves a child":           {handler: "sleep 60 &\necho $! >$CHILD\n" + introduces, answer: says(good)},

		"not executable here":   {handler: "\x7fELF\x02\x01\x01", want: "start it: "},
		"ends at once":          {handler: "echo no such command >&2; exit 3", want: "it has ended without saying where it listens (exit status 3); its last words: no such command"},
		"ends without a word":   {handler: "exit 0", want: "(exit status 0); its last words: none"},
		"dies after megabytes":  {handler: "yes wrong 2>/dev/null | head -c 3000000 >&2; echo the end >&2; exit 1", want: "wrong wrong the end"},
		"hangs":                 {handler: "exec sleep 1000", patience: 200 * time.Millisecond, want: "it has not answered within 200ms"},
		"only its child hangs":  {handler: "sleep 60 &\necho $! >$CHILD", patience: 500 * time.Millisecond, want: "it has not answered within 500ms"},
		"prints garbage":        {handler: "echo hello; exec cat", want: `it must say where it listens, like {"address":"127.0.0.1:1234"}, but says "hello"`},
		"prints megabytes":      {handler: "exec cat /dev/zero", want: "it says 1024 bytes and more"},
		"listens elsewhere":     {handler: `echo '{"address":"192.0.2.1:80"}'; exec cat`, want: "it must say where it listens"},
		"listens by name":       {handler: `echo '{"address":"localhost:80"}'; exec cat`, want: "it must say where it listens"},
		"does not listen":       {handler: `echo '{"address":"127.0.0.1:1"}'; exec cat`, want: "ask it: "},
		"does not answer":       {handler: introduces + "exec cat", answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, patience: 500 * time.Millisecond, want: "it has not answered within 500ms"},
		"answers no":            {handler: introduces + "exec cat", answer: http.NotFound, want: "it answers 404, must be 200"},
		"sends us elsewhere":    {handler: introduces + "exec cat", answer: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/good", http.StatusFound) }, want: "it answers 302, must be 200"},
		"answers nonsense":      {handler: introduces + "exec cat", answer: says("<html>"), want: "read its answer: invalid character"},
		"answers megabytes":     {handler: introduces + "exec cat", answer: says(strings.Repeat(" ", 3<<20) + good), want: "its answer has more than 65536 bytes"},
		"another version":       {handler: introduces + "exec cat", answer: says(strings.Replace(good, "v1.2.3", "v1.2.4\\n", 1)), want: `it is version "v1.2.4"`},
		"complains":             {handler: introduces + "exec cat", answer: says(strings.Replace(good, "[]", `["A: must be\nB","C is \u001b[31mwrong"]`, 1)), want: "it complains: A: must be B; C is [31mwrong"},
		"lacks a function":      {handler: introduces + "exec cat", answer: says(strings.Replace(good, `"pull",`, "", 1)), want: `it has no function for the folder "pull"`},
		"has a function beyond": {handler: introduces + "exec cat", answer: says(strings.Replace(good, `"pull",`, `"pull","graph",`, 1)), want: `its package has no folder for its function "graph"`},
		"complains of too much": {handler: introduces + "exec cat", answer: says(strings.Replace(good, "[]", `["`+strings.Repeat("x", 30000)+`"]`, 1)), want: "xxx"},
	} {
		t.Run(name, func(t *testing.T) {
			emptyTemp(t)
			pid, child := filepath.Join(t.TempDir(), "pid"), filepath.Join(t.TempDir(), "child")
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/good":
					says(good)(w, r)
				case r.Method != http.MethodGet || r.URL.Path != "/self-test" || r.ContentLength != 0:
					t.Errorf("asked for %s %s", r.Method, r.URL)
				default:
					c.answer(w, r)
				}
			}))
			defer server.Close()
			if !strings.HasPrefix(c.handler, "\x7f") {
				c.handler = "#!/bin/sh\necho $$ >$PID\n" + c.handler
			}
			limits := trial{patience: patience, grace: 50 * time.Millisecond}
			if c.patience > 0 {
				limits.patience = c.patience
			}
			archive := packageOf(t, c.handler, "pull", "webhook")
			env := []string{"PATH=" + os.Getenv("PATH"), "PID=" + pid, "CHILD=" + child, "SERVER=" + strings.TrimPrefix(server.URL, "http://")}
			err := limits.run(t.Context(), archive, "1.2.3", env)
			if text, _ := os.ReadFile(child); len(text) > 0 { // of a script, and nobody's to wait for
				_ = processOf(t, text).Kill()
			}
			if text, _ := os.ReadFile(pid); len(text) > 0 { // else it was killed before it came to that
				requireGone(t, text)
			}
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), "try release 1.2.3: ") || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 3000 {
				t.Errorf("got %.4000v\nwant %s", err, c.want)
			}
		})
	}
}

func processOf(t *testing.T, pid []byte) *os.Process {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(string(pid)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := os.FindProcess(n)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// requireGone: signal 0 only asks whether there is such a process.
func requireGone(t *testing.T, pid []byte) {
	t.Helper()
	if err := processOf(t, pid).Signal(syscall.Signal(0)); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("process %s is still there: %v", pid, err)
	}
}

// Whoever does not want to know any more finds the program gone, at whatever it was.
func TestSelfTestEndsWithItsContext(t *testing.T) {
	for name, says := range map[string]string{"before it speaks": "", "after nonsense without an end": "printf nonsense"} {
		t.Run(name, func(t *testing.T) {
			emptyTemp(t)
			file := filepath.Join(t.TempDir(), "pid")
			archive := packageOf(t, "#!/bin/sh\n"+says+"\necho $$ >$FILE.new; mv $FILE.new $FILE; exec sleep 1000", "pull")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			go func() {
				ended <- selfTest(ctx, archive, "1.2.3", []string{"PATH=" + os.Getenv("PATH"), "FILE=" + file})
			}()
			var pid []byte
			soon(t, "the program starts", func() (started bool) {
				text, err := os.ReadFile(file)
				pid = text
				return err == nil
			})
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			requireGone(t, pid)
		})
	}
}
