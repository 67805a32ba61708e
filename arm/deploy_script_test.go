//go:build interop

package arm_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestDeployScript runs scripts/deploy against an Azure CLI that is played
// (testdata/deploy/bin), with the real template. That az has these commands and
// options, and answers as it does there, no test can prove without Azure.
func TestDeployScript(t *testing.T) { runDeployScripts(t, ".") }

// What seldom happens to a deployment takes as long again: scripts/soak tries it.
func TestDeployScriptRarely(t *testing.T) {
	if os.Getenv("SOAK") == "" {
		t.Skip("scripts/soak runs it")
	}
	runDeployScripts(t, "rare")
}

func runDeployScripts(t *testing.T, which string) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	fakes := filepath.Join(root, "arm", "testdata", "deploy")
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join(fakes, which),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"deploy": runDeploy},
		Setup: func(env *testscript.Env) error {
			azure := filepath.Join(env.WorkDir, "azure")
			env.Setenv("AZURE", azure)
			env.Setenv("DEPLOY", filepath.Join(root, "scripts", "deploy"))
			env.Setenv("DEPLOY_PAUSE", "0")
			env.Setenv("DEPLOY_LOOKS", "6") // one minute, if a pause were ten seconds
			env.Setenv("ROOT", root)
			if err := setGo(env); err != nil {
				return err
			}
			env.Setenv("PACKAGE", "https://packages.test/1.zip")
			env.Setenv("PATH", filepath.Join(fakes, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
			state, err := os.ReadFile(filepath.Join(fakes, "state.json"))
			if err != nil {
				return err
			}
			if err := os.Mkdir(azure, 0o700); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(azure, "state.json"), state, 0o600)
		},
	})
}

// setGo lets a script build: with our caches, and for the platform of the package.
func setGo(env *testscript.Env) error {
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} {
		value, err := exec.Command("go", "env", name).Output()
		if err != nil {
			return err
		}
		env.Setenv(name, strings.TrimSpace(string(value)))
	}
	for name, value := range map[string]string{"GOOS": "linux", "GOARCH": "amd64", "CGO_ENABLED": "0"} {
		env.Setenv(name, value)
	}
	return nil
}

// runDeploy is the command `deploy <exit code> [arguments]`.
func runDeploy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: deploy <exit code> [arguments]")
	}
	code := 0
	err := ts.Exec(ts.Getenv("DEPLOY"), args[1:]...)
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("run scripts/deploy: %v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("scripts/deploy ended with %d, want %s", code, args[0])
	}
}
