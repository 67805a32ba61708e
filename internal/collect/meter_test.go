package collect_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

func meter(s collect.Store, owner string) *collect.Meter {
	return &collect.Meter{Store: s, Tenant: tenant, Owner: owner}
}

func flush(t *testing.T, m *collect.Meter) {
	t.Helper()
	if err := m.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// pulls is how many invocations of "pull" nobody has reported yet.
func pulls(t *testing.T, s collect.Store) (int64, *collect.Summary) {
	t.Helper()
	sum, err := collect.Unreported(t.Context(), s, tenant, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if c := sum.Functions["pull"]; c != nil {
		return c.Invocations, sum
	}
	return 0, sum
}

func TestAllProcessesAreSummedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		a, b := meter(s, "a"), meter(s, "b")
		a.Called("pull", false)
		a.Called("pull", true)
		b.Called("pull", false)
		b.Called("content", true)
		a.Offered("Audit.Exchange", collect.Offered{Agreed: true})
		a.Offered("Audit.Exchange", collect.Offered{Fresh: true})
		b.Offered("Audit.Exchange", collect.Offered{Fresh: true, Agreed: true}) // it had expired
		b.Offered("Audit.Exchange", collect.Offered{})
		flush(t, a)
		flush(t, b)
		n, sum := pulls(t, s)
		if n != 3 || sum.Functions["pull"].Errors != 1 || *sum.Functions["content"] != (collect.Calls{Invocations: 1, Errors: 1}) ||
			sum.Agreed != 2 || sum.Unannounced != 1 || sum.Alive != 2 || fmt.Sprint(sum.Names()) != "[content pull]" {
			t.Fatalf("%+v, pull %+v", sum, sum.Functions["pull"])
		}
		if err := sum.Done(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, sum := pulls(t, s); n != 0 || !sum.Empty() || sum.Alive != 2 {
			t.Errorf("reported, and again %+v", sum.Stats)
		}
		time.Sleep(2 * time.Minute)
		a.Called("pull", false)
		flush(t, a) // the same window: only the news are news
		time.Sleep(2 * time.Minute)
		if n, sum := pulls(t, s); n != 1 || sum.Alive != 1 {
			t.Errorf("%d invocations, %d alive", n, sum.Alive)
		}
	})
}

// A new window is a new row; nothing is lost between them, and a process is alive
// once.
func TestWindowsRollOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		m := meter(s, "a")
		for range 40 { // an hour and a half
			m.Called("pull", false)
			flush(t, m)
			if _, sum := pulls(t, s); sum.Alive != 1 {
				t.Fatalf("%d alive", sum.Alive)
			}
			time.Sleep(137 * time.Second)
		}
		n, sum := pulls(t, s)
		if n != 40 {
			t.Errorf("%d invocations", n)
		}
		if behind := time.Since(sum.Through); behind < 15*time.Minute || behind > time.Hour {
			t.Errorf("rows before %s are said to be closed, %s ago", sum.Through, behind)
		}
		// Who reports from there on misses nothing that is counted from now on.
		if err := sum.Done(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.Called("pull", true)
		flush(t, m)
		since, err := collect.Unreported(t.Context(), s, tenant, sum.Through)
		if err != nil || since.Functions["pull"].Invocations != 1 {
			t.Errorf("%+v, %v", since, err)
		}
		time.Sleep(25 * time.Hour) // nobody reports what is older than a day
		if _, sum := pulls(t, s); !sum.Empty() || sum.Alive != 0 {
			t.Errorf("%+v", sum)
		}
	})
}

