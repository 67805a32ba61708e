package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"azcollector/internal/sim"
)

const (
	barWidth   = 30              // keeps a line within 80 columns
	plainEvery = 2 * time.Second // between lines that stay
	rateWindow = 2 * time.Second // over which records per second are counted
)

// progress is how far the demo is.
type progress struct {
	Total   int // records to be published
	Book    sim.Report
	Faults  int
	Elapsed time.Duration

	history []arrivals
}

// arrivals is how many records had arrived at a moment.
type arrivals struct {
	at time.Duration
	n  int
}

func (p *progress) update(r sim.Report, faults map[sim.Kind]int, elapsed time.Duration) {
	p.Book, p.Elapsed, p.Faults = r, elapsed, 0
	for _, n := range faults {
		p.Faults += n
	}
	p.history = append(p.history, arrivals{elapsed, r.Received})
	for len(p.history) > 2 && p.history[1].at <= elapsed-rateWindow {
		p.history = p.history[1:]
	}
}

// rate is records per second of late.
func (p *progress) rate() int {
	if len(p.history) == 0 {
		return 0
	}
	first, last := p.history[0], p.history[len(p.history)-1]
	if last.at == first.at {
		return 0
	}
	return int(float64(last.n-first.n) / (last.at - first.at).Seconds())
}

// share is what has arrived of all that must, in percent: 100 only when nothing
// is missing. Records that repeat earlier ones need not arrive again, which is
// known only of those that are published.
func (p *progress) share() int {
	expected := p.Book.Distinct + max(0, p.Total-p.Book.Published)
	switch {
	case expected == 0:
		return 0
	case p.Book.Lost == 0 && p.Book.Published >= p.Total:
		return 100
	}
	return min(99, 100*p.Book.Delivered/expected)
}

// line is the progress in words, for a log.
func (p *progress) line() string {
	return fmt.Sprintf("%4.0fs %4d %%  published %s, arrived %s, %s records/s, faults %s", p.Elapsed.Seconds(), p.share(),
		grouped(p.Book.Published), grouped(p.Book.Delivered), grouped(p.rate()), grouped(p.Faults))
}

// bar is the progress on one line of a terminal.
func (p *progress) bar(full, empty string) string {
	n := p.share() * barWidth / 100
	return fmt.Sprintf("%s%s %3d %%  %s arrived  %s/s  %s faults  %.0fs", strings.Repeat(full, n), strings.Repeat(empty, barWidth-n),
		p.share(), grouped(p.Book.Delivered), grouped(p.rate()), grouped(p.Faults), p.Elapsed.Seconds())
}

// A screen shows progress: as a bar where a line can be written again, otherwise
// as lines now and then.
type screen struct {
	out         io.Writer
	moving      bool
	full, empty string
	gone        func() // called when nothing can be written any more

	open bool          // a bar is on the last line
	next time.Duration // when the next line is due
}

// newScreen asks for a bar on a terminal that can move its cursor, with colour
// unless NO_COLOR is set (no-color.org), and with more than ASCII only if the
// locale says UTF-8.
func newScreen(out *os.File, getenv func(string) string) *screen {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	s := &screen{out: out, moving: terminal && getenv("TERM") != "" && getenv("TERM") != "dumb", full: "#", empty: "."}
	if utf8Locale(getenv) {
		s.full, s.empty = "█", "░"
	}
	if getenv("NO_COLOR") == "" {
		s.full = "\x1b[32m" + s.full + "\x1b[39m" // green, then the default colour
	}
	return s
}

// utf8Locale reads the variables in the order that POSIX gives them.
func utf8Locale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToLower(getenv(name)); value != "" {
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return false
}

// progress shows p if it is time for it; the last one always.
func (s *screen) progress(p *progress, last bool) {
	switch {
	case s.moving:
		// Without wrapping (DECAWM), or a narrow terminal would scroll.
		s.print("\r\x1b[?7l%s\x1b[K\x1b[?7h", p.bar(s.full, s.empty))
		s.open = true
	case p.Elapsed >= s.next || last:
		s.print("%s\n", p.line())
		s.next = p.Elapsed.Truncate(plainEvery) + plainEvery
	}
}

// end leaves the bar where it is and goes on below.
func (s *screen) end() {
	if s.open {
		s.print("\n")
		s.open = false
	}
}

func (s *screen) print(format string, args ...any) {
	if _, err := fmt.Fprintf(s.out, format, args...); err != nil && s.gone != nil {
		s.gone()
	}
}

// grouped writes 60000 as 60,000.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
