package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"azcollector/internal/sim"
)

func TestShare(t *testing.T) {
	for name, test := range map[string]struct {
		total int
		book  sim.Report
		want  int
	}{
		"before the first":          {1000, sim.Report{}, 0},
		"half published, all there": {1000, sim.Report{Published: 500, Distinct: 500, Delivered: 500}, 50},
		"repetitions count once":    {1000, sim.Report{Published: 1000, Distinct: 900, Delivered: 450, Lost: 450}, 50},
		"one is missing":            {1000, sim.Report{Published: 1000, Distinct: 1000, Delivered: 999, Lost: 1}, 99},
		"one without Id is missing": {1000, sim.Report{Published: 1000, Distinct: 999, Delivered: 999, Lost: 1}, 99},
		"all there":                 {1000, sim.Report{Published: 1000, Distinct: 980, Delivered: 980}, 100},
	} {
		t.Run(name, func(t *testing.T) {
			p := progress{Total: test.total, Book: test.book}
			if got := p.share(); got != test.want {
				t.Errorf("got %d %%, want %d %%", got, test.want)
			}
		})
	}
}

// some is progress at a fixed moment: 3,000 records in the last two seconds.
func some() *progress {
	p := &progress{Total: 60000}
	for i := range 41 { // 100 ms apart; the first two seconds bring twice as much
		n := 300 * min(i, 20)
		if i > 20 {
			n += 150 * (i - 20)
		}
		p.update(sim.Report{Received: n}, nil, time.Duration(i)*100*time.Millisecond)
	}
	p.Book = sim.Report{Published: 59000, Distinct: 58000, Delivered: 14750, Lost: 43250}
	p.Faults = 1042
	return p
}

func TestProgressLine(t *testing.T) {
	want := "   4s   25 %  published 59,000, arrived 14,750, 1,500 records/s, faults 1,042"
	if got := some().line(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestProgressBar(t *testing.T) {
	want := "#######.......................  25 %  14,750 arrived  1,500/s  1,042 faults  4s"
	got := some().bar("#", ".")
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if len(got) > 80 {
		t.Errorf("%d columns, want at most 80", len(got))
	}
}

func TestScreenThatMoves(t *testing.T) {
	var out strings.Builder
	s := &screen{out: &out, moving: true, full: "#", empty: "."}
	p := some()
	s.progress(p, false)
	s.progress(p, true)
	s.end()
	s.end()
	bar := "\r\x1b[?7l" + p.bar("#", ".") + "\x1b[K\x1b[?7h"
	if want := bar + bar + "\n"; out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}

func TestScreenThatStays(t *testing.T) {
	var out strings.Builder
	s := &screen{out: &out}
	var shown []string
	for _, at := range []time.Duration{100, 200, 1900, 2050, 3900, 4100, 4200} {
		before := out.Len()
		s.progress(&progress{Total: 1, Elapsed: at * time.Millisecond}, at == 4200)
		if out.Len() > before {
			shown = append(shown, (at * time.Millisecond).String())
		}
	}
	s.end()
	if got, want := strings.Join(shown, " "), "100ms 2.05s 4.1s 4.2s"; got != want {
		t.Errorf("lines at %s, want at %s", got, want)
	}
	if strings.ContainsAny(out.String(), "\r\x1b") {
		t.Errorf("control characters in %q", out.String())
	}
}

func TestNewScreen(t *testing.T) {
	const green = "\x1b[32m"
	for name, test := range map[string]struct {
		terminal bool
		env      map[string]string
		moving   bool
		full     string
	}{
		"terminal":         {true, map[string]string{"TERM": "xterm", "LANG": "de_DE.UTF-8"}, true, green + "█\x1b[39m"},
		"no colour":        {true, map[string]string{"TERM": "xterm", "LC_ALL": "C.utf8", "NO_COLOR": "1"}, true, "█"},
		"LC_ALL overrules": {true, map[string]string{"TERM": "xterm", "LC_ALL": "C", "LANG": "C.UTF-8", "NO_COLOR": "1"}, true, "#"},
		"dumb":             {true, map[string]string{"TERM": "dumb"}, false, green + "#\x1b[39m"},
		"no TERM":          {true, map[string]string{"NO_COLOR": "1"}, false, "#"},
		"file":             {false, map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false, "#"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out")
			if test.terminal {
				path = os.DevNull // a character device, as a terminal is
			}
			f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			s := newScreen(f, func(name string) string { return test.env[name] })
			if s.moving != test.moving || s.full != test.full {
				t.Errorf("moving %t with %q, want %t with %q", s.moving, s.full, test.moving, test.full)
			}
		})
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 60000: "60,000", 1234567: "1,234,567", -100: "-100", -1000: "-1,000"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}
