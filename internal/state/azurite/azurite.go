// Package azurite starts Microsoft's storage emulator for a test.
//
// Its one promise is: the emulator answers when Start returns, and is gone when
// the test (or the test binary) ends. It is no part of the program: only tests
// import it.
package azurite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// account and key are those of every Azurite: "Well-known storage account and
// key" in Microsoft's "Use the Azurite emulator".
const (
	account = "devstoreaccount1"
	key     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// patience bounds the wait for the emulator's ports; node needs about a second.
const patience = 60 * time.Second

// Start runs an emulator of its own for tb and returns the connection string.
func Start(tb testing.TB) (connectionString string) {
	tb.Helper()
	connectionString, stop, err := Run()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(stop)
	return connectionString
}

// Run starts an emulator for a whole test binary (from TestMain). The caller
// calls stop, which waits until the process is gone.
func Run() (connectionString string, stop func(), err error) {
	at, stop, err := run()
	if err != nil {
		return "", nil, err
	}
	return ConnectionString("http://"+at[0], "http://"+at[1], "http://"+at[2]), stop, nil
}

// run starts an emulator and tells where its blobs, queues and tables are.
func run(more ...string) (at [3]string, stop func(), err error) {
	script, err := find()
	if err != nil {
		return at, nil, err
	}
	var chosen [3]string
	for i := range chosen {
		if chosen[i], err = freePort(); err != nil {
			return at, nil, fmt.Errorf("find a free port for azurite: %w", err)
		}
		at[i] = "127.0.0.1:" + chosen[i]
	}
	cmd := exec.Command("node", append([]string{script, "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent",
		"--blobPort", chosen[0], "--queuePort", chosen[1], "--tablePort", chosen[2]}, more...)...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return at, nil, fmt.Errorf("start azurite: %w", err)
	}
	gone := make(chan struct{})
	go func() { _ = cmd.Wait(); close(gone) }() // that it was killed is no news
	stop = func() { _ = cmd.Process.Kill(); <-gone }

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, address := range at {
		if err := await(ctx, gone, address); err != nil {
			stop() // so that nobody writes to output any more
			return at, nil, fmt.Errorf("wait for azurite: %w; it said: %s", err, output.String())
		}
	}
	return at, stop, nil
}

// ConnectionString is that of an emulator (or a proxy before it) at these
// addresses, without their path.
func ConnectionString(blob, queue, table string) string {
	return fmt.Sprintf("AccountName=%s;AccountKey=%s;BlobEndpoint=%s/%s;QueueEndpoint=%s/%s;TableEndpoint=%s/%s",
		account, key, blob, account, queue, account, table, account)
}

// find looks for the emulator from the working directory upwards: in the root,
// beside go.mod.
func find() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find azurite: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("find azurite: no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
	script := filepath.Join(dir, "scripts", "azurite", "node_modules", "azurite", "dist", "src", "azurite.js")
	if _, err := os.Stat(script); err != nil {
		return "", fmt.Errorf("azurite is not installed: run npm ci in %s (./scripts/check does)", filepath.Join(dir, "scripts", "azurite"))
	}
	return script, nil
}

// firstPort and ports are below those that systems hand out to who asks for any: a server
// of another test cannot be given one between our look and the emulator's.
const firstPort, ports = 3_000, 9_000

var tried atomic.Int64

func freePort() (string, error) {
	tried.CompareAndSwap(0, int64(os.Getpid()*90)) // elsewhere than other test binaries
	// A child that is born while we look keeps the port until it has become a program.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	for range ports {
		port := strconv.FormatInt(firstPort+tried.Add(1)%ports, 10)
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			return port, l.Close()
		}
	}
	return "", fmt.Errorf("none from %d on", firstPort)
}

func await(ctx context.Context, gone <-chan struct{}, address string) error {
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-gone:
			return errors.New("it ended")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
