package state_test

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/state"
	"azcollector/internal/state/azurite"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		writeUntilKilled(dir)
	}
	code := m.Run()
	if emulator.stop != nil {
		emulator.stop()
	}
	os.Exit(code)
}

// emulator is one Azurite for the whole test binary, started by the first test
// that needs it.
var emulator struct {
	once       sync.Once
	connection string
	stop       func()
	err        error
}

func connection(tb testing.TB) string {
	tb.Helper()
	emulator.once.Do(func() { emulator.connection, emulator.stop, emulator.err = azurite.Run() })
	if emulator.err != nil {
		tb.Fatal(emulator.err)
	}
	return emulator.connection
}

func openAzure(tb testing.TB, o state.AzureOptions) *state.Azure {
	tb.Helper()
	s, err := state.OpenAzure(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	// No test waits for a storage server to recover.
	s.Retry = collect.Retry{Attempts: 4, First: time.Millisecond, Most: time.Millisecond}
	return s
}

func openEmbedded(tb testing.TB, dir string) *state.Embedded {
	tb.Helper()
	s, err := state.OpenEmbedded(dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

var kinds atomic.Int64

// freshKind is a table that no other test writes to.
func freshKind() string { return fmt.Sprintf("kind%d", kinds.Add(1)) }
