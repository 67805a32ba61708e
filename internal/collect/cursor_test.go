package collect_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"azcollector/internal/collect"
)

// at is a time so many hours after [created], which is a whole one.
func at(hours float64) time.Time { return created.Add(time.Duration(hours * float64(time.Hour))) }

func cursor(begin time.Time) *collect.Cursor {
	return &collect.Cursor{Tenant: tenant, Type: "Audit.General", Begin: begin}
}

func load(t *testing.T, s collect.Store) *collect.Cursor {
	t.Helper()
	c, err := collect.LoadCursor(t.Context(), s, tenant, "Audit.General")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func save(t *testing.T, s collect.Store, c *collect.Cursor) {
	t.Helper()
	if err := c.Save(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

func TestUntil(t *testing.T) {
	type note struct{ window, at float64 }
	for _, test := range []struct {
		name   string
		notes  []note
		forget float64
		until  float64
	}{
		{"nothing", nil, 0, 0},
		{"one window", []note{{0, 1}}, 0, 1},
		{"up to its middle", []note{{0, 0.5}}, 0, 0.5},
		{"listed later", []note{{0, 1.5}}, 0, 1},
		{"a hole", []note{{0, 2}, {1, 2}, {3, 9}}, 0, 2},
		{"a hole behind a part", []note{{0, 2}, {1, 1.25}, {2, 9}}, 0, 1.25},
		{"the hole is filled", []note{{0, 2}, {2, 9}, {1, 9}}, 0, 3},
		{"listed earlier changes nothing", []note{{0, 2}, {0, 0.5}}, 0, 1},
		{"listed before it began, by a clock that went back", []note{{0, 1}, {1, 0.5}}, 0, 1},
		{"a window before the first", []note{{-1, 3}, {0, 1}}, 0, 1},
		{"forgotten up to the hole", []note{{0, 2}, {3, 9}}, 3, 4},
		{"forgotten within a window", []note{{0, 2}, {1, 2}}, 1.5, 2},
		{"forgotten beyond all", []note{{0, 2}}, 100, 100},
		{"forgotten before the first", []note{{0, 2}}, -100, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := cursor(at(0))
			for _, n := range test.notes {
				c.Note(at(n.window), at(n.at))
			}
			c.Forget(at(test.forget))
			s := open(t)
			save(t, s, c)
			for name, c := range map[string]*collect.Cursor{"as noted": c, "as stored": load(t, s)} {
				if got := c.Until(); !got.Equal(at(test.until)) {
					t.Errorf("%s: until %s, want %s", name, got, at(test.until))
				}
				if got := c.Listed(at(-9)); !got.IsZero() {
					t.Errorf("%s: a window before it was listed %s", name, got)
				}
				if got := c.Listed(at(200)); !got.IsZero() {
					t.Errorf("%s: a window never asked for was listed %s", name, got)
				}
			}
		})
	}
}

func TestListed(t *testing.T) {
	c := cursor(at(0))
	c.Note(at(2), at(2.5))
	c.Note(at(2), at(7))
	c.Forget(at(1))
	for hours, want := range map[float64]time.Time{0: {}, 1: {}, 2: at(7), 3: {}} {
		if got := c.Listed(at(hours)); !got.Equal(want) {
			t.Errorf("window %v was listed %s, want %s", hours, got, want)
		}
	}
}

// Two processes list at the same time: of every window the later time stays, and
// what one has given up the other does not bring back.
func TestCursorsOfTwoProcessesMerge(t *testing.T) {
	s := open(t)
	first := cursor(at(0))
	first.Note(at(0), at(5))
	first.Note(at(1), at(5))
	first.Run, first.LastError = at(5), "mine"
	save(t, s, first)

	second, third := load(t, s), cursor(at(-3)) // the third began before there was a row
	second.Note(at(1), at(6))
	second.Note(at(3), at(6))
	second.Run = at(6)
	third.Note(at(2), at(5.5))
	third.Note(at(-3), at(5.5))
	third.Run, third.FailingSince, third.LastError, third.LastCode = at(5.5), at(4), "theirs", "AF20022"
	first.Note(at(1), at(5.5))
	first.Forget(at(1))
	for _, c := range []*collect.Cursor{first, second, third} {
		save(t, s, c)
	}
	got := load(t, s)
	if !got.Begin.Equal(at(1)) || !got.Until().Equal(at(4)) || !got.Run.Equal(at(6)) {
		t.Errorf("begins %s, until %s, run %s", got.Begin, got.Until(), got.Run)
	}
	for hours, want := range map[float64]time.Time{0: {}, 1: at(6), 2: at(5.5), 3: at(6)} {
		if listed := got.Listed(at(hours)); !listed.Equal(want) {
			t.Errorf("window %v was listed %s, want %s", hours, listed, want)
		}
	}
	if got.LastError != "theirs" || got.LastCode != "AF20022" || !got.FailingSince.Equal(at(4)) {
		t.Errorf("the last one to write says %q, failing since %s", got.LastError, got.FailingSince)
	}
}

// Whatever becomes of a write, saving again keeps what was noted.
func TestCursorSurvivesAnyWrite(t *testing.T) {
	for _, how := range []fate{lost, unheard, dies, dying} {
		for n := 1; n <= 2; n++ { // the insert, a replace
			t.Run(fmt.Sprint(how, n), func(t *testing.T) {
				s := open(t)
				s.fate = nth("cursor", n, how)
				c := cursor(at(0))
				var failed error
				for i := range 2 {
					c.Note(at(float64(i)), at(9))
					failed = errors.Join(failed, c.Save(t.Context(), s))
				}
				if !errors.Is(failed, errStore) {
					t.Fatalf("got %v", failed)
				}
				if how == lost || how == unheard { // we live on
					c.Note(at(2), at(9))
					save(t, s, c)
					if got := load(t, s).Until(); !got.Equal(at(3)) {
						t.Errorf("until %s", got)
					}
				}
				// The next process lists again from what is there.
				next, err := collect.LoadCursor(t.Context(), s.Store, tenant, "Audit.General")
				if errors.Is(err, collect.ErrNotFound) {
					next, err = cursor(at(0)), nil
				}
				if err != nil {
					t.Fatal(err)
				}
				if next.Until().After(at(3)) {
					t.Errorf("until %s", next.Until())
				}
				next.Note(at(0), at(9))
				save(t, s.Store, next)
			})
		}
	}
}

func TestCursorDeletedByHand(t *testing.T) {
	s := open(t)
	c := cursor(at(0))
	save(t, s, c)
	if err := s.Delete(t.Context(), collect.Key{Kind: "cursor", Partition: tenant, Row: "pull|Audit.General"}, ""); err != nil {
		t.Fatal(err)
	}
	c.Note(at(0), at(1))
	save(t, s, c)
	if got := load(t, s).Until(); !got.Equal(at(1)) {
		t.Errorf("until %s", got)
	}
}

// A row that cannot be a cursor is none: it is begun anew, and overwritten. It
// neither takes the memory of two thousand years of windows nor hides any.
func TestTamperedCursors(t *testing.T) {
	full := make([]byte, 64<<10)
	for i := 0; i < len(full); i += 4 {
		binary.BigEndian.PutUint32(full[i:], uint32(at(1e4).Unix()))
	}
	for _, test := range []struct {
		name   string
		change collect.Fields
		none   bool
	}{
		{"no beginning", collect.Fields{"Begin": int64(1)}, true},
		{"the zero time", collect.Fields{"Begin": time.Time{}}, true},
		{"long ago", collect.Fields{"Begin": time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC)}, true},
		{"long after it was used last", collect.Fields{"Begin": at(400 * 24)}, true},
		{"a week after it was used last", collect.Fields{"Begin": at(7 * 24)}, false},
		{"far in the future", collect.Fields{"Begin": time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC)}, true},
		{"another type's", collect.Fields{"Type": "Audit.Exchange"}, true},
		{"another tenant's", collect.Fields{"Tenant": "other"}, true},
		{"nothing listed", collect.Fields{"Listed": "all"}, false},
		{"odd bytes", collect.Fields{"Listed": []byte{1, 2, 3}}, false},
		{"other fields", collect.Fields{"Run": "now", "LastError": int64(1), "FailingSince": true}, false},
		{"within an hour", collect.Fields{"Begin": at(0.5)}, false},
		{"as many windows as a row takes", collect.Fields{"Listed": full}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(t)
			good := cursor(at(0))
			good.Run = at(1)
			save(t, s, good)
			s.tamper(t, collect.Key{Kind: "cursor", Partition: tenant, Row: "pull|Audit.General"}, test.change)
			c, err := collect.LoadCursor(t.Context(), s, tenant, "Audit.General")
			if errors.Is(err, collect.ErrNotFound) != test.none {
				t.Fatalf("got %v", err)
			}
			listed := 0
			for _, err := range collect.Cursors(t.Context(), s, tenant) {
				if err != nil {
					t.Error(err)
				}
				listed++
			}
			if (listed == 0) != test.none {
				t.Errorf("%d cursors", listed)
			}
			if c == nil {
				c = cursor(at(0))
			}
			c.Note(c.Begin, c.Begin.Add(time.Hour))
			save(t, s, c)
			if got := load(t, s); !got.Begin.Equal(c.Begin) || !got.Until().After(c.Begin) {
				t.Errorf("begins %s, until %s", got.Begin, got.Until())
			}
		})
	}
}

