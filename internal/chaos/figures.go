package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// figures are what a command did and found. All of them are counted, none is a bound.
type figures struct {
	Command    string         `json:"command"`
	Runs       int            `json:"runs"`             // cells, crashes or floods
	Mistrials  int            `json:"mistrials"`        // runs beside those, which do not count
	Faults     map[string]int `json:"faults,omitempty"` // requests that met one, by kind
	Kills      int            `json:"kills"`
	Contents   int            `json:"contents"`
	Records    int            `json:"records"`
	Lost       int            `json:"lost"`
	Duplicates int            `json:"duplicates"`
	Peak       int64          `json:"peak"` // of one process, in bytes
	// Recovery is how long after each fault or kill all was delivered.
	Recovery []time.Duration `json:"recovery,omitempty"`
	Red      []string        `json:"red,omitempty"`   // what failed, and why
	Amber    []string        `json:"amber,omitempty"` // what is not as it should be, and why that is right
}

// add takes another command's figures in.
func (f *figures) add(other figures) {
	f.Runs, f.Kills, f.Mistrials = f.Runs+other.Runs, f.Kills+other.Kills, f.Mistrials+other.Mistrials
	f.Contents, f.Records = f.Contents+other.Contents, f.Records+other.Records
	f.Lost, f.Duplicates = f.Lost+other.Lost, f.Duplicates+other.Duplicates
	f.Peak = max(f.Peak, other.Peak)
	f.Recovery = append(f.Recovery, other.Recovery...)
	f.Red, f.Amber = append(f.Red, other.Red...), append(f.Amber, other.Amber...)
	if f.Faults == nil {
		f.Faults = map[string]int{}
	}
	for kind, n := range other.Faults {
		f.Faults[kind] += n
	}
}

// verdict is nil if something was looked at and nothing of it is red.
func (f *figures) verdict() error {
	switch {
	case len(f.Red) > 0:
		return fmt.Errorf("%d of %d runs are red, the first: %s", len(f.Red), f.Runs, f.Red[0])
	case f.Lost > 0:
		return fmt.Errorf("%d of %d records are lost", f.Lost, f.Records)
	case f.Runs == 0 || f.Records == 0:
		return errors.New("nothing was run, or nothing was to be delivered: that proves nothing")
	}
	return nil
}

// print says it for people.
func (f *figures) print(out io.Writer) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "  %-12s "+format+"\n", append([]any{name}, args...)...)
	}
	fmt.Fprintf(out, "%s: %d runs, %d red, %d amber\n", f.Command, f.Runs, len(f.Red), len(f.Amber))
	var kinds []string
	total := 0
	for _, kind := range slices.Sorted(maps.Keys(f.Faults)) {
		total += f.Faults[kind]
		kinds = append(kinds, fmt.Sprintf("%s %d", kind, f.Faults[kind]))
	}
	if total > 0 {
		line("faults", "%d: %s", total, strings.Join(kinds, ", "))
	}
	if f.Mistrials > 0 {
		line("mistrials", "%d: held again, since others had the processors", f.Mistrials)
	}
	line("kills", "%d", f.Kills)
	line("contents", "%d", f.Contents)
	line("records", "%d", f.Records)
	line("lost", "%d", f.Lost)
	line("duplicates", "%d", f.Duplicates)
	line("peak memory", "%.0f MB", float64(f.Peak)/(1<<20))
	if middle, most := spread(f.Recovery); most > 0 {
		line("recovery", "median %.1f s, longest %.1f s", middle.Seconds(), most.Seconds())
	}
	for _, amber := range f.Amber {
		fmt.Fprintln(out, "AMBER", amber)
	}
	for _, red := range f.Red {
		fmt.Fprintln(out, "RED", red)
	}
}

// spread is the middle and the greatest of some times; none have neither.
func spread(all []time.Duration) (middle, most time.Duration) {
	if len(all) == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2], sorted[len(sorted)-1]
}

// conclude prints the figures, keeps them for [total], and returns their verdict.
func (o *options) conclude(f figures, out io.Writer) error {
	f.Mistrials = int(o.court.mistrials.Load())
	f.print(out)
	if o.Figures != "" {
		text, err := json.Marshal(f)
		if err != nil {
			return fmt.Errorf("write --figures: %w", err)
		}
		file, err := os.OpenFile(o.Figures, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return fmt.Errorf("write --figures: %w", err)
		}
		_, err = file.Write(append(text, '\n'))
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("write --figures: %w", err)
		}
	}
	return f.verdict()
}

// A total adds up what several commands kept.
type total struct{}

// Run implements the command.
func (total) Run(o *options) error {
	sum := figures{Command: "total"}
	file, err := os.Open(o.Figures)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read --figures: no command kept any in %q", o.Figures)
	}
	if err != nil {
		return fmt.Errorf("read --figures: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var f figures
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			return fmt.Errorf("read --figures: %w", err)
		}
		sum.add(f)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read --figures: %w", err)
	}
	sum.print(os.Stdout)
	return sum.verdict()
}
