package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"azcollector/internal/sim"
)

// saying is a collector that answers every command in the same way.
func saying(t *testing.T, script string) *collector {
	t.Helper()
	dir := t.TempDir()
	c := &collector{binary: filepath.Join(dir, "collector"), dir: dir}
	if err := os.WriteFile(c.binary, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestProve(t *testing.T) {
	const answer = `echo '{"Types":[{"Offered":3,"Missing":1,"OnlyAnnounced":2,"Records":{"Delivered":4,"Dead":1}},{"Offered":1,"Young":1,"Pending":0}],"Unprovable":["x"]}'`
	for name, test := range map[string]struct {
		script string
		clean  bool
		fails  string // "": it has an answer
	}{
		"clean":             {answer, true, ""},
		"something missing": {answer + "; exit 1", false, ""},
		"no answer":         {"exit 1", false, "ask the collector by azcollector prove: exit status 1"},
		"no JSON":           {"echo oh", false, "read azcollector prove --json"},
		"its arguments":     {`test "$*" = "prove --json --since 1h" && ` + answer, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := saying(t, test.script).prove(t.Context())
			if test.fails != "" {
				if err == nil || !strings.HasPrefix(err.Error(), test.fails) {
					t.Errorf("got %v, want %q", err, test.fails)
				}
				return
			}
			if err != nil || p.Clean != test.clean {
				t.Fatalf("got clean %t, %v, want %t", p.Clean, err, test.clean)
			}
			offered, announced, absent, pending, records := p.total()
			if got, want := [...]int{offered, announced, absent, pending, records}, [...]int{4, 2, 2, 0, 5}; got != want {
				t.Errorf("got %d, want %d", got, want)
			}
		})
	}
}

func TestProofIsFinal(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*proof)
		want  bool
	}{
		"all there":       {func(*proof) {}, true},
		"not listed yet":  {func(p *proof) { p.Types[0].Young = 1 }, false},
		"pending":         {func(p *proof) { p.Types[0].Pending = 1 }, false},
		"could not list":  {func(p *proof) { p.Unlistable = append(p.Unlistable, nil) }, false},
		"told since":      {func(p *proof) { p.Types[0].OnlyAnnounced = 5 }, false},
		"published since": {func(p *proof) { p.Types[0].Records.Delivered = 39 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := summarised().Proof
			test.spoil(&p)
			if got := p.final(100, 6); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}

func TestSubscribedTo(t *testing.T) {
	const ours = "https://127.0.0.1:1/api/o365/webhook"
	started := func(spoil func(*sim.Subscription)) []sim.Subscription {
		var list []sim.Subscription
		for _, contentType := range demoTypes {
			list = append(list, sim.Subscription{ContentType: contentType, Status: "enabled", Webhook: &sim.Webhook{Address: ours}})
		}
		spoil(&list[2])
		return list
	}
	for name, test := range map[string]struct {
		list []sim.Subscription
		want bool
	}{
		"none":            {nil, false},
		"all":             {started(func(*sim.Subscription) {}), true},
		"another type":    {started(func(s *sim.Subscription) { s.ContentType = "DLP.All" }), false},
		"disabled":        {started(func(s *sim.Subscription) { s.Status = "disabled" }), false},
		"without webhook": {started(func(s *sim.Subscription) { s.Webhook = nil }), false},
		"somebody else's": {started(func(s *sim.Subscription) { s.Webhook.Address = "https://127.0.0.1:2/" }), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := subscribedTo(test.list, ours); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}
