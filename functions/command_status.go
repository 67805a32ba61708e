package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
	"azcollector/master"
	"azcollector/updater"
)

// A configuration is what was synced from CONFIG_URL last; version 0 is none.
type configuration struct {
	Version  int64     `json:"version"`
	At       time.Time `json:"at,omitzero"`
	Tried    time.Time `json:"tried,omitzero"`
	Error    string    `json:"error,omitempty"`    // why the last one is not taken
	Unusable string    `json:"unusable,omitempty"` // why the taken one is not used
}

// A status is what the state knows of the last days.
type status struct {
	Configuration *configuration          `json:"configuration,omitempty"`
	Update        *updater.Progress       `json:"update,omitempty"`
	Contents      map[collect.State]int64 `json:"contents"`
	Records       collect.Tally           `json:"records"`
	OldestOpen    *time.Time              `json:"oldestPending,omitempty"`
	LastError     string                  `json:"lastError,omitempty"`
	// Listed says up to when each content type was listed.
	Listed map[string]listedUntil `json:"listed,omitempty"`
	Gaps   []collect.Gap          `json:"unobserved,omitempty"`
	// Due is when the next pending content is tried.
	Due           *time.Time      `json:"nextDue,omitempty"`
	DeadLetters   int             `json:"deadLetters"`
	Runs          []collect.Run   `json:"runs,omitempty"`
	Subscriptions []master.State  `json:"subscriptions,omitempty"`
	CheckIn       *master.Told    `json:"checkIn,omitempty"`
	Answer        json.RawMessage `json:"checkInAnswer,omitempty"`
	Registration  json.RawMessage `json:"registration,omitempty"`
}

type listedUntil struct {
	Until        time.Time  `json:"until"`
	FailingSince *time.Time `json:"failingSince,omitempty"`
	Error        string     `json:"error,omitempty"`
}

// showStatus prints what became of the contents, what runs, and what is wrong.
func showStatus(ctx context.Context, h *house, c *console) error {
	st, err := h.status(ctx)
	if err != nil {
		return err
	}
	if c.command.Status.JSON {
		return c.json(st)
	}
	return c.table(st.print)
}

func (h *house) status(ctx context.Context) (*status, error) {
	st := &status{Contents: map[collect.State]int64{}, Listed: map[string]listedUntil{}}
	for _, state := range collect.States {
		st.Contents[state] = 0
	}
	return st, errors.Join(
		h.countContents(ctx, st), h.countDue(ctx, st), h.readRuns(ctx, st), h.readListings(ctx, st),
		h.eachLetter(ctx, func(collect.DeadLetter) error { st.DeadLetters++; return nil }),
		h.readTold(ctx, st), h.readConfiguration(ctx, st), h.readProgress(ctx, st),
	)
}

// unsettledDays is how many days of the ledger may still change: contents live for
// seven, and clocks differ.
const unsettledDays = 9

// countContents counts the days that may still change row by row, and takes what
// master counted of the others, if it did.
func (h *house) countContents(ctx context.Context, st *status) error {
	tomorrow := time.Now().UTC().AddDate(0, 0, 1) // contents of a clock ahead of ours
	days := int(h.settings.StateRetention/(24*time.Hour)) + 2
	settled := map[string][]collect.Daily{}
	for d, err := range collect.Dailies(ctx, h.store, h.settings.TenantID) {
		if err != nil {
			return err
		}
		if tomorrow.Sub(d.Day) > unsettledDays*24*time.Hour {
			day := d.Day.Format(time.DateOnly)
			settled[day] = append(settled[day], d)
		}
	}
	for age := range days {
		day := tomorrow.AddDate(0, 0, -age)
		if all := settled[day.Format(time.DateOnly)]; len(all) > 0 && !slices.ContainsFunc(all, pendingStill) {
			for _, d := range all {
				st.addDay(d)
			}
			continue
		}
		for c, err := range h.ledger.Contents(ctx, h.settings.TenantID, day) {
			if err != nil {
				return err
			}
			st.add(c)
		}
	}
	return nil
}

func pendingStill(d collect.Daily) bool { return d.Contents[collect.Pending] > 0 }

func (st *status) addDay(d collect.Daily) {
	for state, n := range d.Contents {
		st.Contents[state] += n
	}
	st.Records.Add(d.Tally)
}

func (st *status) add(c collect.Content) {
	st.Contents[c.State]++
	st.Records.Add(c.Tally)
	if c.State == collect.Pending && (st.OldestOpen == nil || c.Created.Before(*st.OldestOpen)) {
		st.OldestOpen, st.LastError = &c.Created, c.LastError
	}
}

func (h *house) countDue(ctx context.Context, st *status) error {
	for due, err := range h.ledger.Due(ctx, h.settings.TenantID, farFuture()) {
		if err != nil {
			return err
		}
		st.Due = &due.At
		break
	}
	return nil
}

func (h *house) readConfiguration(ctx context.Context, st *status) error {
	if len(h.settings.ConfigKeys) == 0 {
		return nil
	}
	kept, err := h.keptConfig(ctx)
	if err != nil {
		return err
	}
	st.Configuration = &configuration{Version: kept.Version, At: kept.At, Tried: kept.Tried, Error: kept.Error}
	if h.config.unusable != nil {
		st.Configuration.Unusable = h.config.unusable.Error()
	}
	return nil
}

func (h *house) readRuns(ctx context.Context, st *status) error {
	for run, err := range collect.Runs(ctx, h.store, h.settings.TenantID) {
		if err != nil {
			return err
		}
		st.Runs = append(st.Runs, run)
	}
	return nil
}

