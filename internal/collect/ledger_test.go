package collect_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

func ledger(s collect.Store, owner string, sole bool) *collect.Ledger {
	return &collect.Ledger{Store: s, Owner: owner, Sole: sole}
}

// fresh is a content created this moment, as the source's list has it.
func fresh(id string) collect.Content {
	c := parcel(id)
	c.Created = time.Now().UTC().Truncate(time.Millisecond)
	c.Expires = c.Created.AddDate(0, 0, 7)
	return c
}

func announce(t *testing.T, l *collect.Ledger, contents ...collect.Content) []*collect.Claim {
	t.Helper()
	claims, err := l.Announce(t.Context(), contents)
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

func finish(ctx context.Context, claim *collect.Claim, state collect.State) error {
	return claim.Finish(ctx, func(c *collect.Content) { c.State = state })
}

// dues are all of a tenant's due rows, whenever they are due.
func dues(t *testing.T, s *store) (dues []collect.Due) {
	t.Helper()
	for due, err := range ledger(s.Store, "", false).Due(t.Context(), tenant, time.Now().AddDate(1, 0, 0)) {
		if err != nil {
			t.Fatal(err)
		}
		dues = append(dues, due)
	}
	return dues
}

// takeAll takes what is due until a time and finishes it; it counts the claims.
func takeAll(t *testing.T, l *collect.Ledger, until time.Time) (claimed int) {
	t.Helper()
	for due, err := range l.Due(t.Context(), tenant, until) {
		if err != nil {
			t.Fatal(err)
		}
		claim, err := l.Take(t.Context(), due)
		if err != nil {
			t.Fatal(err)
		}
		if claim != nil {
			claimed++
			if err := finish(t.Context(), claim, collect.Done); err != nil {
				t.Fatal(err)
			}
		}
	}
	return claimed
}

func get(t *testing.T, s *store, c collect.Content) collect.Content {
	t.Helper()
	for found, err := range ledger(s.Store, "", false).Contents(t.Context(), tenant, c.Created) {
		if err != nil {
			t.Fatal(err)
		}
		if found.ID == c.ID {
			return found
		}
	}
	return collect.Content{}
}

// Wherever a process is killed, another one finds every pending content through
// its due row and finishes it, and no due row is left at the end.
func TestLedgerSurvivesAKillAnywhere(t *testing.T) {
	none := func(context.Context, *testing.T, *collect.Ledger, collect.Content) {}
	claimed := func(ctx context.Context, t *testing.T, l *collect.Ledger, c collect.Content) *collect.Claim {
		return announce(t, l, c)[0]
	}
	for _, test := range []struct {
		name    string
		prepare func(context.Context, *testing.T, *collect.Ledger, collect.Content) // on a store that works
		do      func(context.Context, *collect.Ledger, collect.Content) error
	}{
		{"announce", none, func(ctx context.Context, l *collect.Ledger, c collect.Content) error {
			_, err := l.Announce(ctx, []collect.Content{c})
			return err
		}},
		{"announce what is known", func(ctx context.Context, t *testing.T, l *collect.Ledger, c collect.Content) { claimed(ctx, t, l, c) },
			func(ctx context.Context, l *collect.Ledger, c collect.Content) error {
				_, err := l.Announce(ctx, []collect.Content{c})
				return err
			}},
		{"postpone", none, func(ctx context.Context, l *collect.Ledger, c collect.Content) error {
			claims, err := l.Announce(ctx, []collect.Content{c})
			if err != nil {
				return err
			}
			return claims[0].Postpone(ctx, time.Second, func(*collect.Content) {})
		}},
		{"postpone by an hour", none, func(ctx context.Context, l *collect.Ledger, c collect.Content) error {
			claims, err := l.Announce(ctx, []collect.Content{c})
			if err != nil {
				return err
			}
			return claims[0].Postpone(ctx, time.Hour, func(*collect.Content) {})
		}},
		{"finish", none, func(ctx context.Context, l *collect.Ledger, c collect.Content) error {
			claims, err := l.Announce(ctx, []collect.Content{c})
			if err != nil {
				return err
			}
			return finish(ctx, claims[0], collect.Done)
		}},
		{"offer", none, func(ctx context.Context, l *collect.Ledger, c collect.Content) error {
			_, err := l.Offer(ctx, c)
			return err
		}},
		{"offer what is pending", func(ctx context.Context, t *testing.T, l *collect.Ledger, c collect.Content) { claimed(ctx, t, l, c) },
			func(ctx context.Context, l *collect.Ledger, c collect.Content) error {
				_, err := l.Offer(ctx, c)
				return err
			}},
		{"offer what expired", func(ctx context.Context, t *testing.T, l *collect.Ledger, c collect.Content) {
			if err := finish(ctx, claimed(ctx, t, l, c), collect.Gone); err != nil {
				t.Fatal(err)
			}
		}, func(ctx context.Context, l *collect.Ledger, c collect.Content) error {
			_, err := l.Offer(ctx, c)
			return err
		}},
	} {
		for _, how := range []fate{dies, dying, lost, unheard} {
			for _, sole := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/sole %v", test.name, how, sole), func(t *testing.T) {
					for step, more := 1, true; more; step++ {
						synctest.Test(t, func(t *testing.T) {
							s := open(t)
							c := fresh("1")
							test.prepare(t.Context(), t, ledger(s.Store, "first", sole), c)
							more = false
							s.fate = func(w write) fate {
								if w.total == step {
									more = true
									return how
								}
								return works
							}
							failed := test.do(t.Context(), ledger(s, "first", sole), c) != nil
							recovered(t, s, c, sole, failed)
						})
					}
				})
			}
		}
	}
}

