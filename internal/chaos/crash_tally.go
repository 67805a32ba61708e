package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"azcollector/internal/sim"
)

// A crashTally is a line of the results.
type crashTally struct {
	name string

	mu         sync.Mutex
	steps      int
	kills      int
	contents   int
	records    int
	lost       int
	duplicates int
	most       int // duplicates that were allowed
	orphans    int // due rows, or states with some, that wait for their age
	recovered  []time.Duration
	wrong      []string
	died       map[string]bool // what somebody died at: a step without its number
	missed     []step
}

func (t *crashTally) complain(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wrong = append(t.wrong, fmt.Sprintf(format, args...))
}

func (t *crashTally) kill() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kills++
}

// scar adds what a crash at one step came to.
func (t *crashTally) scar(s scar) {
	t.report(s.report, s.bound)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.steps++
	if s.missed {
		t.missed = append(t.missed, s.step)
	} else {
		t.kills++
		t.recovered = append(t.recovered, s.recovered)
		if t.died == nil {
			t.died = map[string]bool{}
		}
		t.died[s.kind()] = true
	}
	if s.orphans {
		t.orphans++
	}
	if len(s.wrong) > 0 {
		t.wrong = append(t.wrong, s.step.String()+": "+strings.Join(s.wrong, "; "))
	}
}

// untaken judges the steps that nobody died at. Requests are bundled as they come, so
// the last of a kind is not made in every life; a kind at which nobody died was not tried.
func (t *crashTally) untaken() (red, amber []string) {
	for _, s := range t.missed {
		text := fmt.Sprintf("%s: nobody died at it in %d runs", s, chances)
		if t.died[s.kind()] {
			amber = append(amber, text+", but at others of its kind")
		} else {
			red = append(red, text)
		}
	}
	return red, amber
}

// report adds what arrived in one world.
func (t *crashTally) report(r sim.Report, bound int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.contents += r.Announced
	t.records += r.Distinct
	t.lost += r.Lost
	t.duplicates += r.Duplicates
	t.most += bound
}

type crashTallies struct {
	mu  sync.Mutex
	all []*crashTally
}

func (a *crashTallies) add(t *crashTally) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t.steps+t.kills > 0 || len(t.wrong) > 0 { // of a step that was named the other stages have none
		a.all = append(a.all, t)
	}
}

// print writes the table, and figures are its sums.
func (a *crashTallies) print(w io.Writer) (f figures, err error) {
	f.Command = "crash"
	slices.SortStableFunc(a.all, func(x, y *crashTally) int { return strings.Compare(x.name, y.name) })
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "crash\tsteps\tkills\tcontents\trecords\tlost\tduplicates\tallowed\trecovered p50\tmax\torphans\tred\tamber\t")
	for _, t := range a.all {
		red, amber := t.untaken()
		red = append(red, t.wrong...)
		p50, most := spread(t.recovered)
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%v\t%v\t%d\t%d\t%d\t\n",
			t.name, t.steps, t.kills, t.contents, t.records, t.lost, t.duplicates, t.most, p50.Round(time.Millisecond), most.Round(time.Millisecond), t.orphans, len(red), len(amber))
		if t.kills == 0 || t.records == 0 {
			red = append(red, t.name+": nobody was killed, or nothing was carried")
		}
		f.add(figures{Runs: max(t.steps, 1), Kills: t.kills, Contents: t.contents, Records: t.records,
			Lost: t.lost, Duplicates: t.duplicates, Recovery: t.recovered, Red: red, Amber: amber})
	}
	return f, table.Flush()
}
