package main

import (
	"archive/zip"
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"azcollector/internal/wire"
)

const (
	// maxIntroduction is many times the line's 30 bytes.
	maxIntroduction = 1 << 10
	// maxTestimony leaves each of some sixty settings a complaint of 1 KiB, which is
	// what wire.Printable makes of one.
	maxTestimony = 64 << 10
	// maxTail is what is kept of a program's log: its last words.
	maxTail = 1 << 10
)

// A trial starts the program of a package and lets it tell whether it could work here.
// Until it has passed, all that it says is a stranger's word.
type trial struct {
	patience time.Duration // until it has answered
	grace    time.Duration // for its end, once stdin is closed; then it is killed
}

// selfTest tries the program in a package against the settings in env. The archive was
// checked by [release.Manifest.Open], and the sizes in it bind. The program is gone when
// selfTest returns. If we are killed meanwhile, its stdin is closed and it ends as well.
func selfTest(ctx context.Context, archive *zip.Reader, version string, env []string) error {
	return trial{patience: selfTestTime, grace: 5 * time.Second}.run(ctx, archive, version, env)
}

func (t trial) run(ctx context.Context, archive *zip.Reader, version string, env []string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("try release %s: %w", version, err)
		}
	}()
	sweepTrials()
	dir, err := os.MkdirTemp("", trialDir) // of mode 0700
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	handler := filepath.Join(dir, "handler")
	if err := unpackHandler(archive, handler); err != nil {
		return fmt.Errorf("unpack its handler: %w", err)
	}
	said, err := t.hear(ctx, handler, env)
	if err != nil {
		return err
	}
	return said.judge(version, functionFolders(archive))
}

// trialDir begins the names of the directories that a program is tried in.
const trialDir = "azcollector-self-test-"

// sweepTrials removes what trials have left that were killed: a disk of less than a
// gigabyte would be full after some. What cannot be removed is somebody else's.
func sweepTrials() {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), trialDir+"*"))
	for _, dir := range left {
		if info, err := os.Lstat(dir); err == nil && info.IsDir() && time.Since(info.ModTime()) > selfTestLife {
			_ = os.RemoveAll(dir)
		}
	}
}

func unpackHandler(archive *zip.Reader, to string) error {
	packed, err := archive.Open("handler")
	if err != nil {
		return err
	}
	defer packed.Close()
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700) // #nosec G302 G304 -- a verified program in a folder of our own: it must run
	if err != nil {
		return err
	}
	_, err = io.Copy(file, packed)
	return errors.Join(err, file.Close()) // what is open for writing cannot be started
}

// functionFolders are those where the Functions host finds functions.
func functionFolders(archive *zip.Reader) (folders []string) {
	for _, f := range archive.File {
		if dir, base := path.Split(f.Name); base == "function.json" && strings.Count(dir, "/") == 1 {
			folders = append(folders, strings.TrimSuffix(dir, "/"))
		}
	}
	return folders
}

// hear starts the program, lets it speak and waits until it is gone.
func (t trial) hear(ctx context.Context, handler string, env []string) (said testimony, err error) {
	ctx, kill := context.WithTimeoutCause(ctx, t.patience, fmt.Errorf("it has not answered within %v", t.patience))
	defer kill()
	child := exec.CommandContext(ctx, handler, "self-test")
	child.Env = env
	child.WaitDelay = t.grace // for what it leaves behind, with its stdout or stderr still open
	var last tail
	child.Stderr = &last
	stdin, err := child.StdinPipe()
	if err != nil {
		return said, err
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		return said, err
	}
	if err := child.Start(); err != nil {
		return said, fmt.Errorf("start it: %w", err)
	}
	said, err = interview(ctx, stdout)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		defer time.AfterFunc(t.grace, kill).Stop()
	} else {
		kill()
	}
	_ = stdin.Close()
	_ = child.Wait() // how it ended matters only if it has not answered
	switch words := wire.Printable(string(last)); {
	case errors.Is(err, errEnded):
		err = fmt.Errorf("%w (%v); its last words: %s", err, child.ProcessState, cmp.Or(words, "none"))
	case err != nil && words != "":
		err = fmt.Errorf("%w; its last words: %s", err, words)
	}
	return said, err
}

// errEnded says that there was nobody to ask.
var errEnded = errors.New("it has ended without saying where it listens")

func interview(ctx context.Context, stdout io.Reader) (testimony, error) {
	line, err := bufio.NewReader(io.LimitReader(stdout, maxIntroduction)).ReadString('\n')
	switch {
	case len(line) == maxIntroduction:
		return testimony{}, fmt.Errorf("it says %d bytes and more instead of where it listens", maxIntroduction)
	case errors.Is(err, io.EOF):
		return testimony{}, errEnded
	case err != nil:
		return testimony{}, fmt.Errorf("read where it listens: %w", err)
	}
	var met introduction
	err = json.Unmarshal([]byte(line), &met)
	at, wrong := netip.ParseAddrPort(met.Address)
	if err != nil || wrong != nil || !at.Addr().Is4() || !at.Addr().IsLoopback() {
		return testimony{}, fmt.Errorf(`it must say where it listens, like {"address":"127.0.0.1:1234"}, but says %q`, wire.Printable(line))
	}
	said, err := question(ctx, "http://"+at.String()+selfTestPath)
	if err != nil {
		return testimony{}, fmt.Errorf("ask it: %w", err)
	}
	return said, nil
}

// question asks with a client of its own: no proxy leads to this machine's loopback.
func question(ctx context.Context, address string) (said testimony, err error) {
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return said, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return said, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return said, fmt.Errorf("it answers %d, must be 200", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxTestimony+1))
	switch {
	case err != nil:
		return said, fmt.Errorf("read its answer: %w", err)
	case len(body) > maxTestimony:
		return said, fmt.Errorf("its answer has more than %d bytes", maxTestimony)
	}
	if err := json.Unmarshal(body, &said); err != nil {
		return said, fmt.Errorf("read its answer: %w", err)
	}
	return said, nil
}

// judge compares what a program says with the package that it came in.
func (t testimony) judge(version string, folders []string) error {
	lacks := func(all []string) func(string) bool {
		return func(one string) bool { return !slices.Contains(all, one) }
	}
	if !sameVersion(t.Version, version) {
		return fmt.Errorf("it is version %q", wire.Printable(t.Version))
	}
	if len(t.Complaints) > 0 {
		return fmt.Errorf("it complains: %s", wire.Printable(strings.Join(t.Complaints, "; ")))
	}
	if i := slices.IndexFunc(folders, lacks(t.Functions)); i >= 0 {
		return fmt.Errorf("it has no function for the folder %q of its package", wire.Printable(folders[i]))
	}
	if i := slices.IndexFunc(t.Functions, lacks(folders)); i >= 0 {
		return fmt.Errorf("its package has no folder for its function %q", wire.Printable(t.Functions[i]))
	}
	return nil
}

// A tail keeps the end of what is written to it.
type tail []byte

func (t *tail) Write(p []byte) (int, error) {
	all := append(*t, p[max(0, len(p)-maxTail):]...)
	*t = all[max(0, len(all)-maxTail):]
	return len(p), nil
}
