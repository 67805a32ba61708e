package master

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// A counted is what Totals remembers: when it counted, the first day that is not
// all finished, and the contents that expired, by day and type.
type counted struct {
	at      time.Time
	open    time.Time
	expired map[string]int64

	key collect.Key
}

// Run counts, once a day, the days whose contents may have changed.
func (t *Totals) Run(ctx context.Context, _ []collect.Finding) ([]collect.Finding, error) {
	c, err := loadCounted(ctx, t.Store, t.Tenant)
	if err != nil {
		return nil, ofState(err)
	}
	now := t.Now().UTC()
	today := now.Truncate(day)
	if c.at.Truncate(day).Equal(today) {
		return nil, nil
	}
	from := today.Add(-unsettled)
	if !c.open.IsZero() && c.open.Before(from) {
		from = c.open
	}
	for ; t.Retention > 0 && now.Sub(from.Add(day)) > t.Retention; from = from.Add(day) { // swept, as collect.Sweep has it
	}
	c.at, c.open = now, time.Time{}
	for ; from.Before(today); from = from.Add(day) {
		if err := t.count(ctx, c, from); err != nil {
			return nil, ofState(err)
		}
	}
	for of := range c.expired {
		if of < today.Add(-expiredKept).Format(dayLayout) {
			delete(c.expired, of)
		}
	}
	return nil, ofState(c.save(ctx, t.Store))
}

func (t *Totals) count(ctx context.Context, c *counted, at time.Time) error {
	ledger := &collect.Ledger{Store: t.Store}
	totals, err := ledger.Totals(ctx, t.Tenant, at)
	if err != nil {
		return err
	}
	for contentType, d := range totals {
		if err := collect.KeepDaily(ctx, t.Store, *d); err != nil && !errors.Is(err, collect.ErrExists) && !errors.Is(err, collect.ErrChanged) {
			return err
		}
		if n := d.Contents[collect.Gone]; n > 0 {
			c.expired[at.Format(dayLayout)+"|"+contentType] = n
		}
		if d.Contents[collect.Pending] > 0 && c.open.IsZero() {
			c.open = at
		}
	}
	return nil
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
	c.open, _ = row.Fields["Open"].(time.Time)
	text, _ := row.Fields["Expired"].(string)
	if json.Unmarshal([]byte(text), &c.expired) != nil || c.expired == nil { // what somebody else made of it counts nothing
		c.expired = map[string]int64{}
	}
	return c, nil
}

func (c *counted) save(ctx context.Context, store collect.Store) error {
	b, err := json.Marshal(c.expired)
	if err == nil {
		err = put(ctx, store, c.key, collect.Fields{"At": c.at, "Open": c.open, "Expired": string(b)})
	}
	if err != nil {
		return fmt.Errorf("remember the totals: %w", err)
	}
	return nil
}
