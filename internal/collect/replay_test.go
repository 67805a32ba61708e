package collect_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

// A picky destination refuses some records; what it is told later it does then.
type picky struct {
	*sink
	refuses func(record string) bool
	down    error
}

func newPicky(t *testing.T, refuses func(string) bool) *picky {
	p := &picky{sink: &sink{t: t}, refuses: refuses}
	p.script = func(_ context.Context, _ int, open []string) ([]collect.OutcomeState, error) {
		if p.down != nil {
			return nil, p.down
		}
		states := all(open, collect.Delivered)
		for i := range open {
			if p.refuses(open[i]) {
				states[i] = collect.Refused
			}
		}
		return states, nil
	}
	return p
}

func bad(record string) bool { return strings.Contains(record, "bad") }

func never(string) bool { return false }

// collected lets a content end in the ledger as a collector makes it end.
func collected(t *testing.T, s *store, to collect.Sink, c collect.Content, raws ...string) {
	t.Helper()
	l := ledger(s.Store, "first", true)
	claim := announce(t, l, c)[0]
	tally, err := delivery(to, s.Store).Deliver(t.Context(), c, read(raws...))
	if err != nil {
		t.Fatal(err)
	}
	err = claim.Finish(t.Context(), func(row *collect.Content) {
		row.State, row.Tally = collect.Done, tally
		if tally.Delivered == 0 {
			row.State = collect.Dead
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func letter(t *testing.T, s *store) collect.DeadLetter {
	t.Helper()
	letters := deadLetters(t, s)
	if len(letters) != 1 {
		t.Fatalf("%d dead letters, want 1", len(letters))
	}
	return letters[0]
}

// forgotten fails unless no letter is left, nor its record.
func forgotten(t *testing.T, s *store, was collect.DeadLetter) {
	t.Helper()
	if letters := deadLetters(t, s); len(letters) != 0 {
		t.Errorf("dead letters %+v", letters)
	}
	if _, err := s.Store.Payload(t.Context(), was.Payload); !errors.Is(err, collect.ErrNotFound) {
		t.Errorf("its payload: %v", err)
	}
}

func TestReplay(t *testing.T) {
	for _, test := range []struct {
		name    string
		raws    []string
		change  collect.Fields // of the content's row, before
		state   collect.State  // after
		tally   collect.Tally  // after, without Bytes
		already bool           // delivered with another content meanwhile
	}{
		{"of a content delivered else", []string{rec("a", 10, ""), rec("b", 10, "bad")}, nil, collect.Done, collect.Tally{Delivered: 2}, false},
		{"of a dead content", []string{rec("b", 10, "bad")}, nil, collect.Done, collect.Tally{Delivered: 1}, false},
		{"delivered already", []string{rec("a", 10, ""), rec("b", 10, "bad")}, nil, collect.Done, collect.Tally{Delivered: 1, Duplicate: 1}, true},
		{"without an Id", []string{`{"bad":1,"CreationTime":"2026-11-01T10:00:00"}`}, nil, collect.Done, collect.Tally{Delivered: 1}, false},
		{"of one that expired half way", []string{rec("a", 10, ""), rec("b", 10, "bad")}, collect.Fields{"State": "expired"}, collect.Gone, collect.Tally{Delivered: 2}, false},
		{"of one that is collected again", []string{rec("a", 10, ""), rec("b", 10, "bad")}, collect.Fields{"State": "pending"}, collect.Pending, collect.Tally{Delivered: 1, Dead: 1}, false},
		{"of one that counts no dead letter", []string{rec("a", 10, ""), rec("b", 10, "bad")}, collect.Fields{"DeadLetters": int64(0)}, collect.Done, collect.Tally{Delivered: 1}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, to, c := open(t), newPicky(t, bad), fresh("1")
				collected(t, s, to, c, test.raws...)
				was := letter(t, s)
				if test.change != nil {
					s.tamper(t, c.Key(), test.change)
				}
				to.refuses = never
				d := delivery(to, s)
				want := test.raws
				if test.already {
					other := rec("b", 10, "bad")
					if _, err := d.Deliver(t.Context(), parcel("2"), read(other)); err != nil {
						t.Fatal(err)
					}
				}
				if err := d.Replay(t.Context(), was); err != nil {
					t.Fatal(err)
				}
				forgotten(t, s, was)
				same(t, to.got(), want...)
				row := get(t, s, c)
				tally := row.Tally
				if tally.Bytes = 0; row.State != test.state || tally != test.tally {
					t.Errorf("row is %s, %+v", row.State, tally)
				}
				if row.State == collect.Done && len(test.raws) == 1 && row.Acknowledged != "judge accepted" {
					t.Errorf("acknowledged %q", row.Acknowledged)
				}
				// Who holds the letter still finds nothing to do.
				if err := d.Replay(t.Context(), was); err == nil || len(to.got()) != len(want) {
					t.Errorf("replayed twice: %v, %d records", err, len(to.got()))
				}
			})
		})
	}
}

// Refused again, a letter stays as it is and rests ever longer.
func TestReplayRefusedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to, c := open(t), newPicky(t, bad), fresh("1")
		collected(t, s, to, c, rec("a", 10, ""), rec("b", 10, "bad"))
		row, body := get(t, s, c), letter(t, s)
		d := delivery(to, s)
		var pauses []time.Duration
		for range 7 {
			last := time.Now()
			next := letter(t, s).Next
			time.Sleep(time.Until(next) - time.Second)
			if tried, _, err := d.ReplayDue(t.Context(), tenant); tried != 0 || err != nil {
				t.Errorf("tried %d before %s, %v", tried, next, err)
			}
			time.Sleep(2 * time.Second)
			if tried, delivered, err := d.ReplayDue(t.Context(), tenant); tried != 1 || delivered != 0 || err != nil {
				t.Errorf("tried %d, delivered %d, %v", tried, delivered, err)
			}
			pauses = append(pauses, next.Sub(last).Round(time.Minute))
		}
		h := time.Hour
		if want := []time.Duration{h, 3 * h, 9 * h, 27 * h, 81 * h, 168 * h, 168 * h}; !slices.Equal(pauses, want) {
			t.Errorf("rests %v, want %v", pauses, want)
		}
		if now := letter(t, s); now.Name != body.Name || now.Payload != body.Payload || now.Replays != 7 || !now.Kept.Equal(body.Kept) {
			t.Errorf("letter %+v, was %+v", now, body)
		}
		if err := d.Replay(t.Context(), letter(t, s)); !errors.Is(err, collect.ErrRefused) {
			t.Errorf("by hand: %v", err)
		}
		if now := get(t, s, c); now != row {
			t.Errorf("row %#v, was %#v", now, row)
		}
	})
}

