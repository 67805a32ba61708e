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

const (
	remarkAt    = 34            // columns before a remark
	remarkWidth = 80 - remarkAt // keeps a line within a terminal
)

// A summary has two witnesses: the simulator's book, of what was published and
// what arrived, and the collector's ledger, of what it says it did.
type summary struct {
	outcome
	Book       sim.Report
	Faults     map[sim.Kind]int
	Complaints []string
	Missing    []string // beginnings of records that did not arrive
	Seed       uint64
	Calm       bool
}

func (s *summary) text() string {
	var b strings.Builder
	row := func(name string, n int, remark string) {
		fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("%-22s %9s  %s", name, grouped(n), remark), " "))
	}
	var told, listed string
	if !s.Calm {
		told = fmt.Sprintf("every %drd lost, every %dth twice, in any order", demoDropEvery, demoDoubleEvery)
		listed = "under other ids, one of five in two pieces"
	}
	offered, announced, absent, _, _ := s.Proof.total()
	row("contents published", s.Book.Announced, "")
	row("  told by webhook", announced, told)
	row("  found by listing", offered-absent, listed)
	row("records published", s.Book.Published, fmt.Sprintf("%.1f MB arrived", float64(s.Book.Bytes)/1e6))
	row("  delivered", s.Ledger.Records.Delivered, "by the collector's ledger")
	row("  duplicates filtered", s.Ledger.Records.Duplicate, "most records come by webhook and by list")
	row("  dead-lettered", s.Ledger.Records.Dead, "")
	row("contents pending", s.Ledger.Contents.Pending, "")
	row("records lost", s.Book.Lost, "by the simulator's book")
	row("records sent again", s.Book.Repeated, "acknowledgement lost, or no Id or time in them")
	row("records sent twice", s.Book.Duplicates, "without such a reason")
	faults := 0
	for _, n := range s.Faults {
		faults += n
	}
	row("faults injected", faults, strings.Join(s.kinds(), "\n"+strings.Repeat(" ", remarkAt)))
	fmt.Fprintf(&b, "%-22s %9s  %s records/s\n", "time", s.Took.Round(100*time.Millisecond), grouped(s.rate()))
	fmt.Fprintf(&b, "%-22s %9s  %s\n", "longest lag", s.Book.LagMax.Round(time.Millisecond), lags(s.Book))
	proved := "NOT CLEAN"
	if s.Proof.Clean {
		proved = "clean"
	}
	fmt.Fprintf(&b, "%-22s %9s  azcollector prove --since %s\n", "proof", proved, proveSince)
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
	return fmt.Sprintf("half within %v, 95 %% within %v", r.LagP50.Round(time.Millisecond), r.LagP95.Round(time.Millisecond))
}

// kinds are the faults, the most frequent first, as many to a line as fit.
func (s *summary) kinds() []string {
	kinds := slices.SortedFunc(maps.Keys(s.Faults), func(a, b sim.Kind) int {
		if d := s.Faults[b] - s.Faults[a]; d != 0 {
			return d
		}
		return strings.Compare(string(a), string(b))
	})
	var lines []string
	for _, kind := range kinds {
		one := fmt.Sprintf("%s %d", kind, s.Faults[kind])
		if n := len(lines) - 1; n >= 0 && len(lines[n]+", "+one) <= remarkWidth {
			lines[n] += ", " + one
		} else {
			lines = append(lines, one)
		}
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
	errs = append(errs, s.disproof()...)
	for _, text := range s.Complaints {
		errs = append(errs, errors.New("the simulator complains: "+text))
	}
	return errors.Join(errs...)
}

// disproof says what is wrong by the comparison of ledger and list, in which each
// record is offered once.
func (s *summary) disproof() (errs []error) {
	_, announced, absent, pending, records := s.Proof.total()
	if !s.Proof.Clean {
		errs = append(errs, fmt.Errorf("azcollector prove --since %s is not clean: %s", proveSince, strings.Join(s.Proof.Unprovable, " ")))
	}
	if absent > 0 {
		errs = append(errs, fmt.Errorf("%s offered contents are not in the ledger", grouped(absent)))
	}
	if n := s.Told - announced; n != 0 {
		errs = append(errs, fmt.Errorf("%s announced contents are not in the ledger (fewer than none: too many are)", grouped(n)))
	}
	if n := s.Book.Published - records; n != 0 && pending == 0 { // until then some have none yet
		errs = append(errs, fmt.Errorf("%s published records have no outcome in the ledger (fewer than none: some have two)", grouped(n)))
	}
	return errs
}
