package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"azcollector/internal/sim"
)

// A summary has two witnesses: the simulator's book, of what was published and
// what arrived, and the collector's ledger, of what it says it did.
type summary struct {
	Book       sim.Report
	Ledger     ledger
	Faults     map[sim.Kind]int
	Complaints []string
	Missing    []string // beginnings of records that did not arrive
	Seed       uint64
	Took       time.Duration // from the collector's start until the last record arrived
	Calm       bool
}

func (s *summary) text() string {
	var b strings.Builder
	row := func(name string, n int, remark string) {
		fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("%-22s %9s  %s", name, grouped(n), remark), " "))
	}
	announced := fmt.Sprintf("every %dth of them twice, in any order", demoDoubleEvery)
	if s.Calm {
		announced = ""
	}
	row("contents announced", s.Book.Announced, announced)
	row("records published", s.Book.Published, fmt.Sprintf("%.1f MB arrived", float64(s.Book.Bytes)/1e6))
	row("  delivered", s.Ledger.Records.Delivered, "by the collector's ledger")
	row("  duplicates filtered", s.Ledger.Records.Duplicate, "")
	row("  dead-lettered", s.Ledger.Records.Dead, "")
	row("contents pending", s.Ledger.Contents.Pending, "")
	row("records lost", s.Book.Lost, "by the simulator's book")
	row("records sent again", s.Book.Repeated, "acknowledgement withheld, or no Id or time in them")
	row("records sent twice", s.Book.Duplicates, "without such a reason")
	faults := 0
	for _, n := range s.Faults {
		faults += n
	}
	row("faults injected", faults, strings.Join(s.kinds(), "\n"+strings.Repeat(" ", 34)))
	fmt.Fprintf(&b, "%-22s %9s  %s records/s\n", "time", s.Took.Round(100*time.Millisecond), grouped(s.rate()))
	fmt.Fprintf(&b, "%-22s %9s  %s\n", "longest lag", s.Book.LagMax.Round(time.Millisecond), lags(s.Book))
	fmt.Fprintf(&b, "%-22s %9d\n", "seed", s.Seed)
	return b.String()
}

func (s *summary) rate() int {
	if s.Took <= 0 {
		return 0
	}
	return int(float64(s.Book.Delivered) / s.Took.Seconds())
}

// lags says how long records took from publication until they arrived.
func lags(r sim.Report) string {
	return fmt.Sprintf("half of the records within %v, 95 %% within %v", r.LagP50.Round(time.Millisecond), r.LagP95.Round(time.Millisecond))
}

// kinds are the faults, the most frequent first, some to a line.
func (s *summary) kinds() []string {
	kinds := slices.SortedFunc(maps.Keys(s.Faults), func(a, b sim.Kind) int {
		if d := s.Faults[b] - s.Faults[a]; d != 0 {
			return d
		}
		return strings.Compare(string(a), string(b))
	})
	var lines []string
	for some := range slices.Chunk(kinds, 3) {
		var list []string
		for _, kind := range some {
			list = append(list, fmt.Sprintf("%s %d", kind, s.Faults[kind]))
		}
		lines = append(lines, strings.Join(list, ", "))
	}
	return lines
}

// verdict says everything that went wrong, nil if nothing did.
func (s *summary) verdict() error {
	var errs []error
	wrong := func(n int, format string) {
		if n != 0 {
			errs = append(errs, fmt.Errorf(format, grouped(n)))
		}
	}
	wrong(s.Book.Lost, "%s records did not arrive")
	for _, text := range s.Missing {
		errs = append(errs, fmt.Errorf("missing: %q", text))
	}
	wrong(s.Ledger.Contents.Pending, "%s contents are still pending")
	if s.Ledger.Contents.Pending > 0 && s.Ledger.LastError != "" {
		errs = append(errs, fmt.Errorf("the oldest is pending because of: %s", s.Ledger.LastError))
	}
	wrong(s.Ledger.Contents.Expired, "%s contents expired before they were read")
	wrong(s.Ledger.Records.Dead, "%s records were dead-lettered, though the destination takes each of them")
	wrong(s.Book.Duplicates, "%s records arrived twice, though they had been acknowledged")
	if r := s.Ledger.Records; s.Ledger.Contents.Pending == 0 { // until then some have none yet
		wrong(s.Book.Published-r.Delivered-r.Duplicate-r.Filtered-r.Dead,
			"%s published records have no outcome in the ledger (fewer than none: some have two)")
	}
	for _, text := range s.Complaints {
		errs = append(errs, errors.New("the simulator complains: "+text))
	}
	return errors.Join(errs...)
}