func (h *house) readListings(ctx context.Context, st *status) error {
	for cursor, err := range collect.Cursors(ctx, h.store, h.settings.TenantID) {
		if err != nil {
			return err
		}
		l := listedUntil{Until: cursor.Until()}
		if !cursor.FailingSince.IsZero() {
			l.FailingSince, l.Error = &cursor.FailingSince, cursor.LastError
		}
		st.Listed[cursor.Type] = l
	}
	for gap, err := range collect.Gaps(ctx, h.store, h.settings.TenantID) {
		if err != nil {
			return err
		}
		st.Gaps = append(st.Gaps, gap)
	}
	return nil
}

// readTold reads what master told others, and what they answered.
func (h *house) readTold(ctx context.Context, st *status) (err error) {
	if st.Subscriptions, err = h.subscriptionStates(ctx); err != nil {
		return err
	}
	told, err := master.LastCheckIn(ctx, h.store, h.settings.TenantID)
	if err != nil && !errors.Is(err, collect.ErrNotFound) {
		return err
	}
	if err == nil {
		st.CheckIn = &told
		st.Answer, told.Answer = valid(told.Answer), nil
	}
	if h.registrar == nil {
		return nil
	}
	row, err := h.store.Get(ctx, h.registrar.key())
	if err != nil && !errors.Is(err, collect.ErrNotFound) {
		return err
	}
	st.Registration = valid(registrationOf(row).Answer)
	return nil
}

// valid is JSON that was kept, or nothing.
func valid(b []byte) json.RawMessage {
	if len(b) == 0 || !json.Valid(b) {
		return nil
	}
	return b
}

func (st *status) print(w io.Writer) {
	for _, state := range collect.States {
		fmt.Fprintf(w, "contents %s\t%d\n", state, st.Contents[state])
	}
	for _, row := range []struct {
		name string
		n    int64
	}{
		{"delivered", st.Records.Delivered}, {"duplicates filtered", st.Records.Duplicate},
		{"dead-lettered", st.Records.Dead}, {"revised", st.Records.Revised},
		{"unchecked", st.Records.Unchecked}, {"undated", st.Records.Undated}, {"bytes", st.Records.Bytes},
	} {
		fmt.Fprintf(w, "records %s\t%d\n", row.name, row.n)
	}
	fmt.Fprintf(w, "dead letters kept\t%d\n", st.DeadLetters)
	if st.OldestOpen != nil {
		fmt.Fprintf(w, "oldest pending\t%s\nits last error\t%s\n", st.OldestOpen.Format(time.RFC3339), wire.Printable(st.LastError))
	}
	if st.Due != nil {
		fmt.Fprintf(w, "next content due\t%s\n", st.Due.Format(time.RFC3339))
	}
	st.printListings(w)
	if c := st.Configuration; c != nil {
		fmt.Fprintf(w, "configuration\tversion %d of %s\n", c.Version, c.At.Format(time.RFC3339))
		if c.Error != "" {
			fmt.Fprintf(w, "\tnot taken: %s\n", wire.Printable(c.Error))
		}
		if c.Unusable != "" {
			fmt.Fprintf(w, "\tnot used: %s\n", wire.Printable(c.Unusable))
		}
	}
	printProgress(w, st.Update)
	st.printRuns(w)
}

func (st *status) printListings(w io.Writer) {
	for _, contentType := range contentTypes {
		l, ok := st.Listed[contentType]
		if !ok {
			continue
		}
		fmt.Fprintf(w, "%s\tlisted until %s", contentType, l.Until.Format(time.RFC3339))
		if l.FailingSince != nil {
			fmt.Fprintf(w, ", failing since %s: %s", l.FailingSince.Format(time.RFC3339), wire.Printable(l.Error))
		}
		fmt.Fprintln(w)
	}
	for _, s := range st.Subscriptions {
		hook := "no webhook"
		if s.WebhookStatus != "" {
			hook = "webhook " + s.WebhookStatus + " at " + s.Address
		}
		fmt.Fprintf(w, "subscription %s\t%s, %s\n", s.Type, wire.Printable(s.Status), wire.Printable(hook))
		if next := nextStart(s); next != "" {
			fmt.Fprintf(w, "\tnext: %s\n", wire.Printable(next))
		}
	}
	for _, gap := range st.Gaps {
		fmt.Fprintf(w, "unobserved %s\t%s until %s: %s\n", gap.Type, gap.From.Format(time.RFC3339), gap.To.Format(time.RFC3339), wire.Printable(gap.Why))
	}
}

func (st *status) printRuns(w io.Writer) {
	for _, run := range st.Runs {
		fmt.Fprintf(w, "last %s\t%s, took %v\n", run.Function, run.At.Format(time.RFC3339), run.Took.Round(time.Millisecond))
		if run.Error != "" {
			fmt.Fprintf(w, "\tfailed: %s\n", wire.Printable(run.Error))
		}
		for _, f := range run.Findings {
			code, _ := master.LookupCode(f.Code)
			fmt.Fprintf(w, "%s %s\t%s\n\t→ %s\n", f.Code, code.Name, wire.Printable(f.Text), code.Remedy)
		}
	}
	if st.CheckIn != nil {
		fmt.Fprintf(w, "last check-in\t%s: %s %s\n", st.CheckIn.At.Format(time.RFC3339), st.CheckIn.Status, st.CheckIn.ErrorCode)
		if st.CheckIn.Error != "" {
			fmt.Fprintf(w, "\tnot sent: %s\n", wire.Printable(st.CheckIn.Error))
		}
	}
	if st.Answer != nil {
		fmt.Fprintf(w, "answered\t%s\n", wire.Printable(string(st.Answer)))
	}
	if st.Registration != nil {
		fmt.Fprintf(w, "registration\t%s\n", wire.Printable(string(st.Registration)))
	}
}
