package collect

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"
)

// kindGap holds the stretches of time that were never listed.
const kindGap = "unobserved"

// A Gap is a stretch of time of one content type that nobody can list any more:
// what became available in it is not known.
type Gap struct {
	Tenant, Type string
	From, To     time.Time
	Why          string
	Noted        time.Time
}

// gapLayout sorts by time as text, and is exact enough to be From itself.
const gapLayout = "20060102T150405.000"

// NoteGap keeps a gap. One that begins where the type's last one ends, for the
// same reason, makes that one longer; what is known for another reason keeps
// that, and only the rest is added. Noting it again changes nothing.
func NoteGap(ctx context.Context, store Store, g Gap) error {
	g.From, g.To, g.Noted = stamp(g.From), stamp(g.To), stamp(time.Now())
	g.Why = Brief(g.Why)
	row := Row{Key: g.key()}
	prefix := EscapeKey(g.Type, "")
	for is, err := range store.List(ctx, kindGap, row.Partition, prefix) {
		if err != nil {
			return fmt.Errorf("note what was not observed: %w", err)
		}
		if !strings.HasPrefix(is.Row, prefix) {
			break
		}
		before := gapOf(is)
		switch {
		case before.key() != is.Key: // somebody else's making: only in our place it is in our way
			if is.Key == row.Key {
				row.Version = is.Version
			}
		case before.From.After(g.From), before.To.Before(g.From):
		case !before.To.Before(g.To): // known
			return nil
		case before.Why == g.Why:
			row, g.From = is, before.From
		default:
			g.From = before.To
			row = Row{Key: g.key()}
		}
	}
	row.Fields = g.fields()
	if _, err := Swap(ctx, store, row); err != nil {
		return fmt.Errorf("note what was not observed: %w", err)
	}
	return nil
}

// Gaps yields a tenant's gaps, by type and time.
func Gaps(ctx context.Context, store Store, tenant string) iter.Seq2[Gap, error] {
	return func(yield func(Gap, error) bool) {
		for row, err := range store.List(ctx, kindGap, EscapeKey(tenant), "") {
			if err != nil {
				yield(Gap{}, fmt.Errorf("list what was not observed: %w", err))
				return
			}
			if !yield(gapOf(row), nil) {
				return
			}
		}
	}
}

func (g Gap) key() Key {
	return Key{kindGap, EscapeKey(g.Tenant), EscapeKey(g.Type, g.From.UTC().Format(gapLayout))}
}

func (g Gap) fields() Fields {
	return Fields{"Tenant": g.Tenant, "Type": g.Type, "From": g.From, "To": g.To, "Why": g.Why, "Noted": g.Noted}
}

func gapOf(row Row) (g Gap) {
	g.Tenant, _ = row.Fields["Tenant"].(string)
	g.Type, _ = row.Fields["Type"].(string)
	g.Why, _ = row.Fields["Why"].(string)
	g.From, _ = row.Fields["From"].(time.Time)
	g.To, _ = row.Fields["To"].(time.Time)
	g.Noted, _ = row.Fields["Noted"].(time.Time)
	return g
}
