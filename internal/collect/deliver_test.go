package collect_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

const tenant = "11111111-2222-3333-4444-555555555555"

// parcel is a content of the tenant.
func parcel(id string) collect.Content {
	return collect.Content{
		Tenant: tenant, Type: "Audit.General", ID: id, URI: "https://source.example/" + id,
		Created: created, Expires: created.AddDate(0, 0, 7),
	}
}

// rec is a record with an Id and, in what hour of the day it happened, a time.
func rec(id string, hour int, more string) string {
	return fmt.Sprintf(`{"Id":%q,"CreationTime":"2026-11-01T%02d:00:00","More":%q}`, id, hour, more)
}

// recs are n records of one hour.
func recs(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = rec(fmt.Sprintf("%s%d", prefix, i), 10, "")
	}
	return out
}

func read(raws ...string) iter.Seq2[collect.Record, error] {
	return collect.SplitRecords(strings.NewReader("["+strings.Join(raws, ",")+"]"), created, true)
}

func delivery(s collect.Sink, store collect.Store) *collect.Delivery {
	return &collect.Delivery{Sink: s, Seen: &collect.Seen{Store: store}, Store: store}
}

func deadLetters(t *testing.T, s *store) (letters []collect.DeadLetter) {
	t.Helper()
	for letter, err := range collect.DeadLetters(t.Context(), s.Store, tenant) {
		if err != nil {
			t.Fatal(err)
		}
		letters = append(letters, letter)
	}
	return letters
}

// same fails unless the destination has just these records, in any order.
func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	got, want = slices.Clone(got), slices.Clone(want)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("destination has %d records, want %d:\n%.2000q\n%.2000q", len(got), len(want), got, want)
	}
}

func TestDeliver(t *testing.T) {
	a, b, c := rec("a", 10, ""), rec("b", 11, ""), rec("c", 10, "")
	revised, other := rec("a", 10, "revised"), rec("d", 12, "")
	noID := `{"CreationTime":"2026-11-01T10:00:00"}`
	for _, test := range []struct {
		name     string
		contents [][]string // delivered one after the other
		want     []string
		last     collect.Tally // of the last content, without Bytes
	}{
		{"every record once", [][]string{{a, b, c}}, []string{a, b, c}, collect.Tally{Delivered: 3}},
		{"nothing", [][]string{{}}, nil, collect.Tally{}},
		{"duplicates of another content", [][]string{{a, b}, {b, c, a}}, []string{a, b, c}, collect.Tally{Delivered: 1, Duplicate: 2}},
		{"duplicate inside one content", [][]string{{a, b, a, a}}, []string{a, b}, collect.Tally{Delivered: 2, Duplicate: 2}},
		{"revision", [][]string{{a}, {revised, other}}, []string{a, revised, other}, collect.Tally{Delivered: 2, Revised: 1}},
		{"revision inside one content", [][]string{{a, revised}}, []string{a, revised}, collect.Tally{Delivered: 2, Revised: 1}},
		{"both revisions again", [][]string{{a}, {revised}, {a, revised}}, []string{a, revised}, collect.Tally{Duplicate: 2}},
		{"no Id: two contents", [][]string{{noID}, {noID}}, []string{noID, noID}, collect.Tally{Delivered: 1}},
		{"no Id: twice in one content", [][]string{{noID, noID}}, []string{noID, noID}, collect.Tally{Delivered: 2}},
		{"undated", [][]string{{`{"Id":"u"}`}}, []string{`{"Id":"u"}`}, collect.Tally{Delivered: 1, Undated: 1}},
		{"undated again", [][]string{{`{"Id":"u"}`}, {`{"Id":"u"}`}}, []string{`{"Id":"u"}`}, collect.Tally{Duplicate: 1}},
	} {
		for _, full := range []int{0, 1, 2} {
			t.Run(fmt.Sprintf("%s, batches of %d", test.name, full), func(t *testing.T) {
				s, to := open(t), &sink{t: t, full: full}
				d := delivery(to, s)
				var last collect.Tally
				for i, raws := range test.contents {
					var err error
					if last, err = d.Deliver(t.Context(), parcel(fmt.Sprint(i)), read(raws...)); err != nil {
						t.Fatal(err)
					}
				}
				same(t, to.got(), test.want...)
				if last.Bytes = 0; last != test.last {
					t.Errorf("tally %+v, want %+v", last, test.last)
				}
				// What a process remembers another one does, too.
				again := delivery(to, s)
				for i, raws := range test.contents {
					if slices.Contains(raws, noID) {
						continue // a second attempt at the same content is another test
					}
					if tally, err := again.Deliver(t.Context(), parcel(fmt.Sprint(i)), read(raws...)); err != nil || tally.Delivered != 0 {
						t.Errorf("after a restart: %+v, %v", tally, err)
					}
				}
			})
		}
	}
}

