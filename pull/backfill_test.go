package pull_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/pull"
)

func (h *house) backfill() *pull.Backfill {
	return &pull.Backfill{
		Source: h.whence(), Tenant: tenant, Types: h.Types, Store: h.store,
	}
}

// positions are the rows that a backfill keeps.
func (h *house) positions() (rows []string) {
	h.t.Helper()
	for row, err := range h.store.List(h.t.Context(), "cursor", collect.EscapeKey(tenant), "backfill|") {
		if err != nil {
			h.t.Fatal(err)
		}
		rows = append(rows, row.Row)
	}
	return slices.DeleteFunc(rows, func(row string) bool { return row[0] != 'b' })
}

func TestBackfillOffersWholeHours(t *testing.T) {
	h := build(t, general)
	in, also, out := h.publish(general, 5*time.Hour), h.publish(general, 5*time.Hour-30*time.Minute), h.publish(general, 8*time.Hour)
	got, err := h.backfill().Run(t.Context(), noon.Add(-5*time.Hour), noon.Add(-4*time.Hour))
	want := pull.Backfilled{Since: noon.Truncate(time.Hour).Add(-5 * time.Hour), Until: noon.Truncate(time.Hour).Add(-3 * time.Hour), Listed: 2, Fresh: 2}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if !h.recorded(in) || !h.recorded(also) || h.recorded(out) || h.positions() != nil {
		t.Errorf("positions %q", h.positions())
	}
	if got, err := h.backfill().Run(t.Context(), noon.Add(-5*time.Hour), noon.Add(-4*time.Hour)); err != nil || got.Fresh != 0 || got.Listed != 2 {
		t.Errorf("again: %+v, %v", got, err)
	}
}

func TestBackfillIsCutToWhatIsListed(t *testing.T) {
	h := build(t, general)
	h.slow = time.Second
	got, err := h.backfill().Run(t.Context(), noon.Add(-9*day), noon.Add(day))
	if err != nil || !got.Since.Equal(noon.Add(-reach)) || !got.Until.Equal(noon) || len(h.take()) != 169 {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := h.backfill().Run(t.Context(), noon.Add(-9*day), noon.Add(-8*day)); err == nil {
		t.Error("a range out of reach was filled")
	}
}

// However it ends, running it again lists what is left and nothing twice but the
// window in hand.
func TestBackfillGoesOn(t *testing.T) {
	since, until := noon.Add(-10*time.Hour).Truncate(time.Hour), noon.Truncate(time.Hour)
	for _, test := range []struct {
		name string
		end  func(h *house, stop func())
		mend func(h *house)
		most int // requests of both runs, 20 windows
	}{
		{"stopped", func(h *house, stop func()) {
			n := 0
			h.during = func(request) {
				if n++; n == 15 {
					stop()
				}
			}
		}, func(*house) {}, 21},
		{"a window that cannot be listed", func(h *house, _ func()) {
			h.failing(func(contentType string, from time.Time) error {
				if contentType == general && from.Equal(since.Add(3*time.Hour)) {
					return errDown
				}
				return nil
			})
		}, func(h *house) { h.failing(nil) }, 21},
		{"the position is not written", func(h *house, _ func()) { h.store.breaks("cursor", lost) }, func(h *house) { h.store.breaks("", works) }, 22},
		{"a content is not recorded", func(h *house, _ func()) { h.store.breaks("content", lost) }, func(h *house) { h.store.breaks("", works) }, 22},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := build(t, "Audit.Exchange", general)
			var contents []collect.Content
			for i := range 20 {
				contents = append(contents, h.publish(h.Types[i%2], 35*time.Minute+time.Duration(i/2)*time.Hour))
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			test.end(h, stop)
			first, err := h.backfill().Run(ctx, since, until)
			if err == nil || !errors.Is(err, errDown) && !errors.Is(err, errStore) && !errors.Is(err, context.Canceled) {
				t.Errorf("got %+v, %v", first, err)
			}
			test.mend(h)
			second, err := h.backfill().Run(t.Context(), since, until)
			if err != nil || h.positions() != nil {
				t.Errorf("then %v, positions %q", err, h.positions())
			}
			for _, c := range contents {
				if !h.recorded(c) {
					t.Errorf("%s is not recorded", c)
				}
			}
			if asked := len(h.take()); asked > test.most || asked < 20 {
				t.Errorf("%d requests: %+v, then %+v", asked, first, second)
			}
		})
	}
}

// The current hour is taken as far as it went, and again when the backfill goes on.
func TestBackfillTakesAnUnfinishedHourAgain(t *testing.T) {
	h := build(t, "Audit.Exchange", general)
	h.failing(func(contentType string, _ time.Time) error {
		if contentType == general {
			return errDown
		}
		return nil
	})
	since := noon.Add(-2 * time.Hour)
	if _, err := h.backfill().Run(t.Context(), since, noon); !errors.Is(err, errDown) {
		t.Errorf("got %v", err)
	}
	h.pass(20 * time.Minute)
	after := h.publish("Audit.Exchange", 10*time.Minute)
	h.failing(nil)
	h.take()
	if _, err := h.backfill().Run(t.Context(), since, h.clock()); err != nil || !h.recorded(after) {
		t.Errorf("got %v; what came in the meantime is recorded: %t", err, h.recorded(after))
	}
	if asked := h.take(); asked[0].contentType != "Audit.Exchange" || len(asked) != 1+3 {
		t.Errorf("asked %v", asked)
	}
}

func TestBackfillDoesNotBelieveAnImpossiblePosition(t *testing.T) {
	h := build(t, general)
	c := h.publish(general, time.Hour)
	since, until := noon.Add(-2*time.Hour), noon
	ctx, stop := context.WithCancel(t.Context())
	n := 0
	h.during = func(request) {
		if n++; n == 2 {
			stop()
		}
	}
	_, _ = h.backfill().Run(ctx, since, until)
	key := collect.Key{Kind: "cursor", Partition: collect.EscapeKey(tenant), Row: h.positions()[0]}
	row, err := h.store.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	row.Fields["Next"] = noon.Add(100 * day)
	if _, err := h.store.Replace(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	h.during = nil
	if _, err := h.backfill().Run(t.Context(), since, until); err != nil || !h.recorded(c) {
		t.Errorf("got %v", err)
	}
}