// recovered lets another process go on and judges where it gets to.
func recovered(t *testing.T, s *store, c collect.Content, sole, failed bool) {
	t.Helper()
	before := get(t, s, c)
	if before.State == "" && !failed {
		t.Fatal("success was reported of a content that is in no row")
	}
	next := ledger(s.Store, "second", sole)
	if sole { // at once: nobody else can hold it
		takeAll(t, next, time.Now().Add(time.Hour))
		if now := get(t, s, c); before.State == collect.Pending && now.State != collect.Done {
			t.Errorf("step leaves %s, and the next process does not find it at once", before.State)
		}
	}
	for range 18 {
		time.Sleep(5 * time.Minute)
		takeAll(t, next, time.Now())
	}
	if now := get(t, s, c); before.State == collect.Pending && now.State != collect.Done {
		t.Errorf("step leaves %s, and 90 minutes on it is %s", before.State, now.State)
	}
	if left := dues(t, s); len(left) > 0 {
		t.Errorf("due rows are left: %+v", left)
	}
}

func TestLeases(t *testing.T) {
	for _, test := range []struct {
		name  string
		owner string
		sole  bool
		after time.Duration // from the announcement
		taken int
	}{
		{"another's that lives", "second", false, 59 * time.Second, 0},
		{"another's that ended", "second", false, 61 * time.Second, 1},
		{"a dead owner's of a store of our own", "second", true, 0, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t)
				claim := announce(t, ledger(s, "first", false), fresh("1"))[0]
				time.Sleep(test.after)
				if n := takeAll(t, ledger(s, test.owner, test.sole), time.Now().Add(2*time.Minute)); n != test.taken {
					t.Errorf("%d taken, want %d", n, test.taken)
				}
				if err := claim.Renew(t.Context()); errors.Is(err, collect.ErrLost) != (test.taken > 0) {
					t.Errorf("renew: %v", err)
				}
				err := claim.Postpone(t.Context(), 0, func(*collect.Content) {})
				if now := get(t, s, claim.Content()); test.taken > 0 && (!errors.Is(err, collect.ErrLost) || now.State != collect.Done) {
					t.Errorf("a lost claim writes: %v, row %+v", err, now)
				}
			})
		})
	}
}

// Our own write that seemed to fail does not look like another process's.
func TestRenewalThatArrivedUnheard(t *testing.T) {
	s := open(t)
	l := ledger(s, "first", false)
	claim := announce(t, l, fresh("1"))[0]
	s.fate = func(w write) fate {
		if w.kind == "content" && w.nth == 2 {
			return unheard
		}
		return works
	}
	if err := claim.Renew(t.Context()); !errors.Is(err, errStore) {
		t.Fatal(err)
	}
	if err := finish(t.Context(), claim, collect.Done); err != nil {
		t.Error(err)
	}
	if left := dues(t, s); len(left) > 0 {
		t.Errorf("left %+v", left)
	}
}

// Two processes are told of one content in the same millisecond. Whichever
// records it, its due row is not taken away by the other.
func TestAnnouncedTwiceInOneMillisecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		c := fresh("1")
		s.fate = func(w write) fate { // just before the first one writes, the second one does all
			if w.total == 1 {
				if claims := announce(t, ledger(s.Store, "second", false), c); len(claims) != 1 {
					t.Errorf("second has %d claims", len(claims))
				}
			}
			return works
		}
		if claims := announce(t, ledger(s, "first", false), c); len(claims) != 0 {
			t.Errorf("first has %d claims", len(claims))
		}
		if left := dues(t, s); len(left) != 1 {
			t.Errorf("due rows %+v", left)
		}
		recovered(t, s, c, false, false) // both are killed now
	})
}

// While Offer is between its two rows somebody looks at the due row: it stays.
func TestDueRowBetweenItsWritersTwoWrites(t *testing.T) {
	for _, state := range []collect.State{"", collect.Gone, collect.Dead} {
		t.Run(string(state), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t)
				c := fresh("1")
				if state != "" {
					if err := finish(t.Context(), announce(t, ledger(s.Store, "first", true), c)[0], state); err != nil {
						t.Fatal(err)
					}
				}
				s.fate = func(w write) fate {
					if w.kind == "content" {
						takeAll(t, ledger(s.Store, "second", true), time.Now().Add(time.Minute))
					}
					return works
				}
				if o, err := ledger(s, "first", true).Offer(t.Context(), c); !o.Fresh || err != nil {
					t.Fatal(o, err)
				}
				if n := takeAll(t, ledger(s.Store, "second", true), time.Now()); n != 1 {
					t.Errorf("the content is not found: %d taken", n)
				}
			})
		})
	}
}
