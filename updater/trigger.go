package updater

import (
	"bytes"
	_ "embed"
)

//go:embed function.json
var trigger []byte

// Trigger is the room's function.json: when the Functions host calls it, and what
// serve reads to follow the same schedule.
func Trigger() []byte { return bytes.Clone(trigger) }
