package collect_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

// A plant is a collector at work on a store, in a bubble of [synctest].
type plant struct {
	*collect.Collector
	store *store
	sink  *sink

	mu       sync.Mutex
	attempts []attempt
}

// An attempt is what the collector reported.
type attempt struct {
	at      time.Time
	content collect.Content
	err     error
}

func newPlant(t *testing.T, source collect.Source) *plant {
	p := &plant{store: open(t), sink: &sink{t: t}}
	p.Collector = &collect.Collector{
		Ledger: ledger(p.store, "plant", true), Delivery: delivery(p.sink, p.store), Source: source,
		Concurrency: 2,
		Report: func(_ context.Context, content collect.Content, _ time.Duration, err error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.attempts = append(p.attempts, attempt{time.Now(), content, err})
		},
	}
	return p
}

// run starts the workers and somebody who brings what is due, every so often.
// Call stop to end them; it waits.
func (p *plant) run(t *testing.T, every time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { _ = p.Run(ctx) })
	group.Go(func() {
		for collect.Wait(ctx, every) == nil {
			for due, err := range p.Ledger.Due(ctx, tenant, time.Now()) {
				if err != nil || p.Bring(ctx, due, func() {}) != nil {
					break
				}
			}
		}
	})
	return func() { cancel(); group.Wait() }
}

// collect submits contents and waits until each was reported, and so its end written.
func (p *plant) collect(t *testing.T, contents ...collect.Content) {
	t.Helper()
	all := len(p.reported()) + len(contents)
	p.Submit(t.Context(), announce(t, p.Ledger, contents...))
	for len(p.reported()) < all {
		time.Sleep(time.Millisecond)
	}
}

func (p *plant) reported() []attempt {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]attempt(nil), p.attempts...)
}

// broken is a body cut short behind its first record.
func broken(_ context.Context, c collect.Content, salvage bool) iter.Seq2[collect.Record, error] {
	return collect.SplitRecords(newBody(`[`+rec("whole "+c.ID, 10, "")+`,{"cut":`), created, salvage)
}

func fails(fault error) collect.Source {
	return func(context.Context, collect.Content, bool) iter.Seq2[collect.Record, error] {
		return func(yield func(collect.Record, error) bool) { yield(collect.Record{}, fault) }
	}
}

func one(_ context.Context, c collect.Content, _ bool) iter.Seq2[collect.Record, error] {
	return read(rec("only "+c.ID, 10, ""))
}

func TestCollectorFinishesWhatIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, one)
		stop := p.run(t, time.Second)
		c := fresh("1")
		p.collect(t, c)
		row := get(t, p.store, c)
		if row.State != collect.Done || row.Delivered != 1 || row.Acknowledged != "judge accepted" || row.Attempts != 1 || row.Owner != "" {
			t.Errorf("row %+v", row)
		}
		if left := dues(t, p.store); len(left) != 0 {
			t.Errorf("due rows %+v", left)
		}
		stop()
	})
}

// One content that makes us panic does not end the process, nor keep its lease.
func TestAPanicCostsOneContentOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, func(ctx context.Context, c collect.Content, salvage bool) iter.Seq2[collect.Record, error] {
			if c.ID == "poison" {
				panic("poisoned")
			}
			return one(ctx, c, salvage)
		})
		stop := p.run(t, time.Second)
		poison, good := fresh("poison"), fresh("good")
		<-p.Submit(t.Context(), announce(t, p.Ledger, poison, good))
		time.Sleep(3 * collect.LeaseTime)
		stop()
		if row := get(t, p.store, good); row.State != collect.Done {
			t.Errorf("the other one: %+v", row)
		}
		row, said := get(t, p.store, poison), 0
		for _, a := range p.reported() {
			if a.err != nil && strings.Contains(a.err.Error(), "panic: poisoned") {
				said++
			}
		}
		if row.State != collect.Pending || said < 2 || said > 10 || time.Until(row.LeaseUntil) > collect.LeaseTime {
			t.Errorf("reported %d times, row state %s, leased until %s", said, row.State, row.LeaseUntil)
		}
	})
}

func TestABrokenBodyIsSalvagedInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, broken)
		stop := p.run(t, time.Second)
		c := fresh("1")
		began := time.Now()
		p.Submit(t.Context(), announce(t, p.Ledger, c))
		for get(t, p.store, c).State == collect.Pending && time.Since(began) < 24*time.Hour {
			time.Sleep(time.Minute)
		}
		stop()
		attempts, row := p.reported(), get(t, p.store, c)
		last := attempts[len(attempts)-1]
		if len(attempts) < 6 || last.at.Sub(attempts[0].at) < time.Hour || last.err != nil {
			t.Errorf("given up after %d attempts in %s: %v", len(attempts), last.at.Sub(attempts[0].at), last.err)
		}
		if row.State != collect.Done || row.Delivered != 1 || row.Dead != 1 || row.Records() != 2 {
			t.Errorf("row %+v", row)
		}
		same(t, p.sink.got(), rec("whole 1", 10, ""))
		if letters := deadLetters(t, p.store); len(letters) != 1 || letters[0].Reason != "body ends in the middle of a record" {
			t.Errorf("dead letters %+v", letters)
		}
	})
}

