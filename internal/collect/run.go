package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// kindTenant holds what there is one of per tenant.
const kindTenant = "tenant"

// A Finding is something wrong that an administrator can mend. Its code is one of
// docs/operations.md.
type Finding struct {
	Code string `json:"code"`
	Text string `json:"text"` // what is wrong, and what to do
}

// A Run is the last invocation of a function, by whichever process.
type Run struct {
	Function string        `json:"function"`
	At       time.Time     `json:"at"`
	Took     time.Duration `json:"took"`
	Error    string        `json:"error,omitempty"`
	Findings []Finding     `json:"findings,omitempty"`
}

// most of what a run keeps of its findings and error, in bytes: a property of
// Table Storage holds 32,768 UTF-16 units.
const maxRunText = 30_000

// KeepRun writes a function's last run.
func KeepRun(ctx context.Context, store Store, tenant string, r Run) error {
	r.Error = strings.ToValidUTF8(r.Error[:min(len(r.Error), 4*maxBrief)], "")
	r.Findings = slices.Clone(r.Findings)
	for i := range r.Findings {
		r.Findings[i].Text = Brief(r.Findings[i].Text)
	}
	b, err := json.Marshal(r)
	for err == nil && len(b) > maxRunText && len(r.Findings) > 0 {
		r.Findings = r.Findings[:len(r.Findings)-1]
		b, err = json.Marshal(r)
	}
	if err != nil {
		return fmt.Errorf("keep the last run of %s: %w", r.Function, err)
	}
	row := Row{Key: Key{kindTenant, EscapeKey(tenant), EscapeKey("run", r.Function)}, Fields: Fields{"Run": string(b)}}
	if err := Put(ctx, store, row); err != nil {
		return fmt.Errorf("keep the last run of %s: %w", r.Function, err)
	}
	return nil
}

// Runs yields the last run of each function.
func Runs(ctx context.Context, store Store, tenant string) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		for row, err := range store.List(ctx, kindTenant, EscapeKey(tenant), "run|") {
			if err != nil {
				yield(Run{}, fmt.Errorf("list runs: %w", err))
				return
			}
			if !strings.HasPrefix(row.Row, "run|") {
				return
			}
			var r Run
			text, _ := row.Fields["Run"].(string)
			if json.Unmarshal([]byte(text), &r) == nil && !yield(r, nil) {
				return
			}
		}
	}
}
