package collect_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

// Whoever may be needed is told once, for when there is something to do; where
// nobody else works nobody is told.
func TestWake(t *testing.T) {
	announced := func(t *testing.T, l *collect.Ledger, c collect.Content) { announce(t, l, c) }
	nothing := func(*testing.T, *collect.Ledger, collect.Content) {}
	for _, test := range []struct {
		name    string
		prepare func(*testing.T, *collect.Ledger, collect.Content)
		do      func(*testing.T, *collect.Ledger, collect.Content)
		after   time.Duration // when the one who is told shall look; below zero: nobody is
	}{
		{"announce", nothing, announced, collect.LeaseTime},
		{"announce what is known", announced, announced, -1},
		{"offer", nothing, offered, 0},
		{"offer what is pending", announced, offered, -1},
		{"offer what expired", func(t *testing.T, l *collect.Ledger, c collect.Content) {
			_ = finish(t.Context(), announce(t, l, c)[0], collect.Gone)
		}, offered, 0},
		{"postpone", announced, func(t *testing.T, l *collect.Ledger, c collect.Content) {
			if err := reclaim(t, l, c).Postpone(t.Context(), 7*time.Minute, func(*collect.Content) {}); err != nil {
				t.Fatal(err)
			}
		}, 7 * time.Minute},
		{"finish", announced, func(t *testing.T, l *collect.Ledger, c collect.Content) {
			if err := finish(t.Context(), reclaim(t, l, c), collect.Done); err != nil {
				t.Fatal(err)
			}
		}, -1},
	} {
		for _, sole := range []bool{false, true} {
			t.Run(test.name+map[bool]string{false: " among others", true: " alone"}[sole], func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s, c := open(t), fresh("1")
					test.prepare(t, ledger(s.Store, "first", sole), c)
					began := time.Now()
					test.do(t, ledger(s, "first", sole), c)
					told := s.wakes()
					if test.after < 0 || sole {
						if len(told) != 0 {
							t.Errorf("told %v", told)
						}
						return
					}
					if len(told) != 1 || told[0].content != c.Key() || told[0].at.Sub(began).Truncate(time.Second) != test.after {
						t.Fatalf("told %v, want one for %s after %s", told, test.after, began)
					}
					if due := dues(t, s); len(due) != 1 || !due[0].At.Equal(told[0].at) {
						t.Errorf("due rows %+v say otherwise than %s", due, told[0].at)
					}
				})
			})
		}
	}
}

func offered(t *testing.T, l *collect.Ledger, c collect.Content) {
	t.Helper()
	if _, err := l.Offer(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// reclaim takes a content whose due row may still be in the future.
func reclaim(t *testing.T, l *collect.Ledger, c collect.Content) *collect.Claim {
	t.Helper()
	claim, err := l.Take(t.Context(), collect.Due{At: time.Now().Add(24 * time.Hour), Content: c.Key()})
	if err != nil || claim == nil {
		t.Fatal(claim, err)
	}
	return claim
}

// A queue that is down keeps nobody from recording; Requeue tells later.
func TestWakeThatFailsIsNoFailure(t *testing.T) {
	s := open(t)
	s.fate = func(w write) fate {
		if w.kind == "wake" {
			return lost
		}
		return works
	}
	l := ledger(s, "first", false)
	claim := announce(t, l, fresh("1"))[0]
	if err := claim.Postpone(t.Context(), 0, func(*collect.Content) {}); err != nil {
		t.Error(err)
	}
	offered(t, l, fresh("2"))
	if told := s.wakes(); len(told) != 0 || len(dues(t, s)) != 2 {
		t.Errorf("told %v, due %+v", told, dues(t, s))
	}
}

// call lets a message name a content, as another process's worker has it.
func call(t *testing.T, p *plant, content collect.Key) {
	t.Helper()
	tried, err := p.Call(t.Context(), content)
	if err != nil {
		t.Error(err)
	}
	<-tried
}

func TestCall(t *testing.T) {
	for _, test := range []struct {
		name     string
		prepare  func(t *testing.T, other *collect.Ledger, c collect.Content)
		calls    int
		attempts int
		state    collect.State
	}{
		{"offered", offered, 1, 1, collect.Done},
		{"offered, and the message comes twice", offered, 2, 1, collect.Done},
		{"the lease of who announced it has ended", func(t *testing.T, other *collect.Ledger, c collect.Content) {
			announce(t, other, c)
			time.Sleep(collect.LeaseTime)
		}, 2, 1, collect.Done},
		{"leased to another one", func(t *testing.T, other *collect.Ledger, c collect.Content) {
			announce(t, other, c)
		}, 2, 0, collect.Pending},
		{"resting", func(t *testing.T, other *collect.Ledger, c collect.Content) {
			_ = announce(t, other, c)[0].Postpone(t.Context(), time.Minute, func(*collect.Content) {})
		}, 2, 0, collect.Pending},
		{"the message comes a little early", func(t *testing.T, other *collect.Ledger, c collect.Content) {
			_ = announce(t, other, c)[0].Postpone(t.Context(), 4*time.Second, func(*collect.Content) {})
		}, 1, 1, collect.Done},
		{"finished", func(t *testing.T, other *collect.Ledger, c collect.Content) {
			_ = finish(t.Context(), announce(t, other, c)[0], collect.Gone)
		}, 2, 0, collect.Gone},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlant(t, one)
				p.Ledger.Sole = false
				stop := p.run(t, 24*time.Hour)
				c := fresh("1")
				test.prepare(t, ledger(p.store.Store, "other", false), c)
				before := get(t, p.store, c)
				for range test.calls {
					call(t, p, c.Key())
				}
				stop()
				row := get(t, p.store, c)
				if len(p.reported()) != test.attempts || len(p.sink.got()) != test.attempts || row.State != test.state {
					t.Errorf("%+v, %d delivered, %s", p.reported(), len(p.sink.got()), row.State)
				}
				if test.attempts == 0 && row != before {
					t.Errorf("the row was %#v and is %#v", before, row)
				}
			})
		})
	}
}

