package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// An origin says what a setting is, as it may be shown, and where it came from.
type origin struct{ name, shown, from string }

func (r *setting) describe(f finding) origin {
	if f.origin == "" { // refused: two sources that differ, or a file that cannot be read
		f.origin = "refused"
	}
	return origin{r.name, r.show(f.value), f.origin}
}

// given reports whether somebody set this, rightly or not.
func (s *Settings) given(name string) bool {
	i := slices.IndexFunc(s.origins, func(o origin) bool { return o.name == name })
	return i >= 0 && s.origins[i].from != "default"
}

// Print writes all settings with secrets masked, and where each came from.
func (s *Settings) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, o := range s.origins {
		if o.shown == "" && o.from == "default" {
			o.from = "not set"
		}
		if _, err := fmt.Fprintf(t, "%s\t%s\t%s\n", o.name, o.shown, o.from); err != nil {
			return fmt.Errorf("print settings: %w", err)
		}
	}
	return t.Flush()
}

// The README's table stands between these two lines.
const (
	tableBegins = "<!-- settings: begin (made by go test ./functions -run TestREADME -update) -->\n"
	tableEnds   = "<!-- settings: end -->\n"
)

// markdownTable is the README's table.
func markdownTable() string {
	var b strings.Builder
	b.WriteString("| setting | default | meaning |\n|---|---|---|\n")
	for i := range table {
		r := &table[i]
		says := r.says
		if says == "" && r.fixed != "" {
			says = "`" + r.fixed + "`"
		}
		meaning := r.meaning
		if r.secret {
			meaning += "; secret, also from `" + r.name + "_FILE`"
		}
		if len(r.older) > 0 {
			meaning += "; also read from `" + strings.Join(r.older, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.name, says, meaning)
	}
	return b.String()
}
