package master

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"azcollector/internal/collect"
)

const (
	day       = 24 * time.Hour
	dayLayout = "20060102"
	// unsettled is how many days of the ledger are counted anew each day: contents
	// live for seven, and one day is for the last of them to expire.
	unsettled = 8 * day
	// expiredKept is how long a count of expired contents stays to be reported.
	expiredKept = 35 * day
)

// Totals keeps what each day came to, before its rows are swept.
type Totals struct {
	Tenant string
	Store  collect.Store
	// Retention is that of the [Sweep]: a day that it may have been through is not
	// counted again.
	Retention time.Duration
	Now       func() time.Time
}

// A counted is what Totals remembers: days are named as dayLayout has it.
type counted struct {
	at      time.Time        // when it last began to count
	todo    []string         // the days that it has not counted since, in their order
	open    []string         // those that had pending contents when they were counted
	expired map[string]int64 // the contents that expired, by day and type

	key collect.Key
}

// Run counts, once a day, the days whose contents may have changed. Each day is kept
// when it is counted: however short the time, the next run goes on from there.
func (t *Totals) Run(ctx context.Context, _ []collect.Finding) ([]collect.Finding, error) {
	c, err := loadCounted(ctx, t.Store, t.Tenant)
	if err != nil {
		return nil, ofState(err)
	}
	now := t.Now().UTC()
	if !c.at.Truncate(day).Equal(now.Truncate(day)) {
		c.begin(now)
	}
	done := 0
	for range len(c.todo) {
		if err := t.next(ctx, c, now); err != nil && ctx.Err() != nil && done > 0 {
			return nil, nil // the time is up
		} else if err != nil {
			return nil, ofState(err)
		}
		done++
	}
	return nil, nil
}

// begin makes the list of days to count. What was not reached the last time comes
// first, so that it is.
func (c *counted) begin(now time.Time) {
	today := now.Truncate(day)
	add := func(of string) {
		if !slices.Contains(c.todo, of) {
			c.todo = append(c.todo, of)
		}
	}
	from := today.Add(-unsettled)
	if away := c.at.Truncate(day); away.Before(from) && !c.at.IsZero() {
		from = later(away, today.Add(-expiredKept)) // days that nobody counted when they were over
	}
	for _, of := range c.open { // however old, and none of the others as old
		add(of)
	}
	for ; from.Before(today); from = from.Add(day) {
		add(from.Format(dayLayout))
	}
	for of := range c.expired {
		if of < today.Add(-expiredKept).Format(dayLayout) {
			delete(c.expired, of)
		}
	}
	c.at = now
}

// next counts the first day of the list. Before, it is put last: one that takes
// longer than we have, or is what kills us, keeps no other from being counted.
func (t *Totals) next(ctx context.Context, c *counted, now time.Time) error {
	of := c.todo[0]
	c.todo = append(c.todo[1:], of)
	if err := c.save(ctx, t.Store); err != nil {
		return err
	}
	at, err := time.Parse(dayLayout, of)
	swept := t.Retention > 0 && now.Sub(at.Add(day)) > t.Retention // as collect.Sweep has it
	pending := false
	if err == nil && !swept {
		if pending, err = t.count(ctx, c, at); err != nil {
			return fmt.Errorf("count the contents of %s: %w", of, err)
		}
	}
	c.todo = c.todo[:len(c.todo)-1]
	c.open = slices.DeleteFunc(c.open, func(is string) bool { return is == of })
	if pending {
		c.open = append(c.open, of)
	}
	return c.save(ctx, t.Store)
}

// count keeps what a day came to, and reports whether some of it is pending.
func (t *Totals) count(ctx context.Context, c *counted, at time.Time) (pending bool, err error) {
	ledger := &collect.Ledger{Store: t.Store}
	totals, err := ledger.Totals(ctx, t.Tenant, at)
	if err != nil {
		return false, err
	}
	for contentType, d := range totals {
		if err := collect.KeepDaily(ctx, t.Store, *d); err != nil && !collect.Overtaken(err) {
			return false, err
		}
		if n := d.Contents[collect.Gone]; n > 0 {
			c.expired[at.Format(dayLayout)+"|"+contentType] = n
		}
		pending = pending || d.Contents[collect.Pending] > 0
	}
	return pending, nil
}

// typeOf is the content type of a key of expired.
func typeOf(of string) string {
	_, contentType, _ := strings.Cut(of, "|")
	return contentType
}

func loadCounted(ctx context.Context, store collect.Store, tenant string) (*counted, error) {
	c := &counted{expired: map[string]int64{}, key: collect.Key{Kind: kindCursor, Partition: collect.EscapeKey(tenant), Row: "totals"}}
	row, err := store.Get(ctx, c.key)
	if errors.Is(err, collect.ErrNotFound) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the state of totals: %w", err)
	}
	c.at, _ = row.Fields["At"].(time.Time)
	todo, _ := row.Fields["Todo"].(string)
	open, _ := row.Fields["Open"].(string)
	c.todo, c.open = strings.Fields(todo), strings.Fields(open)
	text, _ := row.Fields["Expired"].(string)
	if json.Unmarshal([]byte(text), &c.expired) != nil || c.expired == nil { // what somebody else made of it counts nothing
		c.expired = map[string]int64{}
	}
	return c, nil
}

func (c *counted) save(ctx context.Context, store collect.Store) error {
	b, err := json.Marshal(c.expired)
	if err == nil {
		err = collect.Put(ctx, store, collect.Row{Key: c.key, Fields: collect.Fields{
			"At": c.at, "Todo": strings.Join(c.todo, " "), "Open": strings.Join(c.open, " "), "Expired": string(b),
		}})
	}
	if err != nil {
		return fmt.Errorf("remember the totals: %w", err)
	}
	return nil
}
