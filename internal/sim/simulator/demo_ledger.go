package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"azcollector/internal/sim"
)

// tally counts what became of records.
type tally struct{ Delivered, Duplicate, Filtered, Dead int }

func (t tally) sum() int { return t.Delivered + t.Duplicate + t.Filtered + t.Dead }

// A ledger is what `azcollector status --json` tells.
type ledger struct {
	Contents  struct{ Pending, Delivered, Dead, Expired int }
	Records   tally
	LastError string
}

// A proof is what `azcollector prove --json` tells, and whether its exit code was 0.
type proof struct {
	Types            []typeProof
	Unlistable, Gaps []json.RawMessage
	Unprovable       []string
	Clean            bool
}

type typeProof struct {
	Offered, Pending, Missing, Young, OnlyAnnounced int

	Records tally // of what is offered
}

// total adds the types up.
func (p *proof) total() (offered, announced, absent, pending, records int) {
	for _, t := range p.Types {
		offered += t.Offered
		announced += t.OnlyAnnounced
		absent += t.Missing + t.Young
		pending += t.Pending
		records += t.Records.sum()
	}
	return offered, announced, absent, pending, records
}

// final reports whether waiting would change nothing: all that was published is
// listed and collected, and all that was told is there. What came in the second of
// the proof is not in it.
func (p *proof) final(published, told int) bool {
	_, announced, absent, pending, records := p.total()
	return absent+pending+len(p.Unlistable) == 0 && records >= published && announced >= told
}

// proveSince is longer than any demo.
const proveSince = "1h"

// settle waits until the collector has nothing left to do, by its own word and by
// what Microsoft offers. A content can be pending although all of its records
// arrived: they came under its other id, or the acknowledgement got lost. If it
// takes too long, the verdict is on what there is.
func (s *server) settle(ctx context.Context, end *outcome, book sim.Report) (err error) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for began := time.Now(); ; {
		if end.Ledger, err = s.collector.status(ctx); err != nil {
			return err
		}
		late := book.Lost > 0 || time.Since(began) > demoPatience // for the lost ones we have waited already
		if end.Ledger.Contents.Pending == 0 || late {
			if end.Proof, err = s.collector.prove(ctx); err != nil {
				return err
			}
			if late || end.Proof.final(book.Published, end.Told) {
				end.Ledger, err = s.collector.status(ctx) // the proof may have waited for the last ones
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ended:
			return errEnded
		case <-ticker.C:
		}
	}
}

func (c *collector) status(ctx context.Context) (l ledger, err error) {
	_, err = c.ask(ctx, &l, "status", "--json")
	return l, err
}

func (c *collector) prove(ctx context.Context) (p proof, err error) {
	p.Clean, err = c.ask(ctx, &p, "prove", "--json", "--since", proveSince)
	return p, err
}

// ask runs a command beside the server, which answers it, and reads its JSON. A
// command that has an answer may still fail: it says no.
func (c *collector) ask(ctx context.Context, answer any, args ...string) (ok bool, err error) {
	var out bytes.Buffer
	cmd := c.command(ctx, args...)
	cmd.Stdout = &out
	failed := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](failed); failed != nil && (!exited || out.Len() == 0) {
		return false, fmt.Errorf("ask the collector by azcollector %s: %w", args[0], failed)
	}
	if err := json.Unmarshal(out.Bytes(), answer); err != nil {
		return false, fmt.Errorf("read azcollector %s --json: %w", args[0], err)
	}
	return failed == nil, nil
}
