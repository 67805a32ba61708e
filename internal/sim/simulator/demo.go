package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"azcollector/internal/sim"
)

// demo lets the real collector work in the simulated world and judges it.
type demo struct {
	Records   int    `help:"How many records to push." default:"60000"`
	Seed      uint64 `help:"Seed of everything random; 0 draws one and prints it."`
	Calm      bool   `help:"No faults, no doubled or reordered notifications."`
	Collector string `help:"The collector's binary." default:".build/azcollector" placeholder:"FILE"`
}

const (
	// Every seventh notification is sent twice, in any order. None is dropped:
	// the collector finds those only when somebody runs its pull.
	demoDoubleEvery = 7
	// demoLargest is the most records of a content, many times the mean. What
	// the real API puts into one is not documented.
	demoLargest = 500
	// demoPatience is how long nothing may arrive. It is longer than the five
	// attempts in a row that no content of a few percent of faults ever needed.
	demoPatience = time.Minute
	demoLook     = 100 * time.Millisecond
)

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
	push := sim.PushOptions{To: "https://" + address + webhookPath}
	if !d.Calm {
		push.DoubleEvery, push.Reorder = demoDoubleEvery, true
	}
	w, err := sim.New(sim.Options{Seed: d.Seed, Calm: d.Calm, Dir: dir, Push: push, Logf: func(string, ...any) {}})
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
	began := time.Now()
	arrived, err := d.perform(ctx, out, w, c)
	if err != nil {
		return err
	}
	took := arrived.Sub(began)
	settled, err := c.settle(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	out.end()
	s := summary{
		Book: w.Book.Report(), Ledger: settled, Faults: w.Dial.Counts(), Complaints: w.Complaints(),
		Missing: w.Book.Missing(5), Seed: w.Seed(), Took: took, Calm: d.Calm,
	}
	out.print("\n%s", s.text())
	if err := errors.Join(err, s.verdict()); err != nil {
		return err
	}
	out.print("\nEvery record arrived, and nothing is left to do.\nREADME.md tells how to run the collector for real.\n")
	return nil
}

func (d *demo) weather() string {
	if d.Calm {
		return "without faults"
	}
	return "with faults on all the way"
}

// perform runs the collector until everything arrived, or nothing does any more,
// and says when that was.
func (d *demo) perform(ctx context.Context, out *screen, w *sim.World, c *collector) (arrived time.Time, err error) {
	s, err := c.serve(ctx)
	if err != nil {
		return arrived, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.ready(ctx, w.CAFile()); err != nil {
		return arrived, err
	}
	working, cancel := context.WithCancel(ctx)
	published := make(chan struct{})
	var publisher sync.WaitGroup
	publisher.Go(func() { d.publish(working, w, published) })
	defer publisher.Wait()
	defer cancel()
	if err := d.watch(ctx, out, w, s.ended, published); err != nil {
		return arrived, err
	}
	arrived = time.Now()
	ctx, late := context.WithTimeout(ctx, demoPatience)
	defer late()
	_ = w.Drain(ctx) // what nobody could be told of is missing, and the verdict says so
	return arrived, nil
}

// publish offers contents of all four types and closes done behind the last one.
func (d *demo) publish(ctx context.Context, w *sim.World, done chan<- struct{}) {
	dice := rand.New(rand.NewPCG(w.Seed(), 3)) // 3: a stream of its own beside the simulator's
	types := []string{"Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint", "Audit.General"}
	for left := d.Records; left > 0 && ctx.Err() == nil; {
		n := min(left, contentSize(dice))
		w.PublishSome(types[dice.IntN(len(types))], n)
		left -= n
	}
	if ctx.Err() == nil {
		close(done)
	}
}

// contentSize draws evenly on a logarithmic scale: many small contents, some
// large ones, 80 records in the mean.
func contentSize(dice *rand.Rand) int {
	return int(math.Exp(dice.Float64() * math.Log(demoLargest)))
}

// watch shows how far it is until every record arrived. That nothing arrives any
// more is no error here: the verdict says what is missing.
func (d *demo) watch(ctx context.Context, out *screen, w *sim.World, ended, published <-chan struct{}) error {
	ticker := time.NewTicker(demoLook)
	defer ticker.Stop()
	began := time.Now()
	p := progress{Total: d.Records}
	last := began // when something arrived
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
			return errors.New("the collector ended by itself")
		case <-ticker.C:
		}
		all := isClosed(published) // before the report, which then has all of them
		report, now := w.Book.Report(), time.Now()
		if report.Received > p.Book.Received {
			last = now
		}
		p.update(report, w.Dial.Counts(), now.Sub(began))
		done := all && report.Lost == 0
		out.progress(&p, done)
		if done || now.Sub(last) > demoPatience {
			return nil
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
