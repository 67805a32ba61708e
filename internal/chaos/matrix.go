package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"sync"
	"time"
)

// A matrix lets every remote operation meet every fault.
type matrix struct {
	Parallel int      `help:"Cells at a time: they mostly wait." default:"12"`
	Lane     []string `help:"Lanes: remote (what is asked of services, with the embedded store), storage (what is asked of a storage account), disk (that of the embedded store); all by default."`
	Only     []string `help:"Cells, as operation/fault; * stands for anything but a slash." placeholder:"GLOB"`
	Write    string   `help:"Put the table between the markers of this file." type:"path" placeholder:"FILE"`
	JSON     string   `name:"json" help:"Write every cell's outcome to this file." type:"path" placeholder:"FILE"`
}

// lanes are all there are.
func lanes() []lane { return []lane{remote(), storage(), disk()} }

// Validate looks at what belongs together, for kong.
func (m *matrix) Validate() error {
	switch {
	case m.Parallel < 1:
		return errors.New("--parallel must be at least 1")
	case m.Write != "" && len(m.Only) > 0:
		return errors.New("--write writes whole tables: it does not go with --only")
	}
	for _, glob := range m.Only {
		if _, err := path.Match(glob, ""); err != nil {
			return fmt.Errorf("--only %s: %w", glob, err)
		}
	}
	return nil
}

// Run implements the command.
func (m *matrix) Run(ctx context.Context, o *options) error {
	all := slices.DeleteFunc(lanes(), func(l lane) bool { return len(m.Lane) > 0 && !slices.Contains(m.Lane, l.name) })
	cells := m.cells(all)
	if len(cells) == 0 {
		return errors.New("there is no such cell")
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()>>1 | 1
	}
	fmt.Printf("matrix: %d cells, %d at a time, seed %d\n", len(cells), m.Parallel, o.Seed)
	began := time.Now()
	outcomes, err := m.try(ctx, o, cells)
	if err != nil {
		return err
	}
	t := tally(outcomes, time.Since(began), o.Seed)
	if m.JSON != "" {
		if err := writeJSON(m.JSON, outcomes); err != nil {
			return err
		}
	}
	if m.Write != "" {
		if err := writeBetween(m.Write, markdown(all, outcomes, t)); err != nil {
			return err
		}
	}
	fmt.Println("matrix:", t.line())
	return o.conclude(t.figures(outcomes), os.Stdout)
}

// cells are those that are asked for, row by row.
func (m *matrix) cells(all []lane) (cells []cell) {
	for i := range all {
		l := &all[i]
		for j := range l.operations {
			for k := range l.faults {
				c := cell{l, &l.operations[j], &l.faults[k]}
				if c.operation.without[c.fault.name] == "" && m.wanted(c.name()) {
					cells = append(cells, c)
				}
			}
		}
	}
	return cells
}

func (m *matrix) wanted(name string) bool {
	return len(m.Only) == 0 || slices.ContainsFunc(m.Only, func(glob string) bool {
		ok, _ := path.Match(glob, name) // Validate has tried it
		return ok
	})
}

// progressEvery is after how many cells a line says how far it is.
const progressEvery = 24

// try runs the cells, some at a time, in an order in which neighbours differ. The first
// trouble of our own ends it: the collector's ends no more than its cell.
func (m *matrix) try(ctx context.Context, o *options, cells []cell) ([]outcome, error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	outcomes := make([]outcome, len(cells))
	next := make(chan int)
	var crew sync.WaitGroup
	var telling sync.Mutex
	done := 0
	for range m.Parallel {
		crew.Go(func() {
			for i := range next {
				result, err := cells[i].hold(ctx, o, o.Seed+uint64(i))
				if err != nil {
					fail(fmt.Errorf("try %s: %w", cells[i].name(), err))
					continue
				}
				telling.Lock()
				done++
				result.tell(o, done, len(cells))
				telling.Unlock()
				outcomes[i] = result
			}
		})
	}
	for _, i := range rand.New(rand.NewPCG(o.Seed, 0)).Perm(len(cells)) {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	crew.Wait()
	return outcomes, context.Cause(ctx)
}

// hold tries a cell and judges it.
func (c cell) hold(ctx context.Context, o *options, seed uint64) (result outcome, err error) {
	o.court.hold(ctx, c.name(), func() []string {
		if result, err = c.try(ctx, o, seed); err != nil {
			return []string{err.Error()}
		}
		if c.judge(&result); result.Colour == red {
			return result.Reasons
		}
		return nil
	})
	return result, err
}

// tell prints what somebody who watches wants to know.
func (r *outcome) tell(o *options, done, of int) {
	if r.Colour == red {
		if !o.Keep {
			r.Log = rescue(r.Log, r.Operation+"-"+r.Fault)
		}
		fmt.Printf("matrix: RED %s/%s (log %s)\n", r.Operation, r.Fault, r.Log)
		for _, reason := range r.Reasons {
			fmt.Printf("        %s\n", reason)
		}
	}
	if done%progressEvery == 0 {
		fmt.Printf("matrix: %d of %d cells\n", done, of)
	}
}

// rescue copies a log out of what will be removed.
func rescue(log, name string) string {
	text, err := os.ReadFile(log)
	if err != nil {
		return log
	}
	file, err := os.CreateTemp("", "chaos-"+name+"-*.log")
	if err != nil {
		return log
	}
	defer file.Close()
	_, _ = file.Write(text) // as far as it goes
	return file.Name()
}

func writeJSON(file string, outcomes []outcome) error {
	text, err := json.MarshalIndent(outcomes, "", "\t")
	if err != nil {
		return fmt.Errorf("encode the outcomes: %w", err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the outcomes: %w", err)
	}
	return nil
}
