package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// The table's place in a file.
const (
	tableBegins = "<!-- matrix -->"
	tableEnds   = "<!-- /matrix -->"
)

// markdown is the table of every lane, its notes, and the run that it comes from. But for
// that run's figures it is the same each time.
func markdown(all []lane, outcomes []outcome, t *tallied) string {
	var b strings.Builder
	var notes []string
	for i := range all {
		l := &all[i]
		classes := l.classes()
		fmt.Fprintf(&b, "\n| %s | %s |\n|---|%s\n", l.name, strings.Join(classes, " | "), strings.Repeat(":-:|", len(classes)))
		for j := range l.operations {
			fmt.Fprintf(&b, "| %s |", l.operations[j].name)
			for _, class := range classes {
				fmt.Fprintf(&b, " %s |", l.symbol(&l.operations[j], class, outcomes, &notes))
			}
			b.WriteString("\n")
		}
	}
	b.WriteString("\n")
	for i, note := range notes {
		fmt.Fprintf(&b, "%d. %s\n", i+1, note)
	}
	fmt.Fprintf(&b, "\nThe last run, `scripts/chaos matrix`: %s.\n\nTime to recover, median and most: %s.\n", t.line(), recoveries(all, outcomes))
	return b.String()
}

// classes are a lane's columns.
func (l *lane) classes() (classes []string) {
	for _, f := range l.faults {
		if !slices.Contains(classes, f.class) {
			classes = append(classes, f.class)
		}
	}
	return classes
}

// symbol is what all cells of an operation and a column come to; notes grows by what is
// to be said of it.
func (l *lane) symbol(op *operation, class string, outcomes []outcome, notes *[]string) string {
	worst, said := green, []string{}
	note := func(text string) {
		if !slices.Contains(*notes, text) {
			*notes = append(*notes, text)
		}
		if mark := fmt.Sprintf("~%d", 1+slices.Index(*notes, text)); !slices.Contains(said, mark) {
			said = append(said, mark)
		}
	}
	for _, f := range l.faults {
		if f.class != class {
			continue
		}
		if why := op.without[f.name]; why != "" {
			note(why)
			continue
		}
		i := slices.IndexFunc(outcomes, func(o outcome) bool {
			return o.Lane == l.name && o.Operation == op.name && o.Fault == f.name
		})
		switch {
		case i < 0 || outcomes[i].Colour == red:
			worst = red
		case outcomes[i].Colour == amber:
			note(outcomes[i].Reasons[0])
		}
	}
	switch {
	case worst == red:
		return "✗"
	case len(said) > 0:
		return strings.Join(said, " ")
	}
	return "✓"
}

func recoveries(all []lane, outcomes []outcome) string {
	var texts []string
	for _, l := range all {
		for _, op := range l.operations {
			var times []time.Duration
			for _, o := range outcomes {
				if o.Lane == l.name && o.Operation == op.name {
					times = append(times, o.Recovery)
				}
			}
			middle, most := spread(times)
			texts = append(texts, fmt.Sprintf("%s %s, %s", op.name, short(middle), short(most)))
		}
	}
	return strings.Join(texts, "; ")
}

// writeBetween puts a text between the markers of a file, which must be there.
func writeBetween(file, text string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the file for the table: %w", err)
	}
	before, rest, found := bytes.Cut(old, []byte(tableBegins))
	_, after, closed := bytes.Cut(rest, []byte(tableEnds))
	if !found || !closed {
		return errors.New("write the table: " + file + " lacks the markers " + tableBegins + " and " + tableEnds)
	}
	whole := slices.Concat(before, []byte(tableBegins+"\n"+text+"\n"+tableEnds), after)
	if err := os.WriteFile(file, whole, 0o644); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}