// Killed or answered wrongly at any write, and replayed once more: the record is
// there once, the letter is not, and the row counts one dead letter too many at
// the most.
func TestReplaySurvivesAKillAnywhere(t *testing.T) {
	for _, how := range []fate{dies, dying, lost, unheard} {
		t.Run(how.String(), func(t *testing.T) {
			for step, more := 1, true; more; step++ {
				s, to, c := open(t), newPicky(t, bad), fresh("1")
				collected(t, s, to, c, rec("a", 10, ""), rec("b", 10, "bad"))
				was := letter(t, s)
				to.refuses = never
				more = false
				s.fate = func(w write) fate {
					if w.total == step {
						more = true
						return how
					}
					return works
				}
				first := delivery(to, s).Replay(t.Context(), was)
				if more != (first != nil) {
					t.Errorf("step %d: %v", step, first)
				}
				// The next process delivers once more only what nobody knows of.
				twice := more && (how == dies || how == lost) && len(sightings(t, s.Store, "b")) == 0 && len(to.got()) == 2
				left := deadLetters(t, s)
				next := &store{Store: s.Store}
				for _, l := range left {
					if err := delivery(to, next).Replay(t.Context(), l); err != nil {
						t.Errorf("step %d: %v", step, err)
					}
				}
				if letters := deadLetters(t, s); len(letters) != 0 {
					t.Errorf("step %d: %d letters are left", step, len(letters))
				}
				records := []string{rec("a", 10, ""), rec("b", 10, "bad")}
				if twice {
					records = append(records, rec("b", 10, "bad"))
				}
				same(t, to.got(), records...)
				row := get(t, s, c)
				switch counted := row.Dead == 0 && row.Records() == 2; {
				case counted && row.State == collect.Done:
				case !counted && row.Dead == 1 && row.Delivered == 1 && len(left) == 0: // between the letter and the row
				default:
					t.Errorf("step %d: row is %s, %+v", step, row.State, row.Tally)
				}
			}
		})
	}
}