func TestDeliverSendsRecordsWithoutIDOnceInTwoAttempts(t *testing.T) {
	noID := `{"CreationTime":"2026-11-01T10:00:00"}`
	s, to := open(t), &sink{t: t, full: 1}
	broken := errors.New("connection reset")
	half := func(yield func(collect.Record, error) bool) {
		for r := range read(noID, noID) {
			if !yield(r, nil) {
				return
			}
		}
		yield(collect.Record{}, broken)
	}
	if _, err := delivery(to, s).Deliver(t.Context(), parcel("1"), half); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if _, err := delivery(to, s).Deliver(t.Context(), parcel("1"), read(noID, noID, noID)); err != nil {
		t.Fatal(err)
	}
	same(t, to.got(), noID, noID, noID)
}

func TestRefusedRecordBecomesADeadLetter(t *testing.T) {
	raws := recs("r", 5)
	raws[3] = rec(strings.Repeat("long ", 10_000), 10, "") // an Id that no field of a row takes
	s := open(t)
	to := &sink{t: t, script: func(_ context.Context, _ int, open []string) ([]collect.OutcomeState, error) {
		states := all(open, collect.Delivered)
		for i := range open {
			if open[i] == raws[1] || open[i] == raws[3] {
				states[i] = collect.Refused
			}
		}
		return states, nil
	}}
	var names []string
	for range 2 { // another attempt keeps it once, under the same name
		tally, err := delivery(to, s).Deliver(t.Context(), parcel("1"), read(raws...))
		if err != nil || tally.Dead != 2 || tally.Records() != 5 {
			t.Fatalf("%+v, %v", tally, err)
		}
		letters := deadLetters(t, s)
		if len(letters) != 2 {
			t.Fatalf("%d dead letters, want 2", len(letters))
		}
		for i, letter := range letters {
			body, err := s.Payload(t.Context(), letter.Payload)
			if want := raws[1+2*i]; err != nil || string(body) != want || letter.Ordinal != int64(1+2*i) || letter.Reason != "400: refused" || letter.ContentID != "1" {
				t.Errorf("dead letter %+v holds %.40q, %v", letter, body, err)
			}
			names = append(names, letter.Payload)
		}
	}
	if names[0] != names[2] || names[1] != names[3] || names[0] == names[1] {
		t.Errorf("names %q", names)
	}
	same(t, to.got(), raws[0], raws[2], raws[4])
	// Its identity is not remembered: in another content it is tried anew.
	to.script = nil
	if tally, err := delivery(to, s).Deliver(t.Context(), parcel("2"), read(raws[1])); err != nil || tally.Delivered != 1 {
		t.Errorf("%+v, %v", tally, err)
	}
}

func TestDefectiveRecordNeverReachesTheDestination(t *testing.T) {
	s, to := open(t), &sink{t: t}
	tally, err := delivery(to, s).Deliver(t.Context(), parcel("1"), read(rec("a", 10, ""), `{"b":tru}`, rec("c", 10, "")))
	if err != nil || tally.Delivered != 2 || tally.Dead != 1 {
		t.Fatalf("%+v, %v", tally, err)
	}
	same(t, to.got(), rec("a", 10, ""), rec("c", 10, ""))
	if letters := deadLetters(t, s); len(letters) != 1 || letters[0].Reason != "record is no valid JSON" {
		t.Errorf("%+v", letters)
	}
}

