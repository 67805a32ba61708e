package pull

import _ "embed"

// Trigger is the room's function.json: when the Functions host calls it, and
// what serve reads to follow the same schedule.
//
//go:embed function.json
var Trigger []byte