// The same, where the destination refuses: the letter is there once, and as it was.
func TestRefusedReplaySurvivesAKillAnywhere(t *testing.T) {
	for _, how := range []fate{dies, dying, lost, unheard} {
		for _, swept := range []bool{false, true} {
			t.Run(fmt.Sprint(how, ", swept ", swept), func(t *testing.T) {
				for step, more := 1, true; more; step++ {
					s, to, c := open(t), newPicky(t, bad), fresh("1")
					collected(t, s, to, c, rec("a", 10, ""), rec("b", 10, "bad"))
					if swept {
						if err := s.Store.Delete(t.Context(), c.Key(), ""); err != nil {
							t.Fatal(err)
						}
					}
					was := letter(t, s)
					more = false
					s.fate = func(w write) fate {
						if w.total == step {
							more = true
							return how
						}
						return works
					}
					err := delivery(to, s).Replay(t.Context(), was)
					if err == nil || !more && !errors.Is(err, collect.ErrRefused) {
						t.Errorf("step %d: %v", step, err)
					}
					now := letter(t, s)
					if now.Name != was.Name || now.Replays > 1 {
						t.Errorf("step %d: letter %+v, was %+v", step, now, was)
					}
					to.refuses = never
					if err := delivery(to, s.Store).Replay(t.Context(), now); err != nil {
						t.Errorf("step %d: %v", step, err)
					}
					forgotten(t, s, was)
				}
			})
		}
	}
}

func TestReplayToADestinationThatIsDown(t *testing.T) {
	for _, verdict := range []collect.Verdict{collect.Temporary, collect.JudgesUs} {
		t.Run(verdict.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, to := open(t), newPicky(t, bad)
				for i := range 3 {
					collected(t, s, to, fresh(fmt.Sprint(i)), rec(fmt.Sprint("bad", i), 10, ""))
				}
				before := s.rows(t, "deadletter", tenant)
				to.down = &collect.Fault{Verdict: verdict, Err: errors.New("connection refused")}
				time.Sleep(2 * time.Hour)
				d := delivery(to, s)
				if tried, delivered, err := d.ReplayDue(t.Context(), tenant); tried != 1 || delivered != 0 || collect.VerdictOf(err) != verdict || err == nil {
					t.Errorf("tried %d, delivered %d, %v", tried, delivered, err)
				}
				for i, row := range s.rows(t, "deadletter", tenant) {
					if i > 0 && row.Version != before[i].Version {
						t.Errorf("letter %d was written", i)
					}
				}
				to.down, to.refuses = nil, never
				if tried, delivered, err := d.ReplayDue(t.Context(), tenant); tried != 2 || delivered != 2 || err != nil {
					t.Errorf("the others: tried %d, delivered %d, %v", tried, delivered, err)
				}
				time.Sleep(10 * time.Minute) // for so long it was somebody's
				if tried, delivered, err := d.ReplayDue(t.Context(), tenant); tried != 1 || delivered != 1 || err != nil {
					t.Errorf("the first: tried %d, delivered %d, %v", tried, delivered, err)
				}
				same(t, to.got(), rec("bad1", 10, ""), rec("bad2", 10, ""), rec("bad0", 10, ""))
			})
		})
	}
}

