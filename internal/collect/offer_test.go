package collect_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

func TestOffer(t *testing.T) {
	heard := func(c collect.Content) collect.Content {
		c.URI, c.Expires = "https://elsewhere.example", created
		return c
	}
	listedAndFinished := func(state collect.State, ago time.Duration) func(*testing.T, *collect.Ledger, collect.Content) {
		return func(t *testing.T, l *collect.Ledger, c collect.Content) {
			if _, err := l.Offer(t.Context(), heard(c)); err != nil {
				t.Fatal(err)
			}
			for due, err := range l.Due(t.Context(), tenant, time.Now().Add(time.Minute)) {
				claim, failed := l.Take(t.Context(), due)
				if err != nil || failed != nil {
					t.Fatal(err, failed)
				}
				_ = finish(t.Context(), claim, state)
			}
			time.Sleep(ago) // in a bubble
		}
	}
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, l *collect.Ledger, c collect.Content)
		fresh   bool
		state   collect.State
		uri     string // "": the listed one
	}{
		{"new", func(*testing.T, *collect.Ledger, collect.Content) {}, true, collect.Pending, ""},
		{"announced and held", func(t *testing.T, l *collect.Ledger, c collect.Content) { announce(t, l, heard(c)) }, false, collect.Pending, ""},
		{"announced and expired", func(t *testing.T, l *collect.Ledger, c collect.Content) {
			_ = finish(t.Context(), announce(t, l, heard(c))[0], collect.Gone)
		}, true, collect.Pending, ""},
		{"announced and dead", func(t *testing.T, l *collect.Ledger, c collect.Content) {
			_ = finish(t.Context(), announce(t, l, heard(c))[0], collect.Dead)
		}, true, collect.Pending, ""},
		{"announced and delivered", func(t *testing.T, l *collect.Ledger, c collect.Content) {
			_ = finish(t.Context(), announce(t, l, heard(c))[0], collect.Done)
		}, false, collect.Done, ""},
		{"listed, expired, and listed again at once", listedAndFinished(collect.Gone, 0), false, collect.Gone, ""},
		{"listed, expired, and still listed an hour later", listedAndFinished(collect.Gone, time.Hour), true, collect.Pending, ""},
		{"listed, dead, and still listed an hour later", listedAndFinished(collect.Dead, time.Hour), true, collect.Pending, ""},
		{"listed, delivered, and still listed an hour later", listedAndFinished(collect.Done, time.Hour), false, collect.Done, "https://elsewhere.example"},
		{"listed before", func(t *testing.T, l *collect.Ledger, c collect.Content) {
			if _, err := l.Offer(t.Context(), heard(c)); err != nil {
				t.Fatal(err)
			}
		}, false, collect.Pending, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t)
				l := ledger(s, "first", false)
				c := fresh("1")
				test.prepare(t, l, c)
				o, err := l.Offer(t.Context(), c)
				if test.uri == "" {
					test.uri = c.URI
				}
				row := get(t, s, c)
				if err != nil || o.Fresh != test.fresh || row.State != test.state || row.URI != test.uri {
					t.Errorf("%+v, %v, row %+v", o, err, row)
				}
				if !row.Listed {
					t.Error("the row does not say that it is listed")
				}
			})
		})
	}
}

// The list speaks while somebody works on the content: the worker keeps its
// lease, learns the facts, and what it writes does not undo them.
func TestOfferDuringAClaim(t *testing.T) {
	s := open(t)
	l := ledger(s, "first", false)
	listed := fresh("1")
	heard := listed
	heard.URI, heard.Expires = "https://elsewhere.example", created
	claim := announce(t, l, heard)[0]
	// A renewal comes between the list's reading and writing: it is read again.
	s.fate = func(w write) fate {
		if w.kind == "content" && w.nth == 2 {
			if err := claim.Renew(t.Context()); err != nil {
				t.Error(err)
			}
		}
		return works
	}
	if o, err := ledger(s, "second", false).Offer(t.Context(), listed); o.Fresh || err != nil {
		t.Fatal(o, err)
	}
	if err := claim.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := claim.Content(); c.URI != listed.URI || !c.Expires.Equal(listed.Expires) || !c.Listed {
		t.Errorf("the claim has %+v", c)
	}
	if err := finish(t.Context(), claim, collect.Done); err != nil {
		t.Fatal(err)
	}
	if row := get(t, s, listed); row.URI != listed.URI || row.State != collect.Done {
		t.Errorf("row %+v", row)
	}
}

