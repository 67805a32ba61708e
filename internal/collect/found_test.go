package collect_test

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

// From when a content waits for us is remembered through every attempt, whatever the
// source says of its age, and begins anew when it is reopened.
func TestFound(t *testing.T) {
	near := func(a, b time.Time) bool { return a.Sub(b).Abs() < time.Second } // the store takes some milliseconds
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		l := ledger(s, "a", true)
		c := fresh("1")
		found := time.Now()
		claim := announce(t, l, c)[0]
		is := func(when string, want time.Time) {
			t.Helper()
			for _, due := range dues(t, s) {
				if !near(due.Found, want) {
					t.Errorf("%s: the due row says %v, want %v", when, due.Found, want)
				}
			}
			if row := get(t, s, c); !near(row.Found, want) {
				t.Errorf("%s: the row says %v, want %v", when, row.Found, want)
			}
		}
		is("announced", found)
		time.Sleep(10 * time.Minute)
		if err := claim.Postpone(t.Context(), time.Minute, func(*collect.Content) {}); err != nil {
			t.Fatal(err)
		}
		is("postponed", found)
		if _, err := l.Offer(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		is("listed", found)

		time.Sleep(time.Hour)
		for _, due := range dues(t, s) {
			again, err := l.Take(t.Context(), due)
			if err != nil || again == nil {
				t.Fatalf("%v, %v", again, err)
			}
			if err := finish(t.Context(), again, collect.Gone); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Hour)
		if o, err := l.Offer(t.Context(), c); err != nil || !o.Fresh {
			t.Fatalf("%+v, %v", o, err)
		}
		if n := len(dues(t, s)); n != 1 {
			t.Fatalf("%d due rows", n)
		}
		is("reopened", time.Now())
	})
}

// Whose failure it is that a content is pending: the row and its due row say so after
// each attempt. The destination's and ours count, whatever the source does as well.
func TestTheirs(t *testing.T) {
	half := func(fault error) collect.Source { // a record, then the error
		return func(ctx context.Context, c collect.Content, salvage bool) iter.Seq2[collect.Record, error] {
			return func(yield func(collect.Record, error) bool) {
				for r, err := range one(ctx, c, salvage) {
					if !yield(r, err) {
						return
					}
				}
				yield(collect.Record{}, fault)
			}
		}
	}
	fault := func(verdict collect.Verdict, code string) error {
		return &collect.Fault{Verdict: verdict, Code: code, Err: errors.New("so it is")}
	}
	missing := fault(collect.Missing, "404")
	refuses := fault(collect.JudgesUs, "403")
	panics := func(context.Context, collect.Content, bool) iter.Seq2[collect.Record, error] { panic("ours") }
	for _, test := range []struct {
		name        string
		source      collect.Source
		destination error // what it answers; nil: it takes everything
		store       string
		theirs      bool
	}{
		{"the source has none", fails(missing), nil, "", true},
		{"the source fails", fails(fault(collect.Temporary, "503")), nil, "", true},
		{"the source throttles", fails(fault(collect.Temporary, "AF429")), nil, "", true},
		{"the source gives no answer", fails(errors.New("connection reset")), nil, "", true},
		{"the source tears the body", broken, nil, "", true},
		{"the source fails behind a record", half(missing), nil, "", true},
		{"the source refuses us", fails(fault(collect.JudgesUs, "AF10001")), nil, "", false},
		{"the destination is down", one, fault(collect.Temporary, "503"), "", false},
		{"the destination refuses us", one, refuses, "", false},
		{"both fail", half(missing), refuses, "", false},
		{"the source fails before the destination is asked", fails(missing), refuses, "", true},
		{"the store fails", one, nil, "recordids", false},
		{"source and store fail", half(missing), nil, "recordids", false},
		{"we panic", panics, nil, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlant(t, test.source)
				p.Delivery.Seen.Shared = true // identities are saved before the end, by themselves
				p.sink.script = func(_ context.Context, _ int, open []string) ([]collect.OutcomeState, error) {
					if test.destination != nil {
						return nil, test.destination
					}
					return all(open, collect.Delivered), nil
				}
				p.store.fate = func(w write) fate {
					if w.kind == test.store {
						return lost
					}
					return works
				}
				stop := p.run(t, time.Second)
				c := fresh("1")
				<-p.Submit(t.Context(), announce(t, p.Ledger, c))
				stop()
				wantTheirs(t, p.store, c, test.theirs)
			})
		})
	}
}

func wantTheirs(t *testing.T, s *store, c collect.Content, theirs bool) {
	t.Helper()
	row, due := get(t, s, c), dues(t, s)
	if row.State != collect.Pending || row.Theirs != theirs || len(due) != 1 || due[0].Theirs != theirs {
		t.Errorf("want theirs %v: %+v, due %+v", theirs, row, due)
	}
}

// What the last attempt met is what counts, and what ended or was reopened waits for
// nobody but us.
func TestTheirsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var meets atomic.Pointer[collect.Source]
		p := newPlant(t, func(ctx context.Context, c collect.Content, salvage bool) iter.Seq2[collect.Record, error] {
			return (*meets.Load())(ctx, c, salvage)
		})
		var down atomic.Bool
		p.sink.script = func(_ context.Context, _ int, open []string) ([]collect.OutcomeState, error) {
			if down.Load() {
				return nil, errors.New("connection refused")
			}
			return all(open, collect.Delivered), nil
		}
		meet := func(s collect.Source) { meets.Store(&s) }
		fails := func(v collect.Verdict) collect.Source {
			return fails(&collect.Fault{Verdict: v, Err: errors.New("so it is")})
		}
		meet(fails(collect.Missing))
		stop := p.run(t, time.Second)
		c := fresh("1")
		p.Submit(t.Context(), announce(t, p.Ledger, c))
		time.Sleep(time.Minute)
		wantTheirs(t, p.store, c, true)

		down.Store(true)
		meet(one)
		time.Sleep(2 * time.Hour) // attempts are an hour apart at the most
		wantTheirs(t, p.store, c, false)

		meet(fails(collect.Missing))
		time.Sleep(2 * time.Hour)
		wantTheirs(t, p.store, c, true)

		meet(fails(collect.Expired))
		time.Sleep(2 * time.Hour)
		stop()
		if row := get(t, p.store, c); row.State != collect.Gone || row.Theirs {
			t.Errorf("ended: %+v", row)
		}
		time.Sleep(2 * time.Hour)
		if o, err := p.Ledger.Offer(t.Context(), c); err != nil || !o.Fresh {
			t.Fatalf("%+v, %v", o, err)
		}
		wantTheirs(t, p.store, c, false)
	})
}

// An attempt that ends because we are stopped says nothing of the source.
func TestTheirsOfAStoppedAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, func(ctx context.Context, _ collect.Content, _ bool) iter.Seq2[collect.Record, error] {
			return func(yield func(collect.Record, error) bool) {
				<-ctx.Done()
				yield(collect.Record{}, ctx.Err())
			}
		})
		stop := p.run(t, time.Hour)
		c := fresh("1")
		p.Submit(t.Context(), announce(t, p.Ledger, c))
		synctest.Wait()
		stop()
		wantTheirs(t, p.store, c, false)
	})
}
