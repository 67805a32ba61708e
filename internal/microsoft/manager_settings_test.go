package microsoft_test

import (
	"strings"
	"testing"

	"azcollector/internal/collect"
	"azcollector/internal/sim"

	"github.com/google/go-cmp/cmp"
)

// TestManagerSetsSettings: read R, write W, in the order of their coming.
func TestManagerSetsSettings(t *testing.T) {
	const runFrom, old = "WEBSITE_RUN_FROM_PACKAGE", "https://old.example/"
	changed := map[string]string{"KEEP": "secret value", runFrom: packageURI}
	unchanged := map[string]string{"KEEP": "secret value", runFrom: old}
	fault := func(kind sim.Kind, op string, status, count int) func(*site) {
		return func(s *site) { s.sim.Dial.Set(sim.Rule{Kind: kind, Op: op, Status: status, Count: count}) }
	}
	cases := map[string]struct {
		prepare func(*site)
		change  map[string]string
		asked   string
		code    string // of the error; "": none
		stored  map[string]string
	}{
		"one of two":           {nil, nil, "RWR", "", changed},
		"a new one":            {nil, map[string]string{"NEW": "x"}, "RWR", "", map[string]string{"KEEP": "secret value", runFrom: old, "NEW": "x"}},
		"nothing new":          {nil, map[string]string{runFrom: old}, "R", "", unchanged},
		"nothing at all":       {nil, map[string]string{}, "R", "", unchanged},
		"name in another case": {nil, map[string]string{strings.ToLower(runFrom): packageURI}, "RWR", "", changed},
		"seen late":            {func(s *site) { s.sim.Manager.LagReads(3) }, nil, "RWR", "", changed},
		"conflict once":        {fault(sim.Status, sim.OpSettingsWrite, 409, 1), nil, "RWRWR", "", changed},
		"changed once":         {fault(sim.Status, sim.OpSettingsWrite, 412, 1), nil, "RWRWR", "", changed},
		"conflict for ever":    {fault(sim.Status, sim.OpSettingsWrite, 409, 0), nil, "RWRWRW", "409", unchanged},
		"changed for ever":     {fault(sim.Status, sim.OpSettingsWrite, 412, 0), nil, "RWRWRW", "412", unchanged},
		"throttled":            {fault(sim.Throttle, sim.OpSettingsWrite, 0, 1), nil, "RW", "429", unchanged},
		"written, not said":    {fault(sim.LostAck, sim.OpSettingsWrite, 0, 1), nil, "RW", "503", changed},
		"undone by another": {func(s *site) {
			s.sim.Manager.Interfere(func(all map[string]string) { all[runFrom], all["THEIRS"] = old, "x" })
		}, nil, "RWRRWR", "", map[string]string{"KEEP": "secret value", runFrom: packageURI, "THEIRS": "x"}},
		"another beside": {func(s *site) {
			s.sim.Manager.Interfere(func(all map[string]string) { all["THEIRS"] = "x" })
		}, nil, "RWR", "", map[string]string{"KEEP": "secret value", runFrom: packageURI, "THEIRS": "x"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			if c.prepare != nil {
				c.prepare(s)
			}
			if c.change == nil {
				c.change = map[string]string{runFrom: packageURI}
			}
			err := s.SetSettings(t.Context(), c.change)
			if c.code != "" {
				wantFault(t, err, collect.Temporary, c.code)
			} else if err != nil {
				t.Error(err)
			}
			asked := strings.NewReplacer(sim.OpSettingsRead, "R", sim.OpSettingsWrite, "W", " ", "").Replace(strings.Join(s.sim.Manager.Calls(), " "))
			if asked != c.asked {
				t.Errorf("asked %s, want %s", asked, c.asked)
			}
			if diff := cmp.Diff(c.stored, s.sim.Manager.Settings()); diff != "" {
				t.Errorf("stored, want (-), got (+):\n%s", diff)
			}
			if leak := s.tells(err); leak != "" {
				t.Errorf("error %q tells %q", err, leak)
			}
			if len(s.waits) > 0 {
				t.Errorf("rested %v", s.waits)
			}
			s.sim.RequireClean(t)
		})
	}
}

// What was written although nobody said so is not written again.
func TestManagerSeesItsOwnLostWrite(t *testing.T) {
	for _, kind := range []sim.Kind{sim.ResetAfter, sim.LostAck} {
		s := newSite(t)
		s.sim.Dial.Set(sim.Rule{Kind: kind, Op: sim.OpSettingsWrite, Count: 1})
		change := map[string]string{"WEBSITE_RUN_FROM_PACKAGE": packageURI}
		wantFault(t, s.SetSettings(t.Context(), change), collect.Temporary, "")
		if err := s.SetSettings(t.Context(), change); err != nil {
			t.Error(err)
		}
		want := []string{sim.OpSettingsRead, sim.OpSettingsWrite, sim.OpSettingsRead}
		if diff := cmp.Diff(want, s.sim.Manager.Calls()); diff != "" {
			t.Errorf("%s: asked, want (-), got (+):\n%s", kind, diff)
		}
	}
}
