package collect_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

func TestRuns(t *testing.T) {
	s := open(t)
	keep := func(r collect.Run) {
		t.Helper()
		if err := collect.KeepRun(t.Context(), s, tenant, r); err != nil {
			t.Fatal(err)
		}
	}
	runs := func() (all []collect.Run) {
		t.Helper()
		for r, err := range collect.Runs(t.Context(), s, tenant) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
		return all
	}
	keep(collect.Run{Function: "pull", At: created, Error: "AF20022"})
	findings := []collect.Finding{{Code: "AZC1001", Text: "rotate the secret"}}
	keep(collect.Run{Function: "master", At: created, Took: time.Second, Findings: findings})
	keep(collect.Run{Function: "pull", At: at(1)}) // only the last one counts
	for _, row := range []string{"run|", "run|x", "subscription|Audit.General", "runs"} {
		if _, err := s.Insert(t.Context(), collect.Row{Key: collect.Key{Kind: "tenant", Partition: tenant, Row: row}, Fields: collect.Fields{"Run": "{"}}); err != nil {
			t.Fatal(err)
		}
	}
	got := runs()
	if len(got) != 2 || got[0].Function != "master" || got[0].Took != time.Second || fmt.Sprint(got[0].Findings) != fmt.Sprint(findings) ||
		got[1].Function != "pull" || !got[1].At.Equal(at(1)) || got[1].Error != "" {
		t.Errorf("got %+v", got)
	}

	// Whatever strangers say, it fits into a row, and the first finding is there.
	long := strings.Repeat("\x00€\xff", 40_000)
	var many []collect.Finding
	for i := range 200 {
		many = append(many, collect.Finding{Code: fmt.Sprint("AZC", i), Text: long})
	}
	keep(collect.Run{Function: "pull", Error: long, Findings: many})
	got = runs()
	if n := len(got[1].Findings); n == 0 || got[1].Findings[0].Code != "AZC0" || got[1].Error == "" {
		t.Errorf("%d findings, error of %d bytes", n, len(got[1].Error))
	}
	if many[0].Text != long {
		t.Error("the caller's findings were changed")
	}
}

// A run that another process kept at the same time counts as well as ours.
func TestRunsOfTwoProcesses(t *testing.T) {
	for n := range 2 {
		s := open(t)
		for range n { // the row is there, or not yet
			if err := collect.KeepRun(t.Context(), s.Store, tenant, collect.Run{Function: "pull"}); err != nil {
				t.Fatal(err)
			}
		}
		s.fate = func(write) fate {
			if err := collect.KeepRun(t.Context(), s.Store, tenant, collect.Run{Function: "pull", At: created}); err != nil {
				t.Error(err)
			}
			return works
		}
		if err := collect.KeepRun(t.Context(), s, tenant, collect.Run{Function: "pull"}); err != nil {
			t.Error(err)
		}
		s.fate = func(write) fate { return lost }
		if err := collect.KeepRun(t.Context(), s, tenant, collect.Run{Function: "pull"}); !errors.Is(err, errStore) {
			t.Errorf("got %v", err)
		}
	}
}

func TestDailies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to, l := open(t), newPicky(t, bad), (*collect.Ledger)(nil)
		l = ledger(s, "first", true)
		collected(t, s, to, fresh("1"), rec("a", 10, ""), rec("b", 10, "bad"))
		collected(t, s, to, fresh("2"), rec("c", 10, "bad"))
		pending, other := fresh("3"), fresh("4")
		other.Type = "Audit.Exchange"
		announce(t, l, pending, other, on(1, "5"))
		totals, err := l.Totals(t.Context(), tenant, time.Now())
		if err != nil || len(totals) != 2 {
			t.Fatal(totals, err)
		}
		d := totals["Audit.General"]
		if fmt.Sprint(d.Contents) != "map[dead:1 delivered:1 pending:1]" || d.Delivered != 1 || d.Dead != 2 || d.Records() != 3 {
			t.Errorf("%v, %+v", d.Contents, d.Tally)
		}
		d.Contents[collect.Gone] = 7
		for _, keep := range []*collect.Daily{totals["Audit.Exchange"], {Tenant: tenant, Type: "Audit.General", Day: d.Day}, d} { // counted again, over the first
			if err := collect.KeepDaily(t.Context(), s, *keep); err != nil {
				t.Fatal(err)
			}
		}
		var kept []collect.Daily
		for d, err := range collect.Dailies(t.Context(), s, tenant) {
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, d)
		}
		if len(kept) != 2 || kept[0].Type != "Audit.Exchange" || kept[0].Contents[collect.Pending] != 1 ||
			kept[1].Tally != d.Tally || !kept[1].Day.Equal(d.Day) || fmt.Sprint(kept[1].Contents) != "map[dead:1 delivered:1 expired:7 pending:1]" {
			t.Errorf("kept %+v", kept)
		}
	})
}
