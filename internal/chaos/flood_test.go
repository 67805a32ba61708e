package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFlood: a small one of each kind, of the program as it is.
func TestFlood(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	program := filepath.Join(t.TempDir(), "azcollector")
	build := exec.Command("go", "build", "-o", program, "./functions")
	build.Dir = filepath.Join("..", "..")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build it: %v\n%s", err, text)
	}
	for _, c := range []struct {
		name string
		flood
		want string // in the results, or in the error
		good bool
	}{
		{"a burst", flood{Notifications: 20, Contents: 20, Records: 5}, "20 answered 200", true},
		{"slow callers", flood{Slow: 1000, Records: 5}, "20 genuine notifications answered with 20 attempts", true},
		{"nothing", flood{}, "nothing was run", false},
		{"more than there are files", flood{Slow: 1 << 40}, "raise ulimit -n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			err := c.run(t.Context(), &options{Dir: t.TempDir(), Collector: program, Seed: 7, court: newCourt()}, &out)
			said := out.String()
			if err != nil {
				said += err.Error()
			}
			if (err == nil) != c.good || !strings.Contains(said, c.want) {
				t.Errorf("want %q in\n%s\nerror: %v", c.want, &out, err)
			}
			t.Logf("\n%s", &out)
		})
	}
}