// What is no record is not sent anywhere by itself, and not by hand either.
func TestReplayOfWhatIsNoRecord(t *testing.T) {
	for _, raw := range []string{`{"b":tru}`, `{"cut":`, `{"Id":"1"} {"Id":"2"}`} {
		t.Run(raw, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, to := open(t), newPicky(t, never)
				collected(t, s, to, fresh("1"), rec("a", 10, ""), raw)
				before := to.got()
				time.Sleep(30 * 24 * time.Hour)
				d := delivery(to, s)
				if tried, _, err := d.ReplayDue(t.Context(), tenant); tried != 0 || err != nil {
					t.Errorf("tried %d, %v", tried, err)
				}
				was := letter(t, s)
				if err := d.Replay(t.Context(), was); err == nil || errors.Is(err, collect.ErrRefused) || !strings.Contains(err.Error(), was.Name) {
					t.Errorf("by hand: %v", err)
				}
				same(t, to.got(), before...)
				if now := letter(t, s); now.Name != was.Name {
					t.Errorf("letter %+v, was %+v", now, was)
				}
			})
		})
	}
}

// A letter that is damaged rests like a refused one, and those behind it go on.
func TestDamagedLetters(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, s *store, l collect.DeadLetter)
	}{
		{"no payload", func(t *testing.T, s *store, l collect.DeadLetter) {
			if err := s.Store.DeletePayload(t.Context(), l.Payload); err != nil {
				t.Fatal(err)
			}
		}},
		{"two records", func(t *testing.T, s *store, l collect.DeadLetter) {
			if err := s.Store.PutPayload(t.Context(), l.Payload, []byte(`{},{}`)); err != nil {
				t.Fatal(err)
			}
		}},
		{"nothing", func(t *testing.T, s *store, l collect.DeadLetter) {
			if err := s.Store.PutPayload(t.Context(), l.Payload, nil); err != nil {
				t.Fatal(err)
			}
		}},
		{"no name of a payload", rewrite(collect.Fields{"Payload": ""})},
		{"no content", rewrite(collect.Fields{"ContentPartition": "x", "ContentRow": "?"})},
		{"another content", rewrite(collect.Fields{"ContentRow": "Audit.General|7"})},
		{"nonsense", rewrite(collect.Fields{"Tenant": int64(1), "Ordinal": "one", "Kept": "now", "ContentRow": true, "Replays": int64(-1 << 63)})},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, to := open(t), newPicky(t, bad)
				for i := range 3 {
					collected(t, s, to, fresh(fmt.Sprint(i)), rec(fmt.Sprint("bad", i), 10, ""))
				}
				letters := deadLetters(t, s)
				test.damage(t, s, letters[1])
				to.refuses = never
				time.Sleep(2 * time.Hour)
				d := delivery(to, s)
				if tried, delivered, err := d.ReplayDue(t.Context(), tenant); tried != 3 || delivered != 2 || err == nil || !strings.Contains(err.Error(), letters[1].Name) {
					t.Errorf("tried %d, delivered %d, %v", tried, delivered, err)
				}
				same(t, to.got(), rec("bad0", 10, ""), rec("bad2", 10, ""))
				if tried, _, err := d.ReplayDue(t.Context(), tenant); tried != 0 || err != nil {
					t.Errorf("tried %d at once, %v", tried, err)
				}
				if err := letter(t, s).Drop(t.Context(), s); err != nil && test.name != "no name of a payload" {
					t.Error(err)
				}
				if n := len(deadLetters(t, s)); n != 0 {
					t.Errorf("%d letters are left", n)
				}
			})
		})
	}
}

func rewrite(fields collect.Fields) func(*testing.T, *store, collect.DeadLetter) {
	return func(t *testing.T, s *store, l collect.DeadLetter) {
		for _, row := range s.rows(t, "deadletter", tenant) {
			if row.Fields["Payload"] == l.Payload {
				s.tamper(t, row.Key, fields)
			}
		}
	}
}

// A letter whose rest could not be written is said: it would be tried every time.
func TestARestThatCannotBeWritten(t *testing.T) {
	s, to := open(t), newPicky(t, bad)
	collected(t, s, to, fresh("1"), rec("bad", 10, ""))
	s.fate = nth("deadletter", 2, lost) // the first keeps it once more
	if err := delivery(to, s).Replay(t.Context(), letter(t, s)); !errors.Is(err, errStore) || errors.Is(err, collect.ErrRefused) {
		t.Errorf("got %v", err)
	}
}
