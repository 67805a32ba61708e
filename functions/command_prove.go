package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
	"azcollector/pull"
)

// windowRetry is how often a command lists a window that cannot be.
var windowRetry = collect.Retry{Attempts: 4, First: time.Second, Most: 15 * time.Second, Patience: time.Minute}

// named is how many missing contents are printed for people; --json has all.
const named = 50

// prove compares what Microsoft offers with the ledger.
func prove(ctx context.Context, h *house, c *console) error {
	args := &c.command.Prove
	since, until, err := args.between(time.Now())
	if err != nil {
		return err
	}
	p := &pull.Prover{
		Source: pull.Source{Synchronise: h.feed.Synchronise, Now: h.feed.ServerTime, Contents: h.feed.Contents, Offer: h.ledger.Offer},
		Tenant: h.settings.TenantID, Types: h.settings.ContentStreams, Store: h.store, Retry: windowRetry,
		Recorded: h.ledger.Contents, Progress: c.progress,
	}
	proof, interrupted := p.Run(ctx, since, until)
	c.settled()
	if proof == nil {
		return interrupted
	}
	if args.JSON {
		err = c.json(provedOf(proof))
	} else {
		err = printProof(c, proof)
	}
	if err = errors.Join(interrupted, err); err != nil {
		return err
	}
	if args.Repair {
		fresh, err := p.Repair(ctx, proof)
		fmt.Fprintf(c.stderr, "queued %d contents\n", fresh)
		if err != nil {
			return err
		}
	}
	if !proof.Clean() {
		return errQuiet
	}
	return nil
}

// A proved is a proof for machines.
type proved struct {
	Since      time.Time      `json:"since"`
	Until      time.Time      `json:"until"`
	Clean      bool           `json:"clean"`
	Types      []provedType   `json:"types"`
	Missing    []provedOne    `json:"missing"`
	Unlistable []provedWindow `json:"unlistable"`
	Unobserved []provedWindow `json:"unobserved"`
	Unprovable []string       `json:"unprovable"`
}

type provedType struct {
	Type          string        `json:"type"`
	Offered       int           `json:"offered"`
	Delivered     int           `json:"delivered"`
	Pending       int           `json:"pending"`
	Dead          int           `json:"dead"`
	Expired       int           `json:"expired"`
	Missing       int           `json:"missing"`
	Young         int           `json:"young"`
	OnlyAnnounced int           `json:"onlyAnnounced"`
	Unlisted      int           `json:"unlisted"`
	Lost          int           `json:"lost"`
	Records       collect.Tally `json:"records"`
}

type provedOne struct {
	Type    string    `json:"type"`
	ID      string    `json:"contentId"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

type provedWindow struct {
	Type string    `json:"type"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Why  string    `json:"why"`
}

func provedOf(p *pull.Proof) proved {
	v := proved{
		Since: p.Since, Until: p.Until, Clean: p.Clean(), Unprovable: p.Unprovable,
		Types: []provedType{}, Missing: []provedOne{}, Unlistable: []provedWindow{}, Unobserved: []provedWindow{},
	}
	for _, t := range p.Types {
		v.Types = append(v.Types, provedType{
			t.Type, t.Offered, t.Delivered, t.Pending, t.Dead, t.Expired, t.Missing, t.Young, t.OnlyAnnounced, t.Unlisted, t.Lost, t.Records,
		})
		for _, c := range t.MissingContents {
			v.Missing = append(v.Missing, provedOne{c.Type, c.ID, c.Created, c.Expires})
		}
	}
	for _, w := range p.Unlistable {
		v.Unlistable = append(v.Unlistable, provedWindow{w.Type, w.From, w.To, w.Err.Error()})
	}
	for _, g := range p.Gaps {
		v.Unobserved = append(v.Unobserved, provedWindow{g.Type, g.From, g.To, g.Why})
	}
	return v
}

func printProof(c *console, p *pull.Proof) error {
	fmt.Fprintf(c.stdout, "from %s until %s\n\n", p.Since.Format(time.RFC3339), p.Until.Format(time.RFC3339))
	err := c.table(func(w io.Writer) {
		fmt.Fprintln(w, "TYPE\tOFFERED\tDELIVERED\tPENDING\tDEAD\tEXPIRED\tMISSING\tYOUNG\tRECORDS\tDUPLICATES\tDEAD RECORDS\tONLY ANNOUNCED\tUNLISTED")
		for _, t := range p.Types {
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", t.Type, t.Offered, t.Delivered, t.Pending, t.Dead,
				t.Expired+t.Lost, t.Missing, t.Young, t.Records.Delivered, t.Records.Duplicate, t.Records.Dead, t.OnlyAnnounced, t.Unlisted)
		}
	})
	fmt.Fprintln(c.stdout)
	for _, t := range p.Types {
		for i, content := range t.MissingContents {
			if i == named {
				fmt.Fprintf(c.stdout, "missing: %d more of %s; --json names them\n", t.Missing-named, t.Type)
				break
			}
			fmt.Fprintf(c.stdout, "missing: %s %s, created %s\n", t.Type, wire.Printable(content.ID), content.Created.Format(time.RFC3339))
		}
	}
	for _, gap := range p.Gaps {
		fmt.Fprintf(c.stdout, "unobserved: %s from %s until %s: %s\n", gap.Type, gap.From.Format(time.RFC3339), gap.To.Format(time.RFC3339), wire.Printable(gap.Why))
	}
	for _, sentence := range p.Unprovable {
		fmt.Fprintf(c.stdout, "not known: %s\n", wire.Printable(sentence))
	}
	verdict := "Something is missing: see above."
	if p.Clean() {
		verdict = "Nothing is missing."
	}
	_, failed := fmt.Fprintln(c.stdout, "\n"+verdict)
	return errors.Join(err, failed)
}

// backfill queues everything that is offered of a time.
func backfill(ctx context.Context, h *house, c *console) error {
	args := &c.command.Backfill
	since, until, err := args.between(time.Now())
	if err != nil {
		return err
	}
	b := &pull.Backfill{
		Source: pull.Source{Synchronise: h.feed.Synchronise, Now: h.feed.ServerTime, Contents: h.feed.Contents, Offer: h.ledger.Offer},
		Tenant: h.settings.TenantID, Types: h.settings.ContentStreams, Store: h.store, Retry: windowRetry,
		Progress: c.progress,
	}
	done, err := b.Run(ctx, since, until)
	c.settled()
	if err != nil {
		return fmt.Errorf("%w\nwhat was queued stays queued; the same command goes on from there", err)
	}
	if args.JSON {
		return c.json(map[string]any{"since": done.Since, "until": done.Until, "listed": done.Listed, "queued": done.Fresh})
	}
	_, err = fmt.Fprintf(c.stdout, "from %s until %s: %d contents offered, %d queued now\n",
		done.Since.Format(time.RFC3339), done.Until.Format(time.RFC3339), done.Listed, done.Fresh)
	return err
}
