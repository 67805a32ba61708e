package pull_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/pull"
)

func TestListerAsksForWholeHours(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 34, 56, 0, time.FixedZone("", 3600)) // 11:34:56 UTC
	lost := errors.New("connection reset")
	unwritable := errors.New("the store is down")
	for _, test := range []struct {
		name       string
		lookback   time.Duration
		listFails  string // the window in which listing breaks behind its first content
		offerFails string // the content that cannot be recorded
		windows    []string
		reported   []string
		offered    int
		want       error
	}{
		{"to the hour", 2 * time.Hour, "", "", []string{"09:00-10:00", "10:00-11:00", "11:00-11:34"}, []string{"09:00 2/1", "10:00 2/1", "11:00 2/1"}, 6, nil},
		{"within the hour", time.Minute, "", "", []string{"11:00-11:34"}, []string{"11:00 2/1"}, 2, nil},
		{"nothing back", 0, "", "", []string{"11:00-11:34"}, []string{"11:00 2/1"}, 2, nil},
		{"one window cannot be listed", 2 * time.Hour, "10:00", "", []string{"09:00-10:00", "10:00-11:00", "11:00-11:34"}, []string{"09:00 2/1", "11:00 2/1"}, 5, lost},
		{"one content cannot be recorded", time.Hour, "", "10:00 0", []string{"10:00-11:00", "11:00-11:34"}, []string{"11:00 2/1"}, 3, unwritable},
	} {
		t.Run(test.name, func(t *testing.T) {
			var windows, reported []string
			offered := 0
			l := &pull.Lister{
				Tenants: []string{"t"}, Types: []string{"Audit.General"}, Lookback: test.lookback,
				Now: func() time.Time { return now },
				Contents: func(_ context.Context, _, _ string, from, to time.Time) iter.Seq2[collect.Content, error] {
					windows = append(windows, from.Format("15:04")+"-"+to.Format("15:04"))
					return func(yield func(collect.Content, error) bool) {
						for i := range 2 {
							if i == 1 && from.Format("15:04") == test.listFails {
								yield(collect.Content{}, lost)
								return
							}
							if !yield(collect.Content{ID: fmt.Sprint(from.Format("15:04 "), i)}, nil) {
								return
							}
						}
					}
				},
				Offer: func(_ context.Context, c collect.Content) (bool, error) {
					offered++
					if c.ID == test.offerFails {
						return false, unwritable
					}
					return strings.HasSuffix(c.ID, "0"), nil
				},
				Report: func(_ string, from, _ time.Time, listed, fresh int) {
					reported = append(reported, fmt.Sprintf("%s %d/%d", from.Format("15:04"), listed, fresh))
				},
			}
			if err := l.Run(t.Context()); !errors.Is(err, test.want) {
				t.Errorf("got %v", err)
			}
			if !slices.Equal(windows, test.windows) || !slices.Equal(reported, test.reported) || offered != test.offered {
				t.Errorf("windows %q, reported %q, %d offered", windows, reported, offered)
			}
		})
	}
}

func TestListerAsksForEveryTenantAndTypeUntilItIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var asked []string
	l := &pull.Lister{
		Tenants: []string{"t", "u"}, Types: []string{"A", "B"},
		Now: func() time.Time { return time.Date(2026, 11, 1, 12, 30, 0, 0, time.UTC) },
		Contents: func(_ context.Context, tenant, contentType string, _, _ time.Time) iter.Seq2[collect.Content, error] {
			asked = append(asked, tenant+contentType)
			return func(func(collect.Content, error) bool) {}
		},
		Report: func(string, time.Time, time.Time, int, int) {
			if len(asked) == 7 {
				stop()
			}
		},
	}
	if err := l.Run(ctx); err != nil || strings.Join(asked, " ") != "tA tB uA uB" {
		t.Errorf("asked %q, %v", asked, err)
	}
	if err := l.Run(ctx); !errors.Is(err, context.Canceled) || len(asked) != 7 {
		t.Errorf("asked %q, %v", asked, err)
	}
}

// The API refuses a window that begins more than seven days back, and with it
// what of that hour it still has.
func TestListerStaysWithinSevenDays(t *testing.T) {
	now := time.Date(2026, 11, 8, 12, 34, 0, 0, time.UTC)
	var first string
	windows := 0
	l := &pull.Lister{
		Tenants: []string{"t"}, Types: []string{"Audit.General"}, Lookback: 7 * 24 * time.Hour,
		Now: func() time.Time { return now },
		Contents: func(_ context.Context, _, _ string, from, to time.Time) iter.Seq2[collect.Content, error] {
			if windows++; windows == 1 {
				first = from.Format("2 15:04-") + to.Format("15:04")
			}
			if now.Sub(from) >= 7*24*time.Hour || !from.Before(to) {
				t.Errorf("asked from %s to %s", from, to)
			}
			now = now.Add(30 * time.Second) // a slow run
			return func(func(collect.Content, error) bool) {}
		},
		Report: func(string, time.Time, time.Time, int, int) {},
	}
	if err := l.Run(t.Context()); err != nil || first != "1 12:39-13:00" || windows != 169 {
		t.Errorf("%d windows, the first %s, %v", windows, first, err)
	}
}
