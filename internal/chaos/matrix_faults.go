package main

import (
	"time"

	"azcollector/internal/sim"
)

const (
	// patient is the collector's REQUEST_TIMEOUT: no answer is late only because twelve
	// collectors share this machine.
	patient = 15 * time.Second
	// silent is what it is where nothing, or no more, is said: a cell has no time for more.
	silent = 2 * time.Second
)

// faults are those of services that speak HTTP. A 503 that says when to come again is
// not among them: it is the same to a client as a 429 that does.
func faults() []fault {
	status := func(code int) sim.Rule { return sim.Rule{Kind: sim.Status, Status: code} }
	throttle := func(after string) sim.Rule { return sim.Rule{Kind: sim.Throttle, RetryAfter: after} }
	throttled := []string{"throttled"} // where one brake is for all operations, it is told of, not they
	return []fault{
		{name: "refused", class: "refused", rule: sim.Rule{Kind: sim.Refuse}},
		{name: "reset-before", class: "reset", rule: sim.Rule{Kind: sim.ResetBefore}},
		{name: "reset-after", class: "reset", rule: sim.Rule{Kind: sim.ResetAfter}, unacked: true},
		{name: "timeout", class: "silence", rule: sim.Rule{Kind: sim.Hang}, patience: silent},
		{name: "silent-body", class: "silence", rule: sim.Rule{Kind: sim.Stall}, patience: silent},
		{name: "slow-body", class: "slow", rule: sim.Rule{Kind: sim.SlowBody}},
		{name: "truncated-length", class: "truncated", rule: sim.Rule{Kind: sim.TruncateLength}},
		{name: "truncated-chunked", class: "truncated", rule: sim.Rule{Kind: sim.TruncateChunked}},
		{name: "401", class: "401", rule: status(401)},
		{name: "403", class: "403", rule: status(403)},
		{name: "404", class: "404", rule: status(404)},
		{name: "408", class: "408", rule: status(408)},
		{name: "413", class: "413", rule: status(413), letters: true},
		{name: "429-seconds", class: "429", rule: throttle("1"), told: throttled},
		{name: "429-decimal", class: "429", rule: throttle("1.25"), told: throttled},
		{name: "429-date", class: "429", rule: throttle("date"), told: throttled},
		{name: "429-bare", class: "429", rule: throttle(""), told: throttled},
		{name: "500", class: "500", rule: status(500)},
		{name: "503", class: "503", rule: status(503)},
		{name: "html", class: "HTML", rule: sim.Rule{Kind: sim.HTMLBody, Status: 200}},
		{name: "empty", class: "empty", rule: sim.Rule{Kind: sim.EmptyBody, Status: 200}},
		{name: "wrong-type", class: "type", rule: sim.Rule{Kind: sim.WrongType}},
		{name: "redirect", class: "redirect", rule: sim.Rule{Kind: sim.Redirect}},
		{name: "lost-ack", class: "lost ack", rule: sim.Rule{Kind: sim.LostAck}, unacked: true},
	}
}