// An old cursor is one: the collector did not run, and what it missed is told.
func TestAnOldCursorIsForgottenAtOnce(t *testing.T) {
	s := open(t)
	old := cursor(time.Unix(0, 0).UTC())
	old.Note(old.Begin, old.Begin.Add(time.Hour))
	save(t, s, old)
	c := load(t, s)
	if !c.Until().Equal(old.Begin.Add(time.Hour)) {
		t.Errorf("until %s", c.Until())
	}
	c.Forget(at(0))
	c.Note(at(1), at(9))
	save(t, s, c)
	if got := load(t, s); !got.Begin.Equal(at(0)) || !got.Until().Equal(at(0)) || got.Listed(at(1)).IsZero() {
		t.Errorf("begins %s, until %s", got.Begin, got.Until())
	}
}

func TestCursorsOfATenant(t *testing.T) {
	s := open(t)
	for _, name := range []string{"Audit.SharePoint", "Audit.General", "DLP.All"} {
		c := cursor(at(0))
		c.Type = name
		save(t, s, c)
	}
	for _, row := range []string{"pull|A", "pull|Audit.Z", "pulled", "checkin", "zzz"} {
		if _, err := s.Insert(t.Context(), collect.Row{Key: collect.Key{Kind: "cursor", Partition: tenant, Row: row}, Fields: collect.Fields{}}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for c, err := range collect.Cursors(t.Context(), s, tenant) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, c.Type)
	}
	if fmt.Sprint(got) != "[Audit.General Audit.SharePoint DLP.All]" {
		t.Errorf("got %q", got)
	}
}