// A content whose delivery stops half way goes on where it stopped.
func TestDeliverGoesOnWhereItStopped(t *testing.T) {
	fails := &collect.Fault{Verdict: collect.JudgesUs, Err: errors.New("no such stream")}
	temporary := errors.New("connection reset")
	half := func(open []string) []collect.OutcomeState {
		states := all(open, collect.Delivered)
		clear(states[len(states)/2:])
		return states
	}
	for _, test := range []struct {
		name   string
		script func(to *sink) func(context.Context, int, []string) ([]collect.OutcomeState, error)
		first  int64 // what the first attempt delivers of ten records in batches of four
		fails  bool
		twice  int // how many records a lost acknowledgement repeats
	}{
		{"second batch refuses us", func(*sink) func(context.Context, int, []string) ([]collect.OutcomeState, error) {
			return func(_ context.Context, n int, open []string) ([]collect.OutcomeState, error) {
				if n == 2 {
					return nil, fails
				}
				return all(open, collect.Delivered), nil
			}
		}, 4, true, 0},
		{"second batch is acknowledged by half", func(*sink) func(context.Context, int, []string) ([]collect.OutcomeState, error) {
			return func(_ context.Context, n int, open []string) ([]collect.OutcomeState, error) {
				if n == 2 {
					return half(open), fails
				}
				return all(open, collect.Delivered), nil
			}
		}, 6, true, 0},
		{"a hiccup is bridged", func(*sink) func(context.Context, int, []string) ([]collect.OutcomeState, error) {
			return func(_ context.Context, n int, open []string) ([]collect.OutcomeState, error) {
				if n == 2 {
					return half(open), temporary
				}
				return all(open, collect.Delivered), nil
			}
		}, 10, false, 0},
		{"lost acknowledgement", func(to *sink) func(context.Context, int, []string) ([]collect.OutcomeState, error) {
			return func(_ context.Context, n int, open []string) ([]collect.OutcomeState, error) {
				if n == 2 {
					to.take(open...)
					return nil, fails
				}
				return all(open, collect.Delivered), nil
			}
		}, 4, true, 4},
		{"success without outcomes", func(*sink) func(context.Context, int, []string) ([]collect.OutcomeState, error) {
			return func(_ context.Context, n int, open []string) ([]collect.OutcomeState, error) {
				if n == 2 {
					return half(open), nil
				}
				return all(open, collect.Delivered), nil
			}
		}, 6, true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, to := open(t), &sink{t: t, full: 4}
			to.script = test.script(to)
			raws := recs("r", 10)
			tally, err := delivery(to, s).Deliver(t.Context(), parcel("1"), read(raws...))
			if (err != nil) != test.fails || tally.Delivered != test.first {
				t.Fatalf("first attempt: %+v, %v", tally, err)
			}
			if second, err := delivery(to, s).Deliver(t.Context(), parcel("1"), read(raws...)); err != nil ||
				second.Duplicate != tally.Delivered || second.Records() != 10 {
				t.Errorf("second attempt, by another process: %+v, %v", second, err)
			}
			got := to.got()
			slices.Sort(got)
			if len(got) != 10+test.twice || len(slices.Compact(got)) != 10 {
				t.Errorf("destination has %d records", len(got))
			}
		})
	}
}

func TestDeliverRemembersWhatWasAcknowledgedWhenItIsStopped(t *testing.T) {
	s := open(t)
	ctx, stop := context.WithCancel(t.Context())
	to := &sink{t: t, full: 3}
	to.script = func(ctx context.Context, n int, open []string) ([]collect.OutcomeState, error) {
		if n == 2 {
			stop()
			return []collect.OutcomeState{collect.Delivered, collect.Open, collect.Open}, context.Canceled
		}
		return all(open, collect.Delivered), nil
	}
	raws := recs("r", 10)
	if tally, err := delivery(to, s).Deliver(ctx, parcel("1"), read(raws...)); !errors.Is(err, context.Canceled) || tally.Delivered != 4 {
		t.Fatalf("%+v, %v", tally, err)
	}
	if _, err := delivery(to, s).Deliver(t.Context(), parcel("1"), read(raws...)); err != nil {
		t.Fatal(err)
	}
	same(t, to.got(), raws...)
}

// A source that never gets further still gives what it has whole.
func TestDeliverSendsWhatArrivedBeforeTheSourceFailed(t *testing.T) {
	s := open(t)
	to := &sink{t: t, full: 3}
	raws := recs("r", 5)
	cut := errors.New("cut short")
	failing := func(yield func(collect.Record, error) bool) {
		for rec := range read(raws[:4]...) {
			if !yield(rec, nil) {
				return
			}
		}
		yield(collect.Record{}, cut)
	}
	if tally, err := delivery(to, s).Deliver(t.Context(), parcel("1"), failing); !errors.Is(err, cut) || tally.Delivered != 4 {
		t.Fatalf("%+v, %v", tally, err)
	}
	if tally, err := delivery(to, s).Deliver(t.Context(), parcel("1"), read(raws...)); err != nil || tally.Delivered != 1 || tally.Duplicate != 4 {
		t.Fatalf("%+v, %v", tally, err)
	}
	same(t, to.got(), raws...)
}

// A post under way is not cut off: its records may be taken already.
func TestDeliverWaitsForAPostUnderWayWhenItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		ctx, stop := context.WithCancel(t.Context())
		to := &sink{t: t, full: 3}
		to.script = func(ctx context.Context, n int, open []string) ([]collect.OutcomeState, error) {
			if n != 2 {
				return all(open, collect.Delivered), nil
			}
			stop()
			if err := collect.Wait(ctx, time.Second); err != nil {
				return nil, err
			}
			return all(open, collect.Delivered), nil
		}
		raws := recs("r", 10)
		if tally, err := delivery(to, s).Deliver(ctx, parcel("1"), read(raws...)); !errors.Is(err, context.Canceled) || tally.Delivered != 6 || to.count() != 2 {
			t.Fatalf("%+v, %v after %d posts", tally, err, to.count())
		}
	})
}