// Whatever becomes of the writes, in whichever window: what was counted is kept
// once as soon as a write works.
func TestMeterCountsOnce(t *testing.T) {
	for round := range 40 {
		synctest.Test(t, func(t *testing.T) {
			seed := rand.Uint64()
			random := rand.New(rand.NewPCG(seed, uint64(round)))
			s := open(t)
			s.fate = func(write) fate {
				return []fate{works, works, lost, unheard}[random.IntN(4)]
			}
			m := meter(s, "a")
			var want, reported int64
			for range 30 {
				time.Sleep(time.Duration(random.IntN(12)) * time.Minute)
				for range random.IntN(3) {
					m.Called("pull", false)
					want++
				}
				if err := m.Flush(t.Context()); err != nil && !errors.Is(err, errStore) {
					t.Fatal(err)
				}
				if random.IntN(8) == 0 { // somebody reports in between
					n, sum := pulls(t, s.Store)
					reported += n
					if err := sum.Done(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			s.fate = nil
			flush(t, m)
			if n, _ := pulls(t, s.Store); reported+n != want {
				t.Errorf("seed %d: %d counted, %d kept", seed, want, reported+n)
			}
		})
	}
}

// While the store cannot even be read, nothing is forgotten.
func TestMeterOutlastsTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		s.fate = nth("stats", 1, dying)
		m := meter(s, "a")
		for range 5 {
			m.Called("pull", false)
			if err := m.Flush(t.Context()); !errors.Is(err, errStore) {
				t.Fatalf("got %v", err)
			}
			time.Sleep(20 * time.Minute)
		}
		s.dead = false
		flush(t, m)
		if n, _ := pulls(t, s); n != 5 {
			t.Errorf("%d kept", n)
		}
	})
}

func TestReportedOnce(t *testing.T) {
	for _, test := range []struct {
		name  string
		done  func(t *testing.T, s *store, sum *collect.Summary)
		again int64 // reported by the next one
	}{
		{"done", func(t *testing.T, s *store, sum *collect.Summary) {
			if err := sum.Done(t.Context()); err != nil {
				t.Error(err)
			}
		}, 0},
		{"done twice", func(t *testing.T, s *store, sum *collect.Summary) {
			if err := errors.Join(sum.Done(t.Context()), sum.Done(t.Context())); err != nil {
				t.Error(err)
			}
		}, 0},
		{"killed between the report and Done", func(*testing.T, *store, *collect.Summary) {}, 6},
		{"Done is lost", func(t *testing.T, s *store, sum *collect.Summary) { half(t, s, sum, lost) }, 6},
		{"Done is unheard", func(t *testing.T, s *store, sum *collect.Summary) { half(t, s, sum, unheard) }, 0},
		{"Done is lost, and done again", func(t *testing.T, s *store, sum *collect.Summary) {
			half(t, s, sum, lost)
			if err := sum.Done(t.Context()); err != nil {
				t.Error(err)
			}
		}, 0},
		{"killed within Done", func(t *testing.T, s *store, sum *collect.Summary) {
			half(t, s, sum, dying)
			s.dead = false
		}, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(t)
			for _, owner := range []string{"a", "b"} {
				m := meter(s, owner)
				for range 3 {
					m.Called("pull", false)
				}
				flush(t, m)
			}
			n, sum := pulls(t, s)
			if n != 6 {
				t.Fatalf("%d unreported", n)
			}
			test.done(t, s, sum)
			if n, _ := pulls(t, s); n != test.again {
				t.Errorf("%d reported again, want %d", n, test.again)
			}
		})
	}
}

// half lets writes of marks fail: all of them, or the process with the first.
func half(t *testing.T, s *store, sum *collect.Summary, f fate) {
	t.Helper()
	first := true
	s.fate = func(write) fate {
		s.mu.Lock()
		defer s.mu.Unlock()
		if f == dying && !first {
			return dies
		}
		first = false
		return f
	}
	if err := sum.Done(t.Context()); !errors.Is(err, errStore) {
		t.Errorf("got %v", err)
	}
	s.fate = nil
}

