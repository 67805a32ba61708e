package collect

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// kindDaily holds totals per tenant, type and day: what remains of the ledger
// once its rows are swept.
const kindDaily = "daily"

// A Daily counts the contents of one type that were created on one day (UTC).
type Daily struct {
	Tenant, Type string
	Day          time.Time
	Contents     map[State]int64
	Tally
}

// Totals counts one day of the ledger, by type.
func (l *Ledger) Totals(ctx context.Context, tenant string, day time.Time) (map[string]*Daily, error) {
	totals := map[string]*Daily{}
	for c, err := range l.Contents(ctx, tenant, day) {
		if err != nil {
			return nil, err
		}
		d := totals[c.Type]
		if d == nil {
			d = &Daily{Tenant: tenant, Type: c.Type, Day: day.UTC().Truncate(24 * time.Hour), Contents: map[State]int64{}}
			totals[c.Type] = d
		}
		d.Contents[c.State]++
		d.Add(c.Tally)
	}
	return totals, nil
}

// KeepDaily writes a day's total, over an earlier count of the same day.
func KeepDaily(ctx context.Context, store Store, d Daily) error {
	row := Row{
		Key:    Key{kindDaily, EscapeKey(d.Tenant), EscapeKey(d.Day.UTC().Format("20060102"), d.Type)},
		Fields: Fields{"Tenant": d.Tenant, "Type": d.Type, "Day": d.Day.UTC()},
	}
	for _, state := range States {
		row.Fields["Contents"+string(state)] = d.Contents[state]
	}
	for name, n := range d.Tally.all() {
		row.Fields[name] = *n
	}
	if err := Put(ctx, store, row); err != nil {
		return fmt.Errorf("keep a day's totals: %w", err)
	}
	return nil
}

// Dailies yields a tenant's kept totals, by day and type.
func Dailies(ctx context.Context, store Store, tenant string) iter.Seq2[Daily, error] {
	return func(yield func(Daily, error) bool) {
		for row, err := range store.List(ctx, kindDaily, EscapeKey(tenant), "") {
			if err != nil {
				yield(Daily{}, fmt.Errorf("list days' totals: %w", err))
				return
			}
			if !yield(dailyOf(row), nil) {
				return
			}
		}
	}
}

func dailyOf(row Row) Daily {
	d := Daily{Contents: map[State]int64{}}
	d.Tenant, _ = row.Fields["Tenant"].(string)
	d.Type, _ = row.Fields["Type"].(string)
	d.Day, _ = row.Fields["Day"].(time.Time)
	for _, state := range States {
		d.Contents[state], _ = row.Fields["Contents"+string(state)].(int64)
	}
	for name, n := range d.Tally.all() {
		*n, _ = row.Fields[name].(int64)
	}
	return d
}
