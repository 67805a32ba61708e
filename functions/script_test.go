package main

import (
	"maps"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the real program against the simulated world. The commands
// that scripts have beside testscript's own are in script_world_test.go.
func TestScripts(t *testing.T) {
	t.Parallel()
	var hosted storage
	commands := hosted.commands()
	maps.Copy(commands, worldCommands)
	maps.Copy(commands, tenantCommands)
	maps.Copy(commands, incumbentCommands)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Setup:               setUpWorld,
		Cmds:                commands,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}
