package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"azcollector/internal/sim"
)

// cellOf finds a cell of the remote lane by its name.
func cellOf(t *testing.T, name string) cell {
	t.Helper()
	cells := (&matrix{Only: []string{name}}).cells([]lane{remote()})
	if len(cells) != 1 {
		t.Fatalf("%d cells are called %s", len(cells), name)
	}
	return cells[0]
}

// fine is an outcome that nothing is wrong with.
func fine() outcome {
	lines := []string{`{"level":"error","message":"failed","error":"ask ingest: no"}`}
	return outcome{
		Struck: 9, Held: 2 * time.Second, Recovered: true, Recovery: time.Second,
		Report: sim.Report{Announced: 9, Published: 26, Distinct: 26, Received: 26, Delivered: 26}, WhileHeld: lines, Complaints: lines,
	}
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		cell   string // "": ingest/503
		change func(*outcome)
		want   colour
		says   string
	}{
		"all is well":                       {want: green},
		"the fault met nobody":              {change: func(o *outcome) { o.Struck = 0 }, want: red, says: "met no request"},
		"nothing was published":             {change: func(o *outcome) { o.Report = sim.Report{} }, want: red, says: "no record was published"},
		"it never recovers":                 {change: func(o *outcome) { o.Recovered = false }, want: red, says: "not back to normal"},
		"a record is missing":               {change: func(o *outcome) { o.Lost = 1 }, want: red, says: "1 records are lost"},
		"a record came twice":               {change: func(o *outcome) { o.Report.Duplicates = 1 }, want: red, says: "arrived twice"},
		"a record of nobody":                {change: func(o *outcome) { o.Report.Unknown = 1 }, want: red, says: "nobody published"},
		"again, though it was acknowledged": {change: func(o *outcome) { o.Report.Repeated = 1 }, want: red, says: "could be heard"},
		"again, for nobody could know":      {cell: "ingest/lost-ack", change: func(o *outcome) { o.Report.Repeated = 3 }, want: green},
		"again, and the fault was elsewhere": {cell: "aims/lost-ack", change: func(o *outcome) {
			o.Report.Repeated, o.WhileHeld = 3, []string{"ask aims: no"}
		}, want: red, says: "could be heard"},
		"dead letters out of nothing":  {change: func(o *outcome) { o.Dead = 1 }, want: red, says: "nobody judged them"},
		"dead letters that are right":  {cell: "ingest/413", change: func(o *outcome) { o.Dead = 1 }, want: amber, says: "dead letter"},
		"a content is pending":         {change: func(o *outcome) { o.Pending = 1 }, want: red, says: "still pending"},
		"a content expired":            {change: func(o *outcome) { o.Expired = 1 }, want: red, says: "expired"},
		"the canary was asked":         {cell: "ingest/redirect", change: func(o *outcome) { o.Canary = 1 }, want: red, says: "out of an answer"},
		"the simulator complains":      {change: func(o *outcome) { o.Flaws = []string{"a token went astray"} }, want: red, says: "a token went astray"},
		"a notification was refused":   {change: func(o *outcome) { o.Unheard = errors.New("500") }, want: red, says: "not answered 200"},
		"the collector ended":          {change: func(o *outcome) { o.Ended = true }, want: red, says: "ended by itself"},
		"a storm":                      {change: func(o *outcome) { o.Struck = 1000 }, want: red, says: "requests a second"},
		"nothing is said":              {change: func(o *outcome) { o.WhileHeld = nil }, want: red, says: "no line of the log"},
		"something else is said":       {change: func(o *outcome) { o.WhileHeld = []string{"ask aims: no"} }, want: red, says: "no line of the log"},
		"nothing is said, or to say":   {change: func(o *outcome) { o.WhileHeld, o.Quiet = nil, true }, want: green},
		"far too much is said":         {change: func(o *outcome) { o.Complaints = make([]string, 1000) }, want: red, says: "1000 warnings"},
		"as it should be, but not now": {cell: "start/500", change: func(o *outcome) { o.WhileHeld = []string{"start subscription of X: no"} }, want: amber, says: "15 minutes"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.cell == "" {
				c.cell = "ingest/503"
			}
			o := fine()
			if c.change != nil {
				c.change(&o)
			}
			cellOf(t, c.cell).judge(&o)
			if o.Colour != c.want || !strings.Contains(strings.Join(o.Reasons, "\n"), c.says) {
				t.Errorf("it is %s: %q, want %s: %q", o.Colour, o.Reasons, c.want, c.says)
			}
			if o.Colour == green && len(o.Reasons) > 0 || o.Colour != green && len(o.Reasons) == 0 {
				t.Errorf("%s for the reasons %q", o.Colour, o.Reasons)
			}
		})
	}
}

