package pull_test

import (
	"bytes"
	"testing"
	"time"

	"azcollector/internal/collect"
)

// Somebody moves a cursor on, or breaks it: what was not listed yet is not given up for
// that, and it is told.
func TestForgedCursor(t *testing.T) {
	for name, change := range map[string]func(f collect.Fields, now time.Time){
		"it begins an hour ago": func(f collect.Fields, now time.Time) {
			f["Begin"], f["Listed"] = now.Add(-time.Hour).Truncate(time.Hour), []byte{}
		},
		"it begins next year":            func(f collect.Fields, now time.Time) { f["Begin"] = now.AddDate(1, 0, 0).Truncate(time.Hour) },
		"it begins in the year 9999":     func(f collect.Fields, _ time.Time) { f["Begin"] = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) },
		"it lists what is to come":       func(f collect.Fields, _ time.Time) { f["Listed"] = bytes.Repeat([]byte{0xff}, 64<<10) },
		"it is another tenant's":         func(f collect.Fields, _ time.Time) { f["Tenant"] = "00000000-0000-4000-8000-000000000001" },
		"its fields are of another type": func(f collect.Fields, _ time.Time) { f["Begin"], f["Listed"] = "now", int64(1) },
	} {
		t.Run(name, func(t *testing.T) {
			h := build(t, general)
			var odd int
			h.Odd = func(of, contentType string) {
				if of != tenant || contentType != general {
					t.Errorf("told of %s %s", of, contentType)
				}
				odd++
			}
			h.run()
			h.pass(10 * time.Hour) // we were away
			late := h.publish(general, 8*time.Hour)
			key := collect.Key{Kind: "cursor", Partition: collect.EscapeKey(tenant), Row: collect.EscapeKey("pull", general)}
			row, err := h.store.Get(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			change(row.Fields, h.clock())
			if _, err := h.store.Store.Replace(t.Context(), row); err != nil {
				t.Fatal(err)
			}
			h.run()
			if !h.recorded(late) || odd != 1 {
				t.Errorf("recorded: %t, told %d times", h.recorded(late), odd)
			}
			h.wantUntil(general, h.clock())
			h.pass(time.Minute)
			h.run()
			if odd != 1 {
				t.Errorf("told %d times", odd)
			}
		})
	}
}

// A content whose row is not what the list said is offered again at the next pass.
func TestForget(t *testing.T) {
	h := build(t, general)
	c := h.publish(general, time.Minute)
	h.run()
	h.pass(time.Minute)
	h.run()
	if h.offers != 1 {
		t.Fatalf("%d offers before", h.offers)
	}
	h.Forget(c)
	h.pass(time.Minute)
	h.run()
	if h.offers != 2 {
		t.Errorf("%d offers", h.offers)
	}
}