// A destination that does not answer is not waited for for long.
func TestDeliverEndsAPostThatHangsWhenItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		to := &sink{t: t, script: func(ctx context.Context, _ int, _ []string) ([]collect.OutcomeState, error) {
			stop()
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}}
		if _, err := delivery(to, open(t)).Deliver(ctx, parcel("1"), read(recs("r", 3)...)); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	})
}

func TestIdentitiesThatCannotBeStoredAreNotSentAgain(t *testing.T) {
	for f, times := range map[fate]int{lost: 2, unheard: 1} {
		t.Run(f.String(), func(t *testing.T) {
			s, to := open(t), &sink{t: t}
			s.fate = func(w write) fate {
				if w.kind == "recordids" && w.nth <= times {
					return f
				}
				return works
			}
			d := delivery(to, s)
			raws := recs("r", 4)
			for range times { // not finished before the identities are stored
				if _, err := d.Deliver(t.Context(), parcel("1"), read(raws...)); !errors.Is(err, errStore) {
					t.Fatalf("got %v", err)
				}
			}
			if tally, err := d.Deliver(t.Context(), parcel("1"), read(raws...)); err != nil || tally.Duplicate != 4 {
				t.Errorf("%+v, %v", tally, err)
			}
			if tally, err := delivery(to, s).Deliver(t.Context(), parcel("2"), read(raws...)); err != nil || tally.Duplicate != 4 {
				t.Errorf("after a restart: %+v, %v", tally, err)
			}
			same(t, to.got(), raws...)
		})
	}
}

// A content that another one's records keep from being sent answers for them:
// they are stored before it is finished.
func TestDuplicatesOfUnstoredRecordsAreStored(t *testing.T) {
	s, to := open(t), &sink{t: t}
	s.fate = nth("recordids", 1, lost)
	d := delivery(to, s)
	raws := recs("r", 4)
	if _, err := d.Deliver(t.Context(), parcel("1"), read(raws...)); !errors.Is(err, errStore) {
		t.Fatal(err)
	}
	if tally, err := d.Deliver(t.Context(), parcel("2"), read(raws...)); err != nil || tally.Duplicate != 4 {
		t.Fatalf("%+v, %v", tally, err)
	}
	if _, err := delivery(to, s).Deliver(t.Context(), parcel("1"), read(raws...)); err != nil {
		t.Fatal(err)
	}
	same(t, to.got(), raws...)
}

func TestDeadLetterThatCannotBeKeptKeepsTheContentPending(t *testing.T) {
	for _, kind := range []string{"payload", "deadletter"} {
		for _, f := range []fate{lost, unheard} {
			t.Run(kind+" "+f.String(), func(t *testing.T) {
				s := open(t)
				s.fate = nth(kind, 1, f)
				to := &sink{t: t, script: func(_ context.Context, _ int, open []string) ([]collect.OutcomeState, error) {
					states := all(open, collect.Delivered)
					states[0] = collect.Refused
					return states, nil
				}}
				d := delivery(to, s)
				raws := recs("r", 3)
				if _, err := d.Deliver(t.Context(), parcel("1"), read(raws...)); !errors.Is(err, errStore) {
					t.Fatalf("got %v", err)
				}
				if tally, err := d.Deliver(t.Context(), parcel("1"), read(raws...)); err != nil || tally.Dead != 1 || tally.Duplicate != 2 {
					t.Errorf("%+v, %v", tally, err)
				}
				if letters := deadLetters(t, s); len(letters) != 1 {
					t.Errorf("%d dead letters", len(letters))
				}
			})
		}
	}
}

// A destination that refuses everything from the start on is set up wrongly; one
// that took something before refuses bad records.
func TestARefusalOfEverythingJudgesUs(t *testing.T) {
	s := open(t)
	state := collect.Refused
	to := &sink{t: t, script: func(_ context.Context, _ int, open []string) ([]collect.OutcomeState, error) {
		return all(open, state), nil
	}}
	d := delivery(to, s)
	raws := recs("r", 9)
	if _, err := d.Deliver(t.Context(), parcel("1"), read(raws...)); collect.VerdictOf(err) != collect.JudgesUs {
		t.Fatalf("got %v", err)
	}
	if letters := deadLetters(t, s); len(letters) != 0 {
		t.Errorf("%d dead letters", len(letters))
	}
	state = collect.Delivered
	if _, err := d.Deliver(t.Context(), parcel("2"), read(rec("good", 10, ""))); err != nil {
		t.Fatal(err)
	}
	state = collect.Refused
	if tally, err := d.Deliver(t.Context(), parcel("1"), read(raws...)); err != nil || tally.Dead != 9 {
		t.Errorf("%+v, %v", tally, err)
	}
	if letters := deadLetters(t, s); len(letters) != 9 {
		t.Errorf("%d dead letters", len(letters))
	}
}
