package main

import (
	"context"
	"slices"
	"time"

	"azcollector/internal/sim"
)

// A lane is a way to run the collector, with what can be broken there. It is data: what
// a cell does and how it is judged is the same in every lane.
type lane struct {
	name       string // no two lanes, and no two operations of all lanes, have one name
	operations []operation
	faults     []fault
	// furnish makes what one cell's collector needs beside the world, in a directory of
	// the cell's own.
	furnish func(ctx context.Context, w *sim.World, dir string) (*furniture, error)
	// course is what one cell does; nil: [cell.try], under the Functions host.
	course func(ctx context.Context, o *options, c cell, seed uint64) (outcome, error)
	within time.Duration // in which all must be well again; 0: recoverWithin
}

// furniture is what the collector of one cell stands on.
type furniture struct {
	env   []string // NAME=VALUE, for the collector and for its commands
	close func()   // nil: nothing
}

// An operation is a row of the matrix.
type operation struct {
	name  string
	op    string // as the dial knows it
	match string // which of its requests, by a part of the path; "": all
	// told are words of which at least one stands in the log line that names what failed.
	told []string
	// strikes is how often the fault strikes before it ends, if it gets to that; 0: 3.
	strikes int
	// most requests a second are no storm while the fault holds.
	most float64
	// webhook: the collector has an address, and subscribes with it.
	webhook bool
	// pause is by how much the world's clock moves on when the fault ends: what the
	// source's rules let nobody try again before.
	pause time.Duration
	// amber says, by the fault's name or "" for all, why a cell that does what it should
	// is no green one.
	amber map[string]string
	// without says, by the fault's name, why there is no such cell.
	without map[string]string
}

// A fault is what a request meets. Those of one class share a column.
type fault struct {
	name, class string
	rule        sim.Rule // without operation
	// letters: it judges what was sent, so that dead letters are right.
	letters bool
	// unacked: the work is done and the client cannot know it, so that it is right to send
	// the same again.
	unacked bool
	// patience is REQUEST_TIMEOUT; 0: patient.
	patience time.Duration
	told     []string // words beside the operation's
}

// A cell is one operation under one fault.
type cell struct {
	lane      *lane
	operation *operation
	fault     *fault
}

func (c cell) name() string { return c.operation.name + "/" + c.fault.name }

// why is the reason for which the cell cannot be green; "": it can.
func (c cell) why() string {
	if text := c.operation.amber[c.fault.name]; text != "" {
		return text
	}
	return c.operation.amber[""]
}

// told are words of which one names what failed.
func (c cell) told() []string { return slices.Concat(c.operation.told, c.fault.told) }

// rule is what the dial is set to.
func (c cell) rule() sim.Rule {
	r := c.fault.rule
	r.Op, r.Match = c.operation.op, c.operation.match
	return r
}
