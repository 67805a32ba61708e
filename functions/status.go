package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// statusDays is how far back status counts: the default of STATE_RETENTION.
const statusDays = 35

// A status is what the ledger knows of the last days.
type status struct {
	Contents   map[collect.State]int64 `json:"contents"`
	Records    collect.Tally           `json:"records"`
	OldestOpen *time.Time              `json:"oldestPending,omitempty"`
	LastError  string                  `json:"lastError,omitempty"`
}

// status prints what became of the contents. It opens the store itself, so the
// embedded one must not be in use.
func (p *program) status(ctx context.Context) int {
	return p.openStore(func(s Settings, store collect.Store) error {
		st, err := readStatus(ctx, store, s.TenantID)
		if err != nil {
			return err
		}
		return st.print(p.stdout, p.command.Status.JSON)
	})
}

func readStatus(ctx context.Context, store collect.Store, tenant string) (*status, error) {
	st := &status{Contents: map[collect.State]int64{collect.Pending: 0, collect.Done: 0, collect.Dead: 0, collect.Gone: 0}}
	ledger := &collect.Ledger{Store: store}
	tomorrow := time.Now().UTC().AddDate(0, 0, 1) // contents of a clock ahead of ours
	for day := range statusDays + 1 {
		for c, err := range ledger.Contents(ctx, tenant, tomorrow.AddDate(0, 0, -day)) {
			if err != nil {
				return nil, err
			}
			st.add(c)
		}
	}
	return st, nil
}

func (st *status) add(c collect.Content) {
	st.Contents[c.State]++
	st.Records.Add(c.Tally)
	if c.State == collect.Pending && (st.OldestOpen == nil || c.Created.Before(*st.OldestOpen)) {
		st.OldestOpen, st.LastError = &c.Created, c.LastError
	}
}

func (st *status) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(st)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, state := range []collect.State{collect.Pending, collect.Done, collect.Dead, collect.Gone} {
		fmt.Fprintf(t, "contents %s\t%d\n", state, st.Contents[state])
	}
	for _, row := range []struct {
		name string
		n    int64
	}{
		{"delivered", st.Records.Delivered}, {"duplicates filtered", st.Records.Duplicate},
		{"dead-lettered", st.Records.Dead}, {"revised", st.Records.Revised},
		{"unchecked", st.Records.Unchecked}, {"undated", st.Records.Undated}, {"bytes", st.Records.Bytes},
	} {
		fmt.Fprintf(t, "records %s\t%d\n", row.name, row.n)
	}
	if st.OldestOpen != nil {
		fmt.Fprintf(t, "oldest pending\t%s\nits last error\t%s\n", st.OldestOpen.Format(time.RFC3339), wire.Printable(st.LastError))
	}
	return t.Flush()
}

// deadLetters lists the records that no destination took.
func (p *program) deadLetters(ctx context.Context) int {
	return p.openStore(func(s Settings, store collect.Store) error {
		t := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
		for letter, err := range collect.DeadLetters(ctx, store, s.TenantID) {
			if err != nil {
				return err
			}
			if p.command.Deadletter.List.JSON {
				if err := json.NewEncoder(p.stdout).Encode(letter); err != nil {
					return err
				}
				continue
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t#%d\t%d bytes\t%s\t%s\n", letter.Kept.Format(time.RFC3339), letter.ContentType,
				wire.Printable(letter.ContentID), letter.Ordinal, letter.Bytes, wire.Printable(letter.RecordID), wire.Printable(letter.Reason))
		}
		return t.Flush()
	})
}
