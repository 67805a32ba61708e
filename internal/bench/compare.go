package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"
)

// A result is what one run of one contender came to.
type result struct {
	Contender  string
	Pair       int
	Records    int
	Contents   int
	Took       time.Duration // from the first notification to the last record's post
	CPU        time.Duration
	Peak       int64 // bytes
	AckP50     time.Duration
	AckP99     time.Duration
	Posts      int
	Posted     int64 // bytes
	Pulls      int
	Lost       int
	Duplicates int
	Unknown    int // records that nobody offered
	// StateOperations are requests to the storage account; -1: they cannot be counted.
	StateOperations int64
	Complaints      []string `json:",omitempty"` // of the simulator
}

func (r result) rate() float64 { return float64(r.Records) / r.Took.Seconds() }
func (r result) cpu() float64  { return r.CPU.Seconds() * 1e5 / float64(r.Records) }

// sound says what is wrong with a run's outcome, whatever it cost.
func (r result) sound() error {
	if r.Lost+r.Duplicates+r.Unknown == 0 && len(r.Complaints) == 0 {
		return nil
	}
	return fmt.Errorf("%s: lost %d, duplicates %d, unknown %d, complaints %q", r.Contender, r.Lost, r.Duplicates, r.Unknown, r.Complaints)
}

// compare runs all contenders in turns, every other time in reverse, so that what
// changes on the machine meanwhile strikes all of them.
func (b *bench) compare(ctx context.Context, contenders []contender) error {
	l := b.load()
	fmt.Fprintf(b.log, "bench: %d records of %d bytes in %d contents\n", l.Records, l.Bytes/int64(l.Records), l.Contents())
	runs := map[string][]result{}
	var failed error
	for pair := range b.Pairs {
		order := slices.Clone(contenders)
		if pair%2 == 1 {
			slices.Reverse(order)
		}
		for _, c := range order {
			r, err := b.run(ctx, c, l, pair)
			if err != nil {
				return fmt.Errorf("measure %s: %w", c.about, err)
			}
			fmt.Fprintf(b.log, "bench: pair %d %-6s %8.0f records/s  %.2f CPU s/100k\n", pair, c.name, r.rate(), r.cpu())
			failed = errors.Join(failed, r.sound())
			runs[c.name] = append(runs[c.name], r)
			b.line(r)
		}
	}
	if b.SVG != "" {
		failed = errors.Join(failed, b.plotRuns(contenders, runs))
	}
	return errors.Join(failed, b.print(contenders, runs))
}

// line writes one run for the plots.
func (b *bench) line(v any) { _ = json.NewEncoder(b.json).Encode(v) } // a full disk shows in the table's file too

// A column of the table: its number of a run, and whether its ratio is told.
type column struct {
	title, format string
	of            func(result) float64
	compared      bool
}

var columns = []column{
	{"records/s", "%.0f", result.rate, true},
	{"CPU s/100k", "%.2f", result.cpu, true},
	{"peak MB", "%.0f", func(r result) float64 { return float64(r.Peak) / 1e6 }, true},
	{"ack p50 ms", "%.1f", func(r result) float64 { return milliseconds(r.AckP50) }, false},
	{"ack p99 ms", "%.1f", func(r result) float64 { return milliseconds(r.AckP99) }, false},
	{"posted MB", "%.2f", func(r result) float64 { return float64(r.Posted) / 1e6 }, true},
	{"posts", "%.0f", func(r result) float64 { return float64(r.Posts) }, false},
	{"state ops/content", "%.1f", func(r result) float64 {
		return float64(r.StateOperations) / float64(r.Contents)
	}, false},
	{"lost", "%.0f", func(r result) float64 { return float64(r.Lost) }, false},
	{"duplicates", "%.0f", func(r result) float64 { return float64(r.Duplicates) }, false},
}

// print shows the medians, and of what is compared the medians of the pairs' ratios
// to the first contender.
func (b *bench) print(contenders []contender, runs map[string][]result) error {
	t := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, col := range columns {
		fmt.Fprint(t, "\t", col.title)
	}
	fmt.Fprintln(t, "\t")
	for _, c := range contenders {
		fmt.Fprint(t, c.name)
		for _, col := range columns {
			text := fmt.Sprintf(col.format, median(numbers(runs[c.name], col.of)))
			if col.title == "state ops/content" && runs[c.name][0].StateOperations < 0 {
				text = "-" // the embedded store counts none
			}
			fmt.Fprint(t, "\t", text)
		}
		fmt.Fprintln(t, "\t")
	}
	for _, c := range contenders[1:] {
		fmt.Fprint(t, c.name, "/", contenders[0].name)
		for _, col := range columns {
			if !col.compared {
				fmt.Fprint(t, "\t")
				continue
			}
			ours, theirs := numbers(runs[c.name], col.of), numbers(runs[contenders[0].name], col.of)
			for i := range ours {
				ours[i] /= theirs[i]
			}
			fmt.Fprintf(t, "\t%.2f", median(ours))
		}
		fmt.Fprintln(t, "\t")
	}
	return t.Flush()
}

func numbers(runs []result, of func(result) float64) []float64 {
	slices.SortFunc(runs, func(x, y result) int { return x.Pair - y.Pair })
	var all []float64
	for _, r := range runs {
		all = append(all, of(r))
	}
	return all
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

func medianOf(all []time.Duration) time.Duration {
	return quantile(slices.Sorted(slices.Values(all)), 0.5)
}

// quantile of what is sorted: the nearest rank.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

func milliseconds(d time.Duration) float64 { return float64(d) / 1e6 }