// Whoever can write to the queue cannot make us write anything.
func TestHostileMessages(t *testing.T) {
	for _, test := range []struct {
		name    string
		content collect.Key
		says    string // what is reported; "": nothing
	}{
		{"no such row", collect.Key{Kind: "content", Partition: tenant + "|20000101", Row: "Audit.General|2"}, ""},
		{"no such partition", collect.Key{Kind: "content", Partition: "nobody|20000101", Row: "Audit.General|1"}, ""},
		{"no key", collect.Key{Kind: "content", Partition: "../..", Row: "?sig=x"}, ""},
		{"no partition", collect.Key{Kind: "content"}, ""},
		{"a long key", collect.Key{Kind: "content", Partition: strings.Repeat("p", 5000), Row: strings.Repeat("r", 5000)}, ""},
		{"a row that names another content", collect.Key{Kind: "content", Partition: tenant + "|20000101", Row: "Audit.General|forged"}, "names another content"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlant(t, one)
				p.Ledger.Sole = false
				stop := p.run(t, 24*time.Hour)
				c := fresh("1")
				announce(t, ledger(p.store.Store, "other", false), c)
				forged, err := p.store.Get(t.Context(), c.Key())
				if err != nil {
					t.Fatal(err)
				}
				forged.Row = "Audit.General|forged"
				if _, err := p.store.Store.Insert(t.Context(), forged); err != nil {
					t.Fatal(err)
				}
				call(t, p, test.content)
				call(t, p, test.content)
				stop()
				p.store.mu.Lock()
				writes := p.store.total
				p.store.mu.Unlock()
				if writes != 0 || p.sink.count() != 0 {
					t.Errorf("%d writes, %d sends", writes, p.sink.count())
				}
				reports := p.reported()
				if test.says == "" && len(reports) > 0 {
					t.Errorf("reported %+v", reports)
				}
				if test.says != "" && (len(reports) != 2 || !strings.Contains(reports[0].err.Error(), test.says)) {
					t.Errorf("reported %+v", reports)
				}
			})
		})
	}
}

func TestCallThatCannotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := newPlant(t, func(ctx context.Context, c collect.Content, salvage bool) iter.Seq2[collect.Record, error] {
			<-release
			return one(ctx, c, salvage)
		})
		p.Concurrency = 1
		a, b := fresh("a"), fresh("b")
		offered(t, p.Ledger, a)
		offered(t, p.Ledger, b)
		stop := p.run(t, 24*time.Hour)
		impatient, end := context.WithCancel(t.Context())
		tried, err := p.Call(impatient, a.Key())
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		call(t, p, a.Key()) // a second message of what is in hand is settled at once
		select {
		case <-tried:
			t.Error("what is in hand counts as tried")
		default:
		}
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := p.Call(impatient, b.Key()); !errors.Is(err, context.Canceled) {
				t.Errorf("the one that waits: %v", err)
			}
		})
		synctest.Wait()
		end()
		group.Wait()
		close(release) // who was begun is worked on, whoever waits
		<-tried
		if row := get(t, p.store, a); row.State != collect.Done {
			t.Errorf("what was begun: %s", row.State)
		}
		if row := get(t, p.store, b); row.State != collect.Pending || row.Owner != "" {
			t.Errorf("what was not begun: %s, owner %q", row.State, row.Owner)
		}
		call(t, p, b.Key()) // the message comes again
		stop()
		same(t, p.sink.got(), rec("only a", 10, ""), rec("only b", 10, ""))
	})
}

// Whatever a message holds, it names a content's row or nothing, and what names
// one is read back as it was written.
func FuzzReadMessage(f *testing.F) {
	f.Add(collect.Message(collect.Key{Kind: "content", Partition: "t|20261101", Row: "Audit.General|1$2"}))
	for _, seed := range []string{"", "null", "{}", `{"partition":"p"}`, `{"partition":"p","row":"r","kind":"registration"}`,
		`{"Kind":"due","partition":"p","row":"r"}`, `{"partition":"p","row":"r"}{}`, `["p","r"]`, `"{\"partition\":\"p\"}"`,
		`{"partition":"https://elsewhere.example","row":"\u0000"}`, "{\"partition\":\"\xff\",\"row\":\"r\"}", strings.Repeat("[", 20_000)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		key, err := collect.ReadMessage(payload)
		if err != nil {
			if key != (collect.Key{}) {
				t.Errorf("%v, and names %+v", err, key)
			}
			return
		}
		if key.Kind != "content" || key.Partition == "" || key.Row == "" {
			t.Errorf("names %+v", key)
		}
		if again, err := collect.ReadMessage(collect.Message(key)); again != key || err != nil {
			t.Errorf("%+v is read back as %+v, %v", key, again, err)
		}
	})
}
