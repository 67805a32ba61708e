package main

import (
	"os/exec"
	"strings"
	"testing"
)

// What kills the process on purpose is in no build but those that ask for it by tag.
func TestNoBuildKillsItself(t *testing.T) {
	for _, c := range []struct {
		name, tags string
		with       bool
	}{
		{"as it is released", "", false},
		{"with the tests' other programs", "interop", false},
		{"for the crash matrix", "crash", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			files, err := exec.Command("go", "list", "-tags="+c.tags, `-f={{join .GoFiles "\n"}}`, ".").Output()
			if err != nil {
				t.Fatal(err)
			}
			identity := 0
			for name := range strings.SplitSeq(strings.TrimSpace(string(files)), "\n") {
				switch {
				case name == "crashpoint_off.go":
					identity++
				case strings.HasPrefix(name, "crashpoint") && !c.with:
					t.Errorf("%s is in the build", name)
				}
			}
			if (identity == 1) == c.with {
				t.Errorf("crashpoint_off.go is %d times in the build", identity)
			}
		})
	}
}
