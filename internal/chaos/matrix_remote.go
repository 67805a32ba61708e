package main

import (
	"context"
	"path/filepath"
	"time"

	"azcollector/internal/sim"
)

// remote is the collector under the Functions host with its embedded store: what can
// be broken is what it asks of others over the network.
func remote() lane {
	return lane{
		name: "remote", operations: remoteOperations(), faults: faults(),
		furnish: func(_ context.Context, _ *sim.World, dir string) (*furniture, error) {
			return &furniture{env: []string{"STATE_DIR=" + filepath.Join(dir, "state")}}, nil
		},
	}
}

// startAgain is what a refused start costs: see [operation.pause].
const startAgain = 16 * time.Minute

func remoteOperations() []operation {
	return []operation{
		{name: "discovery", op: sim.OpDiscovery, told: []string{"get token"}, most: 50},
		{name: "token", op: sim.OpToken, told: []string{"get token"}, most: 50},
		{name: "subscriptions-list", op: sim.OpSubscriptionsList, told: []string{"list subscriptions"}, most: 25},
		{name: "start", op: sim.OpStart, told: []string{"start subscription"}, most: 10, strikes: 1, webhook: true, pause: startAgain,
			amber: map[string]string{"": "Microsoft lets nobody start a subscription twice within 15 minutes: the collector waits that long, and the simulated clock is moved on."}},
		{name: "notifications", op: sim.OpNotifications, told: []string{"list notifications"}, most: 60, webhook: true},
		{name: "list", op: sim.OpList, told: []string{"list content"}, most: 60},
		{name: "page", op: sim.OpPage, told: []string{"list content"}, most: 60},
		{name: "blob", op: sim.OpBlob, told: []string{"fetch content"}, most: 50},
		{name: "aims", op: sim.OpAIMS, told: []string{"aims"}, most: 40},
		{name: "endpoints", op: sim.OpEndpoints, told: []string{"endpoints", "look up"}, most: 40},
		{name: "register", op: sim.OpAzcollect, match: "/o365/" + subscription, told: []string{"azcollect"}, most: 40},
		{name: "check-in", op: sim.OpAzcollect, match: "/checkin/", told: []string{"azcollect"}, most: 25},
		{name: "ingest", op: sim.OpIngest, told: []string{"ingest", "with dead letters"}, most: 90,
			amber: map[string]string{"413": "A 413 judges what was sent: a record that is refused alone becomes a dead letter, with the reason, and can be replayed."}},
	}
}
