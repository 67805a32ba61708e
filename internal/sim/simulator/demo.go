package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"azcollector/internal/sim"
)

// demo lets the real collector work in the simulated world and judges it.
type demo struct {
	Records   int    `help:"How many records to publish." default:"60000"`
	Seed      uint64 `help:"Seed of everything random; 0 draws one and prints it."`
	Calm      bool   `help:"No faults, no lost, doubled or reordered notifications."`
	Collector string `help:"The collector's binary." default:".build/azcollector" placeholder:"FILE"`
}

const (
	// Every third notification is lost, every seventh of them all is sent twice
	// unless it is lost, and they come in any order.
	demoDropEvery, demoDoubleEvery = 3, 7
	// demoPage is how many contents a page of the list has: some pages, not hundreds.
	// A list is begun again when one of its pages fails, and one of thirty does.
	demoPage = 50
	// demoSchedule is the collector's PULL_SCHEDULE: nobody is to wait for a minute.
	demoSchedule = "*/2 * * * * *"
	// demoLargest is the most records of a content, many times the mean. What
	// the real API puts into one is not documented.
	demoLargest = 500
	// demoPatience is how long nothing may happen that must. It is longer than the
	// five attempts in a row that no content of a few percent of faults ever needed.
	demoPatience = time.Minute
	// demoLook is ten times what the simulator needs to sum up its book.
	demoLook = 200 * time.Millisecond
)

// demoTypes are those that the collector subscribes to unless it is told otherwise.
var demoTypes = []string{"Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint", "Audit.General"}

// Validate is called by kong.
func (d *demo) Validate() error {
	if d.Records < 1 {
		return errors.New("--records must be 1 or more")
	}
	return nil
}

// Run ends the demo in order also when its terminal is closed or nobody reads its
// output any more: the collector, in a process group of its own, would outlive us.
func (d *demo) Run(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer stop()
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	// Asked for, SIGPIPE no longer ends the process: the write fails. It is not
	// what we wait for, because sockets that break raise it too.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	out := newScreen(os.Stdout, os.Getenv)
	out.gone = leave
	return d.play(ctx, out)
}

// interrupted is the end that somebody asked for.
type interrupted struct{}

func (interrupted) Error() string { return "interrupted: everything is stopped and removed" }

// ExitCode is what a shell gives to a program that SIGINT ended.
func (interrupted) ExitCode() int { return 130 }

// play prepares a directory for the demo. It stays only if something went wrong.
func (d *demo) play(ctx context.Context, out *screen) error {
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		return errors.New("the demo needs Linux or a BSD: here Go takes certificate authorities from the system only, and this one is made anew each time")
	}
	binary, err := filepath.Abs(d.Collector)
	if err != nil {
		return fmt.Errorf("find --collector: %w", err)
	}
	dir, err := os.MkdirTemp("", "azcollector-demo-")
	if err != nil {
		return fmt.Errorf("make a directory for the demo: %w", err)
	}
	err = d.act(ctx, out, binary, dir)
	out.end()
	if ctx.Err() != nil {
		err = interrupted{}
	} else if err != nil {
		return fmt.Errorf("%w\nthe collector's log: %s", err, filepath.Join(dir, logFile))
	}
	return errors.Join(err, os.RemoveAll(dir))
}

// act is the whole piece: world, collector, records, and the verdict.
func (d *demo) act(ctx context.Context, out *screen, binary, dir string) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	var push sim.PushOptions
	if !d.Calm {
		push = sim.PushOptions{DropEvery: demoDropEvery, DoubleEvery: demoDoubleEvery, Reorder: true}
	}
	w, err := sim.New(sim.Options{Seed: d.Seed, Calm: d.Calm, Dir: dir, Push: push, PageSize: demoPage, Logf: func(string, ...any) {}})
	if err != nil {
		return err
	}
	defer w.Close()
	out.print("azcollector demo: %s audit records from a simulated Microsoft to a simulated\nAlert Logic, %s, seed %d\n\n", grouped(d.Records), d.weather(), w.Seed())
	c, err := newCollector(binary, dir, address, w)
	if err != nil {
		return err
	}
	defer func() { _ = c.log.Close() }() // written by others, only
	end, err := d.perform(ctx, out, w, c)
	if err != nil {
		return err
	}
	s := summary{
		outcome: *end, Book: w.Book.Report(), Faults: w.Dial.Counts(), Complaints: w.Complaints(),
		Missing: w.Book.Missing(5), Seed: w.Seed(), Calm: d.Calm,
	}
	out.print("\n%s", s.text())
	if err := s.verdict(); err != nil {
		return err
	}
	out.print("\nEvery record arrived, nothing is missing, and nothing is left to do.\nREADME.md tells how to run the collector for real.\n")
	return nil
}

func (d *demo) weather() string {
	if d.Calm {
		return "without faults"
	}
	return "with faults on all the way"
}