func TestTamperedContentRows(t *testing.T) {
	for _, test := range []struct {
		name   string
		change collect.Fields
		fails  bool // Take says so and leaves it alone
	}{
		{"another tenant", collect.Fields{"Tenant": "22222222-2222-3333-4444-555555555555"}, true},
		{"another type", collect.Fields{"Type": "Audit.Exchange"}, true},
		{"another content", collect.Fields{"ContentID": "2"}, true},
		{"another day", collect.Fields{"Created": created.AddDate(-1, 0, 0)}, true},
		{"wrong types", collect.Fields{"Tenant": int64(1), "Created": "now"}, true},
		{"unknown state", collect.Fields{"State": "foo"}, false},
		{"no state", collect.Fields{"State": int64(1)}, false},
		{"wrong types elsewhere", collect.Fields{"Attempts": "many", "Owner": true, "Delivered": []byte("x"), "Listed": "yes"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(t)
			l := ledger(s, "first", true)
			c := fresh("1")
			announce(t, l, c)
			s.tamper(t, c.Key(), test.change)
			claim, err := ledger(s, "second", true).Take(t.Context(), dues(t, s)[0])
			if (err != nil) != test.fails || (claim == nil) != test.fails {
				t.Errorf("claim %v, %v", claim, err)
			}
		})
	}
}

// A due row is a stranger's word too: one that leads nowhere neither hides those
// behind it nor stays for ever.
func TestTamperedDueRows(t *testing.T) {
	for _, row := range []string{"$", "0000", "20000101T000000.000|nothing", "20000101T000000.000", "99991231T000000.000|x"} {
		for _, fields := range []collect.Fields{
			{}, {"ContentPartition": "", "ContentRow": ""}, {"ContentPartition": int64(1)},
			{"ContentPartition": "no key/", "ContentRow": "?"}, {"ContentPartition": "nowhere", "ContentRow": "nothing"},
		} {
			t.Run(fmt.Sprint(row, fields), func(t *testing.T) {
				s := open(t)
				fields["At"] = time.Now().AddDate(1, 0, 0)
				if _, err := s.Insert(t.Context(), collect.Row{Key: collect.Key{Kind: "due", Partition: tenant, Row: row}, Fields: fields}); err != nil {
					t.Fatal(err)
				}
				l := ledger(s, "first", true)
				announce(t, l, fresh("1"))
				if n := takeAll(t, l, time.Now().Add(time.Hour)); n != 1 {
					t.Errorf("%d taken behind it", n)
				}
				if left := s.rows(t, "due", tenant); len(left) > 0 && row[0] != '9' {
					t.Errorf("left %+v", left)
				}
			})
		}
	}
}

// A long text in an error never keeps a row from being written.
func TestLedgerTakesAnyError(t *testing.T) {
	s := open(t)
	claim := announce(t, ledger(s, "first", false), fresh("1"))[0]
	long := string(make([]byte, 100_000)) + "\xff"
	if err := claim.Postpone(t.Context(), 0, func(c *collect.Content) { c.LastError = "€\xff" + long }); err != nil {
		t.Error(err)
	}
}

func TestAnnounceOfMany(t *testing.T) {
	s := open(t)
	var contents []collect.Content
	for i := range 250 {
		contents = append(contents, fresh(fmt.Sprint(i)))
	}
	l := ledger(s, "first", true)
	if claims := announce(t, l, contents...); len(claims) != 250 {
		t.Errorf("%d claims", len(claims))
	}
	if claims := announce(t, l, contents...); len(claims) != 0 {
		t.Errorf("%d claims on what is known", len(claims))
	}
	if left := dues(t, s); len(left) != 250 {
		t.Errorf("%d due rows", len(left))
	}
}

// What a row says of its attempts is a stranger's word too.
func TestARowWithImpossibleAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, fails(errors.New("connection reset")))
		c := fresh("1")
		announce(t, p.Ledger, c)
		p.store.tamper(t, c.Key(), collect.Fields{"Attempts": int64(-9)})
		stop := p.run(t, time.Minute)
		time.Sleep(5 * time.Minute)
		stop()
		if row := get(t, p.store, c); row.State != collect.Pending || row.LastError == "" {
			t.Errorf("row %+v", row)
		}
	})
}
