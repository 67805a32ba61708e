package pull_test

import (
	"encoding/json"
	"testing"

	"azcollector/pull"
)

func TestTrigger(t *testing.T) {
	var f struct {
		Bindings []struct {
			Type, Direction, Name, Schedule string
			UseMonitor                      bool
		}
	}
	if err := json.Unmarshal(pull.Trigger, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Bindings) != 1 || f.Bindings[0].Type != "timerTrigger" || f.Bindings[0].Name != "timer" || f.Bindings[0].Direction != "in" ||
		f.Bindings[0].Schedule != "%PULL_SCHEDULE%" || !f.Bindings[0].UseMonitor {
		t.Errorf("%+v", f)
	}
}