func TestTamperedStatistics(t *testing.T) {
	for _, text := range []any{
		nil, int64(1), "", "null", "[]", "{", `{"functions":{"pull":null},"types":{"Audit.General":null}}`,
		`{"functions":{"pull":{"invocations":9}},"types":7}`, `{"types":{"Audit.General":{"theirs":null,"ours":["x"]}}}`,
	} {
		t.Run(fmt.Sprint(text), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t)
				m := meter(s, "a")
				m.Called("pull", false)
				flush(t, m)
				row := s.rows(t, "stats", statsPartition(time.Now()))[0]
				for _, name := range []string{"b", "b|reported", "|reported"} {
					row.Row, row.Fields = name, collect.Fields{"At": int64(1)}
					if text != nil {
						row.Fields["Stats"] = text
					}
					if _, err := s.Insert(t.Context(), row); err != nil {
						t.Fatal(err)
					}
				}
				n, sum := pulls(t, s)
				if n != 1 {
					t.Errorf("%d invocations", n)
				}
				if err := sum.Done(t.Context()); err != nil {
					t.Error(err)
				}
				// Our own row, too: what it had counted is lost with it, and nothing else.
				s.tamper(t, collect.Key{Kind: "stats", Partition: row.Partition, Row: "a"}, collect.Fields{"Stats": "{"})
				m.Called("pull", false)
				if err := m.Flush(t.Context()); !errors.Is(err, collect.ErrChanged) {
					t.Errorf("got %v", err)
				}
				flush(t, m)
				if n, _ := pulls(t, s); n != 1 {
					t.Errorf("%d invocations", n)
				}
			})
		})
	}
}

func statsPartition(at time.Time) string {
	return tenant + "|" + at.UTC().Truncate(15*time.Minute).Format("20060102T1504")
}

// Deliveries are counted by type, on the source's clock.
func TestDeliveriesAreMetered(t *testing.T) {
	s, to := open(t), &sink{t: t}
	d := delivery(to, s)
	d.Meter = meter(s, "a")
	d.Now = func() time.Time { return created.Add(time.Minute) }
	happened := created.Add(-time.Hour).Format("2006-01-02T15:04:05")
	raws := []string{`{"Id":"a","CreationTime":"` + happened + `"}`, `{"Id":"b"}`, `{"bad":tru}`}
	for range 2 { // what is a duplicate is not delivered again
		if _, err := d.Deliver(t.Context(), parcel("1"), read(raws...)); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, d.Meter)
	_, sum := pulls(t, s)
	flow := sum.Types["Audit.General"]
	if events, bytes := sum.Total(); events != 2 || bytes != int64(len(raws[0])+len(raws[1])) {
		t.Fatalf("%d events, %d bytes", events, bytes)
	}
	var theirs, ours collect.Lags
	theirs.Add(time.Hour, 1) // the undated one has none
	ours.Add(time.Minute, 2)
	if flow.Theirs != theirs || flow.Ours != ours {
		t.Errorf("theirs %v, ours %v", flow.Theirs, flow.Ours)
	}
}

// What expired is believed to be gone by the source's clock, not by ours.
func TestExpiryIsJudgedByTheSourcesClock(t *testing.T) {
	for _, test := range []struct {
		name   string
		source time.Duration // how far its clock is ahead of ours
		want   collect.State
	}{
		{"ours is behind", 8 * 24 * time.Hour, collect.Gone},
		{"ours is ahead", -8 * 24 * time.Hour, collect.Pending},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlant(t, fails(&collect.Fault{Verdict: collect.Missing, Err: errors.New("404")}))
				p.Delivery.Now = func() time.Time { return time.Now().Add(test.source) }
				c := fresh("1")
				if test.source < 0 {
					c.Expires = c.Created.Add(-time.Hour) // past, by our clock
				}
				stop := p.run(t, time.Hour)
				<-p.Submit(t.Context(), announce(t, p.Ledger, c))
				stop()
				if row := get(t, p.store, c); row.State != test.want {
					t.Errorf("row is %s", row.State)
				}
			})
		})
	}
}

// A meter that nobody asked for counts nothing, and breaks nothing.
func TestNoMeter(t *testing.T) {
	var m *collect.Meter
	m.Called("pull", false)
	m.Offered("Audit.Exchange", collect.Offered{Agreed: true})
	d := delivery(&sink{t: t}, open(t))
	if _, err := d.Deliver(context.Background(), parcel("1"), read(recs("r", 2)...)); err != nil {
		t.Error(err)
	}
}
