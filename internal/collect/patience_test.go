package collect_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

// stubborn is the id of a content whose source fails for days, each time after
// failsAfter; all others are read at once.
const (
	stubborn   = "stubborn"
	failsAfter = 20 * time.Second
)

// ailing is a source that answers for the stubborn content with one error after
// the other, and for others, or from a time on, with its record.
func ailing(born, recovers time.Time) collect.Source {
	return func(ctx context.Context, c collect.Content, salvage bool) iter.Seq2[collect.Record, error] {
		if c.ID != stubborn || !time.Now().Before(recovers) {
			return one(ctx, c, salvage)
		}
		var fault collect.Fault
		switch age := time.Since(born); {
		case age < 2*day:
			fault = collect.Fault{Verdict: collect.Temporary, Code: "503", Err: errors.New("service unavailable")}
		case age < 4*day:
			fault = collect.Fault{Verdict: collect.Temporary, Code: "500", Err: errors.New("<html>an error occurred</html>")}
		default:
			fault = collect.Fault{Verdict: collect.Missing, Code: "404", Err: errors.New("not found")}
		}
		return func(yield func(collect.Record, error) bool) {
			_ = collect.Wait(ctx, failsAfter)
			yield(collect.Record{}, &fault)
		}
	}
}

// One content may fail for six days: it is tried again within the hour, nobody
// else waits for it, and it ends well, or as a loss that is counted once.
func TestOneContentFailsForDays(t *testing.T) {
	const hourly = 12 // contents that pass, every hour
	for _, test := range []struct {
		name     string
		recovers time.Duration
		want     collect.State
		ends     time.Duration // no sooner, and not an hour later
	}{
		{"and recovers", 6 * day, collect.Done, 6 * day},
		{"and never recovers", 100 * day, collect.Gone, 7 * day},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				born := time.Now()
				p := newPlant(t, ailing(born, born.Add(test.recovers)))
				p.Concurrency = 8
				stop := p.run(t, time.Minute)
				failing := fresh(stubborn)
				p.Submit(t.Context(), announce(t, p.Ledger, failing))
				for n := 0; time.Since(born) < 8*day; time.Sleep(time.Hour) {
					var contents []collect.Content
					for ; n < hourly*(1+int(time.Since(born)/time.Hour)); n++ {
						contents = append(contents, fresh(fmt.Sprint(n)))
					}
					p.Submit(t.Context(), announce(t, p.Ledger, contents...))
				}
				stop()

				tries, last := 0, time.Time{}
				for _, a := range p.reported() {
					if a.content.ID != stubborn {
						if a.err != nil || a.content.Attempts != 1 || a.at.Sub(a.content.Created) > failsAfter/2 {
							t.Fatalf("content %s waits: attempt %d ends %s after its creation with %v", a.content.ID, a.content.Attempts, a.at.Sub(a.content.Created), a.err)
						}
						continue
					}
					// Due within the hour, found by the look every minute.
					if most := time.Hour + time.Minute + failsAfter; tries > 0 && a.at.Sub(last) > most {
						t.Errorf("attempt %d comes after %s", tries+1, a.at.Sub(last))
					}
					tries, last = tries+1, a.at
				}
				row := get(t, p.store, failing)
				late := row.Finished.Sub(born)
				if row.State != test.want || late < test.ends || late > test.ends+time.Hour+2*time.Minute || row.Attempts != int64(tries) || row.Owner != "" {
					t.Errorf("ended after %s: %+v", late, row)
				}
				if least, most := int(test.ends/time.Hour), 2*int(test.ends/time.Hour)+20; tries < least || tries > most {
					t.Errorf("%d attempts, want %d to %d", tries, least, most)
				}
				judgeDays(t, p, born, test.want, 8*24*hourly)
			})
		})
	}
}

// judgeDays fails unless the ledger counts n contents that passed and one that
// came to its own end, and nothing is left to do.
func judgeDays(t *testing.T, p *plant, born time.Time, end collect.State, n int64) {
	t.Helper()
	want := map[collect.State]int64{collect.Done: n}
	want[end]++
	got := map[collect.State]int64{}
	for d := range 8 {
		totals, err := p.Ledger.Totals(t.Context(), tenant, born.Add(time.Duration(d)*day))
		if err != nil {
			t.Fatal(err)
		}
		for _, total := range totals {
			for state, n := range total.Contents {
				got[state] += n
			}
		}
	}
	if len(got) != len(want) || got[collect.Done] != want[collect.Done] || got[end] != want[end] {
		t.Errorf("the ledger counts %v, want %v", got, want)
	}
	if taken := p.sink.got(); int64(len(taken)) != want[collect.Done] {
		t.Errorf("the destination has %d records, want %d", len(taken), want[collect.Done])
	}
	if left := dues(t, p.store); len(left) > 0 {
		t.Errorf("still due: %+v", left)
	}
}