func TestWhatAFailureOfTheSourceComesTo(t *testing.T) {
	week := 7 * 24 * time.Hour
	for _, test := range []struct {
		name     string
		verdict  collect.Verdict
		state    collect.State
		expired  time.Duration // when the row says so
		attempts int           // at least
	}{
		{"missing", collect.Missing, collect.Gone, week, 150},
		{"expired", collect.Expired, collect.Gone, 0, 1},
		{"temporary", collect.Temporary, collect.Pending, 0, 170},
		{"our settings", collect.JudgesUs, collect.Pending, 0, 170},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlant(t, fails(&collect.Fault{Verdict: test.verdict, Err: errors.New("so it is")}))
				stop := p.run(t, time.Minute)
				c := fresh("1")
				p.Submit(t.Context(), announce(t, p.Ledger, c))
				time.Sleep(8 * 24 * time.Hour)
				stop()
				row, attempts := get(t, p.store, c), p.reported()
				if row.State != test.state || len(attempts) < test.attempts || row.LastError != "so it is" {
					t.Fatalf("%d attempts, row %+v", len(attempts), row)
				}
				for i := 1; i < len(attempts); i++ { // due again within an hour, and the look every minute
					if rest := attempts[i].at.Sub(attempts[i-1].at); rest > time.Hour+2*time.Minute {
						t.Errorf("attempt %d comes after %s", i, rest)
					}
				}
				if late := row.Finished.Sub(c.Created); test.state == collect.Gone && (late < test.expired || late > test.expired+2*time.Hour) {
					t.Errorf("expired after %s", late)
				}
			})
		})
	}
}

// An error that merely says "canceled" is not our being stopped.
func TestAForeignCancellationRestsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, fails(fmt.Errorf("read body: %w", context.Canceled)))
		stop := p.run(t, time.Second)
		p.Submit(t.Context(), announce(t, p.Ledger, fresh("1")))
		time.Sleep(time.Hour)
		stop()
		if n := len(p.reported()); n < 5 || n > 40 {
			t.Errorf("%d attempts in an hour", n)
		}
	})
}

// While the destination is down, the contents stay near, and few attempts reach it.
func TestTheBrake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, one)
		var up atomic.Bool
		p.sink.script = func(_ context.Context, _ int, open []string) ([]collect.OutcomeState, error) {
			if up.Load() {
				return all(open, collect.Delivered), nil
			}
			return nil, &collect.Fault{Verdict: collect.JudgesUs, Err: errors.New("403")}
		}
		stop := p.run(t, time.Second)
		var contents []collect.Content
		for i := range 20 {
			contents = append(contents, fresh(fmt.Sprint(i)))
		}
		p.Submit(t.Context(), announce(t, p.Ledger, contents...))
		time.Sleep(time.Hour)
		// Two at the beginning, then at most one in 15 s once the pause has grown.
		if n := p.sink.count(); n < 100 || n > 260 {
			t.Errorf("%d attempts reach a destination that is down for an hour", n)
		}
		if p.Trouble() == nil {
			t.Error("the trouble is not told")
		}
		up.Store(true)
		time.Sleep(3 * time.Minute)
		stop()
		if p.Trouble() != nil {
			t.Errorf("trouble is still %v", p.Trouble())
		}
		if n := len(p.sink.got()); n != 20 {
			t.Errorf("%d of 20 are there three minutes after the destination is back", n)
		}
	})
}

func TestStopGivesBackWhatIsInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, func(ctx context.Context, _ collect.Content, _ bool) iter.Seq2[collect.Record, error] {
			return func(yield func(collect.Record, error) bool) {
				<-ctx.Done()
				yield(collect.Record{}, ctx.Err())
			}
		})
		stop := p.run(t, time.Second)
		contents := []collect.Content{fresh("1"), fresh("2"), fresh("3"), fresh("4")}
		tried := p.Submit(t.Context(), announce(t, p.Ledger, contents...))
		synctest.Wait() // two are in hand, two wait
		stop()
		<-tried
		back := 0
		for _, c := range contents {
			if row := get(t, p.store, c); row.Owner == "" && !row.Due.After(time.Now()) {
				back++
			}
		}
		if back != 2 {
			t.Errorf("%d are due at once, want 2", back)
		}
		// Whoever announces now is not kept waiting.
		<-p.Submit(t.Context(), announce(t, p.Ledger, fresh("5")))
		if n := len(dues(t, p.store)); n != 5 {
			t.Errorf("%d due rows, want 5", n)
		}
	})
}

func TestConcurrencyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		p := newPlant(t, func(ctx context.Context, c collect.Content, _ bool) iter.Seq2[collect.Record, error] {
			return func(yield func(collect.Record, error) bool) {
				n := now.Add(1)
				defer now.Add(-1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				_ = collect.Wait(ctx, time.Second)
				one(ctx, c, false)(yield)
			}
		})
		p.Concurrency = 3
		stop := p.run(t, time.Second)
		var contents []collect.Content
		for i := range 12 {
			contents = append(contents, fresh(fmt.Sprint(i)))
		}
		<-p.Submit(t.Context(), announce(t, p.Ledger, contents...))
		stop()
		if most.Load() != 3 || len(p.sink.got()) != 12 {
			t.Errorf("%d at a time, %d delivered", most.Load(), len(p.sink.got()))
		}
	})
}

// Our lease ends because the store hangs; another process takes the content. We
// stop, and what it wrote stays.
func TestALostLeaseStopsTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, func(ctx context.Context, _ collect.Content, _ bool) iter.Seq2[collect.Record, error] {
			return func(yield func(collect.Record, error) bool) {
				<-ctx.Done()
				yield(collect.Record{}, ctx.Err())
			}
		})
		p.Ledger.Sole = false
		var down atomic.Bool
		p.store.fate = func(w write) fate {
			if down.Load() {
				return lost
			}
			return works
		}
		stop := p.run(t, time.Hour)
		c := fresh("1")
		tried := p.Submit(t.Context(), announce(t, p.Ledger, c))
		time.Sleep(30 * time.Second)
		down.Store(true)
		<-tried
		if reports := p.reported(); len(reports) != 1 || !errors.Is(reports[0].err, collect.ErrLost) {
			t.Errorf("reported %+v", reports)
		}
		down.Store(false)
		time.Sleep(time.Minute)
		if n := takeAll(t, ledger(p.store.Store, "other", false), time.Now()); n != 1 {
			t.Errorf("the other process takes %d", n)
		}
		stop()
		if row := get(t, p.store, c); row.State != collect.Done {
			t.Errorf("row %+v", row)
		}
	})
}

// The list reopens a content in the moment in which its old address turns out to
// have expired: the list has the last word.
func TestTheListSpeaksWhileAContentExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fresh("1")
		p := newPlant(t, fails(&collect.Fault{Verdict: collect.Expired, Err: errors.New("AF20051")}))
		p.store.fate = func(w write) fate {
			if w.kind == "content" && w.nth == 2 { // the worker's last word is on its way
				if _, err := ledger(p.store.Store, "list", true).Offer(t.Context(), c); err != nil {
					t.Error(err)
				}
			}
			return works
		}
		stop := p.run(t, time.Hour)
		<-p.Submit(t.Context(), announce(t, p.Ledger, c))
		stop()
		if row := get(t, p.store, c); row.State != collect.Gone {
			t.Fatalf("row %+v", row)
		}
		if o, err := p.Ledger.Offer(t.Context(), c); !o.Fresh || err != nil {
			t.Errorf("the next listing: %v, %v", o, err)
		}
	})
}

// The ledger's counts add up over attempts, and over a Finish that fails.
func TestTalliesAddUpOverAttempts(t *testing.T) {
	for _, f := range []fate{works, lost, unheard} {
		t.Run(f.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				raws := append(recs("r", 9), recs("r", 1)...) // one of them twice
				p := newPlant(t, func(context.Context, collect.Content, bool) iter.Seq2[collect.Record, error] { return read(raws...) })
				p.store.fate = func(w write) fate {
					if w.kind == "content" && w.nth == 2 {
						return f
					}
					return works
				}
				p.sink.full = 3
				p.sink.script = func(_ context.Context, n int, open []string) ([]collect.OutcomeState, error) {
					states := all(open, collect.Delivered)
					switch n {
					case 2, 4:
						states[0] = collect.Open
						return states, &collect.Fault{Verdict: collect.JudgesUs, Err: errors.New("403")}
					case 3:
						states[len(states)-1] = collect.Refused
					}
					return states, nil
				}
				stop := p.run(t, time.Second)
				c := fresh("1")
				p.Submit(t.Context(), announce(t, p.Ledger, c))
				time.Sleep(time.Hour)
				stop()
				row := get(t, p.store, c)
				if row.State != collect.Done || row.Records() != 10 || row.Dead > 1 {
					t.Errorf("row %+v", row)
				}
				got := int64(len(p.sink.got()))
				if f == works && row.Delivered != got || row.Delivered > got {
					t.Errorf("the row counts %d, the destination has %d", row.Delivered, got)
				}
			})
		})
	}
}