// A log is read while it is written: half a line is none yet, and what is no JSON is a complaint.
func TestJournal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	j := &journal{path: file}
	j.read() // it is not there yet
	for _, c := range []struct {
		text       string
		beat       beat
		complaints int
	}{
		{`{"level":"info","message":"heartbeat","pending":3,"dead":1}` + "\n" + `{"level":"warn`, beat{1, 3, 1}, 0},
		{`ing","message":"failed"}` + "\n", beat{1, 3, 1}, 1},
		{"panic: no\n" + `{"level":"info","message":"heartbeat","pending":0}` + "\n", beat{2, 0, 0}, 2},
		{"", beat{2, 0, 0}, 2},
	} {
		log, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := log.WriteString(c.text); err != nil {
			t.Fatal(err)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		if j.read(); j.beat != c.beat || len(j.complaints) != c.complaints {
			t.Errorf("after %q: %+v and %q", c.text, j.beat, j.complaints)
		}
	}
}

// made is a lane of two operations and three faults in two columns.
func made() lane {
	return lane{
		name: "made",
		operations: []operation{
			{name: "read"},
			{name: "write", amber: map[string]string{"slow": "it takes its time"}, without: map[string]string{"shut": "it is never shut"}},
		},
		faults: []fault{{name: "slow", class: "slow"}, {name: "shut", class: "away"}, {name: "cut", class: "away"}},
	}
}

func TestTable(t *testing.T) {
	l := made()
	became := func(op, fault string, c colour, reasons ...string) outcome {
		return outcome{Lane: "made", Operation: op, Fault: fault, Colour: c, Reasons: reasons}
	}
	good := []outcome{
		became("read", "slow", green), became("read", "shut", green), became("read", "cut", green),
		became("write", "slow", amber, "it takes its time"), became("write", "cut", green),
	}
	bad := append([]outcome{became("read", "slow", red, "lost")}, good[1:]...)
	for name, c := range map[string]struct {
		outcomes []outcome
		rows     []string
	}{
		"good":          {good, []string{"| made | slow | away |", "|---|:-:|:-:|", "| read | ✓ | ✓ |", "| write | ~1 | ~2 |", "1. it takes its time", "2. it is never shut"}},
		"a red cell":    {bad, []string{"| read | ✗ | ✓ |", "| write | ~1 | ~2 |"}},
		"not looked at": {good[:2], []string{"| read | ✓ | ✗ |", "| write | ✗ | ✗ |"}},
	} {
		t.Run(name, func(t *testing.T) {
			text := markdown([]lane{l}, c.outcomes, tally(c.outcomes, time.Second, 1))
			for _, row := range c.rows {
				if !strings.Contains(text, row+"\n") {
					t.Errorf("lacks %s in\n%s", row, text)
				}
			}
		})
	}
}

func TestTableGoesBetweenItsMarkers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("before\n" + tableBegins + "\nold\n" + tableEnds + "\nafter\n")
	for range 2 { // and again, it stays one table
		if err := writeBetween(file, "new"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if want := "before\n" + tableBegins + "\nnew\n" + tableEnds + "\nafter\n"; err != nil || string(got) != want {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
	write("a page without a place")
	if err := writeBetween(file, "new"); err == nil {
		t.Error("a page without markers is written to")
	}
}
