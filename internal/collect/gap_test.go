package collect_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"azcollector/internal/collect"
)

// hole is a gap from one hour after [created] to another.
func hole(from, to float64, why string) collect.Gap {
	at := func(hours float64) time.Time { return created.Add(time.Duration(hours * float64(time.Hour))) }
	return collect.Gap{Tenant: tenant, Type: "Audit.General", From: at(from), To: at(to), Why: why}
}

// holes are a tenant's gaps, written as a test has them.
func holes(t *testing.T, s *store) (all []string) {
	t.Helper()
	for g, err := range collect.Gaps(t.Context(), s.Store, tenant) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %v-%v %s", g.Type[len("Audit."):], g.From.Sub(created).Hours(), g.To.Sub(created).Hours(), g.Why))
	}
	return all
}

func TestGaps(t *testing.T) {
	ofType := func(g collect.Gap, name string) collect.Gap { g.Type = "Audit." + name; return g }
	for _, test := range []struct {
		name  string
		notes []collect.Gap
		want  []string
	}{
		{"one", []collect.Gap{hole(0, 1, "x")}, []string{"General 0-1 x"}},
		{"the next hour", []collect.Gap{hole(0, 1, "x"), hole(1, 2, "x"), hole(2, 3, "x")}, []string{"General 0-3 x"}},
		{"longer", []collect.Gap{hole(0, 1, "x"), hole(0, 5, "x")}, []string{"General 0-5 x"}},
		{"over its end", []collect.Gap{hole(0, 2, "x"), hole(1, 3, "x")}, []string{"General 0-3 x"}},
		{"apart", []collect.Gap{hole(0, 1, "x"), hole(2, 3, "x")}, []string{"General 0-1 x", "General 2-3 x"}},
		{"within, for another reason", []collect.Gap{hole(0, 9, "x"), hole(2, 3, "y"), hole(0, 9, "y")}, []string{"General 0-9 x"}},
		{"the next hour, for another reason", []collect.Gap{hole(0, 1, "x"), hole(1, 2, "y"), hole(2, 3, "y")}, []string{"General 0-1 x", "General 1-3 y"}},
		{"longer, for another reason", []collect.Gap{hole(0, 1, "x"), hole(0, 3, "y")}, []string{"General 0-1 x", "General 1-3 y"}},
		{"over the end of two", []collect.Gap{hole(0, 1, "x"), hole(1, 2, "y"), hole(0.5, 4, "z")}, []string{"General 0-1 x", "General 1-2 y", "General 2-4 z"}},
		{"types that begin alike", []collect.Gap{
			hole(0, 1, "x"), ofType(hole(0, 1, "x"), "GeneralX"), ofType(hole(0, 1, "x"), "Gen"),
			hole(1, 2, "x"), ofType(hole(1, 2, "x"), "GeneralX"), ofType(hole(1, 2, "x"), "Gen"),
		}, []string{"GeneralX 0-2 x", "General 0-2 x", "Gen 0-2 x"}},
		{"between milliseconds", []collect.Gap{hole(0, 1+1e-11, "x"), hole(1+1e-11, 2, "x")}, []string{"General 0-2 x"}},
		{"before the first", []collect.Gap{hole(5, 6, "x"), hole(1, 2, "x")}, []string{"General 1-2 x", "General 5-6 x"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(t)
			for range 2 { // noted again, all of it, nothing changes
				for _, g := range test.notes {
					if err := collect.NoteGap(t.Context(), s, g); err != nil {
						t.Fatal(err)
					}
				}
				if got := holes(t, s); !slices.Equal(got, test.want) {
					t.Errorf("got %q, want %q", got, test.want)
				}
			}
		})
	}
}

// Killed or answered wrongly anywhere, and done again: the gap is there once.
func TestNoteGapSurvivesAKill(t *testing.T) {
	for _, how := range []fate{lost, unheard, dies, dying} {
		for _, known := range []bool{false, true} {
			t.Run(fmt.Sprint(how, ", longer ", known), func(t *testing.T) {
				s := open(t)
				want := "General 1-2 x"
				if known {
					want = "General 0-2 x"
					if err := collect.NoteGap(t.Context(), s.Store, hole(0, 1, "x")); err != nil {
						t.Fatal(err)
					}
				}
				s.fate = nth("unobserved", 1, how)
				if err := collect.NoteGap(t.Context(), s, hole(1, 2, "x")); !errors.Is(err, errStore) {
					t.Fatalf("got %v", err)
				}
				if err := collect.NoteGap(t.Context(), s.Store, hole(1, 2, "x")); err != nil {
					t.Fatal(err)
				}
				if got := holes(t, s); !slices.Equal(got, []string{want}) {
					t.Errorf("got %q", got)
				}
			})
		}
	}
}

// Rows of somebody else's making neither hide a gap nor keep one from being noted.
func TestTamperedGapRows(t *testing.T) {
	at := func(hour int) string {
		return created.Add(time.Duration(hour) * time.Hour).Format("20060102T150405.000")
	}
	for _, row := range []string{"Audit.General|", "Audit.General|0", "Audit.General|" + at(0), "Audit.General|" + at(1), "Audit.General|Z", "Audit.Generalx"} {
		for _, fields := range []collect.Fields{{}, {"Type": int64(1)}, {"Type": "Audit.General", "To": created.AddDate(100, 0, 0)}} {
			t.Run(fmt.Sprint(row, fields), func(t *testing.T) {
				s := open(t)
				note := func(g collect.Gap) {
					if err := collect.NoteGap(t.Context(), s, g); err != nil {
						t.Fatal(err)
					}
				}
				note(hole(0, 1, "x"))
				_, err := s.Insert(t.Context(), collect.Row{Key: collect.Key{Kind: "unobserved", Partition: tenant, Row: row}, Fields: fields})
				if err != nil && !errors.Is(err, collect.ErrExists) {
					t.Fatal(err)
				}
				note(hole(1, 2, "x"))
				note(hole(1, 3, "y"))
				found := map[string]bool{}
				for g, err := range collect.Gaps(context.Background(), s, tenant) {
					if err != nil {
						t.Fatal(err)
					}
					found[fmt.Sprintf("%s-%s %s", g.From.Format("15"), g.To.Format("15"), g.Why)] = true
				}
				if !found["12-14 x"] || !found["14-15 y"] {
					t.Errorf("found %v", found)
				}
			})
		}
	}
}
