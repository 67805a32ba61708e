package collect_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

// everyMinute lets Requeue run as its timer does, and returns in which minutes
// from now it told of a content.
func everyMinute(t *testing.T, l *collect.Ledger, s *store, minutes, most int) map[collect.Key][]int {
	t.Helper()
	told := map[collect.Key][]int{}
	before := time.Now().Add(-10 * time.Minute)
	s.wakes()
	began := time.Now()
	for range minutes {
		time.Sleep(time.Minute - time.Since(began)%time.Minute)
		now := time.Now()
		n, err := l.Requeue(t.Context(), tenant, before, now, most)
		if err != nil {
			t.Fatal(err)
		}
		before = now
		woken := s.wakes()
		if n != len(woken) || n > most {
			t.Errorf("says that it told of %d, at most %d, and told of %d", n, most, len(woken))
		}
		for _, w := range woken {
			told[w.content] = append(told[w.content], int(now.Sub(began)/time.Minute))
		}
	}
	return told
}

// Nobody comes for a content: it is told of once per rung, however often we look.
func TestRequeueClimbs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := open(t), fresh("1")
		l := ledger(s, "pull", false)
		offered(t, ledger(s.Store, "dead", false), c)
		told := everyMinute(t, l, s, 30, 100)[c.Key()]
		// The content was due a moment before the first minute began.
		if want := []int{2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30}; !slices.Equal(told, want) {
			t.Errorf("told in the minutes %v, want %v", told, want)
		}
		// Another process, which was not there before, tells of it at once.
		if n, err := ledger(s, "new", false).Requeue(t.Context(), tenant, time.Time{}, time.Now(), 100); n != 1 || err != nil {
			t.Errorf("told of %d, %v", n, err)
		}
	})
}

func TestRequeueTellsOfTheMostOverdueFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		var contents []collect.Content
		for i := range 5 {
			contents = append(contents, fresh(fmt.Sprint(i)))
			offered(t, ledger(s.Store, "dead", false), contents[i])
		}
		time.Sleep(3 * time.Minute)
		l := ledger(s, "pull", false)
		if n, err := l.Requeue(t.Context(), tenant, time.Time{}, time.Now(), 2); n != 2 || err != nil {
			t.Errorf("told of %d, %v", n, err)
		}
		for i, w := range s.wakes() {
			if w.content != contents[i].Key() {
				t.Errorf("number %d is %v", i, w)
			}
		}
	})
}

func TestRequeueLeavesInPeace(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, s *store, c collect.Content)
		settled int // in which minute its due row is gone; 0: it stays
	}{
		{"in hand elsewhere", func(t *testing.T, s *store, c collect.Content) {
			renewFor(t, announce(t, ledger(s.Store, "other", false), c)[0])
		}, 0},
		{"in our hand", func(t *testing.T, s *store, c collect.Content) {
			renewFor(t, announce(t, ledger(s.Store, "pull", false), c)[0])
		}, 0},
		{"resting", func(t *testing.T, s *store, c collect.Content) {
			claim := announce(t, ledger(s.Store, "other", false), c)[0]
			_ = claim.Postpone(t.Context(), time.Hour, func(*collect.Content) {})
		}, 0},
		{"resting, its old due row left over", func(t *testing.T, s *store, c collect.Content) {
			half := &store{Store: s.Store, fate: nth("due", 3, dies)}
			claim := announce(t, ledger(half, "other", false), c)[0]
			if err := claim.Postpone(t.Context(), time.Hour, func(*collect.Content) {}); !errors.Is(err, errStore) {
				t.Fatal(err)
			}
		}, 11}, // due a minute on, the lease of its announcement
		{"finished, its due row left over", func(t *testing.T, s *store, c collect.Content) {
			half := &store{Store: s.Store, fate: nth("due", 2, dies)}
			if err := finish(t.Context(), announce(t, ledger(half, "other", false), c)[0], collect.Done); !errors.Is(err, errStore) {
				t.Fatal(err)
			}
		}, 11},
		{"an orphan", func(t *testing.T, s *store, c collect.Content) {
			half := &store{Store: s.Store, fate: nth("content", 1, dies)}
			if _, err := ledger(half, "other", false).Offer(t.Context(), c); !errors.Is(err, errStore) {
				t.Fatal(err)
			}
		}, 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, c := open(t), fresh("1")
				test.prepare(t, s, c)
				time.Sleep(time.Second) // so that no age is a whole number of minutes
				l := ledger(s, "pull", false)
				gone, all := 0, len(dues(t, s))
				before := time.Now()
				for minute := 1; minute <= 20; minute++ {
					time.Sleep(time.Minute)
					if n, err := l.Requeue(t.Context(), tenant, before, time.Now(), 100); n != 0 || err != nil {
						t.Errorf("minute %d: told of %d, %v", minute, n, err)
					}
					before = time.Now()
					if gone == 0 && len(dues(t, s)) < all {
						gone = minute
					}
				}
				if gone != test.settled {
					t.Errorf("a due row is settled in minute %d, want %d", gone, test.settled)
				}
			})
		})
	}
}

// renewFor keeps a lease as a worker does, for the rest of the test.
func renewFor(t *testing.T, claim *collect.Claim) {
	ended := make(chan struct{})
	ctx := t.Context()
	go func() {
		defer close(ended)
		for collect.Wait(ctx, collect.LeaseTime/3) == nil {
			_ = claim.Renew(ctx)
		}
	}()
	t.Cleanup(func() { <-ended }) // the context ends before
}

// A due row of somebody else's making is settled, and hides nothing behind it.
func TestRequeueOverTamperedDueRows(t *testing.T) {
	for _, name := range []string{"$", "0000", "00010101T000000.000|x", "17000101T000000.000|x", "19990101T000000.000|x"} {
		for _, fields := range []collect.Fields{
			{}, {"ContentPartition": "no key/", "ContentRow": "?"}, {"ContentPartition": "nowhere", "ContentRow": "nothing"},
		} {
			t.Run(fmt.Sprint(name, fields), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s, c := open(t), fresh("1")
					if _, err := s.Insert(t.Context(), collect.Row{Key: collect.Key{Kind: "due", Partition: tenant, Row: name}, Fields: fields}); err != nil {
						t.Fatal(err)
					}
					offered(t, ledger(s.Store, "dead", false), c)
					told := everyMinute(t, ledger(s, "pull", false), s, 6, 100)
					if len(told) != 1 || !slices.Equal(told[c.Key()], []int{2, 4, 6}) {
						t.Errorf("told %v", told)
					}
					if left := dues(t, s); len(left) != 1 {
						t.Errorf("left %+v", left)
					}
				})
			})
		}
	}
}

// A queue that is down is said, once for each content, and they are told of later.
func TestRequeueWithoutAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := open(t), fresh("1")
		offered(t, ledger(s.Store, "dead", false), c)
		time.Sleep(3 * time.Minute)
		s.fate = nth("wake", 1, lost)
		l := ledger(s, "pull", false)
		if _, err := l.Requeue(t.Context(), tenant, time.Time{}, time.Now(), 100); !errors.Is(err, errStore) {
			t.Errorf("got %v", err)
		}
		if told := everyMinute(t, l, s, 10, 100)[c.Key()]; len(told) < 2 {
			t.Errorf("told in the minutes %v", told)
		}
	})
}
