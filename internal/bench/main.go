// Command bench measures what it costs to carry a record: the collector beside the
// bare loop of internal/bench/bare, in turns, against the simulator's fast mode.
//
// Its one promise: nothing but the collector's own process is counted (its
// processor time and memory as the kernel tells them), and no number is printed of
// a run whose records were not all looked for afterwards. It judges no behaviour
// beyond that, and it knows only the machine that it runs on: the ratio of two
// columns means more than either of them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"azcollector/internal/sim"
)

type options struct {
	Records         int           `help:"Records of a run." default:"500000"`
	PerContent      int           `help:"Records of a content." default:"500"`
	PerNotification int           `help:"Contents of a notification." default:"3"`
	Concurrency     int           `help:"Notifications at a time." default:"4"`
	Latency         time.Duration `help:"How long tokens, contents and posts wait for their answer."`
	Level           int           `help:"DEFLATE_LEVEL." default:"6"`
	Pairs           int           `help:"How often every contender runs; the ratios are medians of the pairs." default:"5"`
	Only            []string      `help:"Contenders: a the bare loop, b the collector with its embedded store, c with Azurite." default:"a,b,c" enum:"a,b,c"`
	Notifications   string        `help:"O365_NOTIFICATIONS." default:"fetch" enum:"fetch,wake"`
	PushAndPull     bool          `help:"Every collector runs once more with the same contents listed under other ids, and pull called at the start, each minute and at the end."`
	Ledger          int           `help:"Contents that the embedded ledger holds before, of the week before."`
	LedgerRecords   int           `help:"Records of each of these." default:"5"`
	Spread          time.Duration `help:"A content's records happened within so long." default:"90m"`
	Burst           string        `name:"concurrency-burst" placeholder:"CxN" help:"N notifications of C contents each, all at once."`
	OneContent      int           `help:"One content of so many records."`
	Cold            int           `help:"Cold starts: from the start of the program until its first notification is delivered."`
	Scale           []int         `help:"Work off one queue with so many processes, such as 1,2,4, each with 4 contents in flight, over Azurite."`
	Env             []string      `help:"More settings of the collector, NAME=VALUE." sep:"none"`
	Seed            uint64        `help:"Seed of the records." default:"1"`
	JSON            string        `name:"json" placeholder:"FILE" help:"Also write a line of JSON per run; - for standard output, without the table."`
	SVG             string        `name:"svg" placeholder:"FILE" help:"Also plot every run." type:"path"`
	Keep            bool          `help:"Keep the directory with the programs' logs."`
	Bare            string        `help:"The bare loop's program." default:".build/bench/bare" type:"path"`
	Collector       string        `help:"The collector's program." default:".build/bench/azcollector" type:"path"`
	Dir             string        `help:"Where states and logs go; a temporary directory by default." type:"path"`
}

func main() {
	var o options
	k := kong.Parse(&o, kong.Name("bench"), kong.Description("Measures the collector beside a bare loop."), kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k.FatalIfErrorf(o.run(ctx, os.Stdout))
}

// AfterApply checks what belongs together, for kong.
func (o *options) AfterApply() error {
	if o.Burst != "" {
		var n int
		if _, err := fmt.Sscanf(o.Burst, "%dx%d", &o.PerNotification, &n); err != nil || o.PerNotification < 1 || n < 1 {
			return fmt.Errorf("--concurrency-burst is %q; it must be like 10x32", o.Burst)
		}
		o.Concurrency, o.Records = n, n*o.PerNotification*o.PerContent
	}
	if o.OneContent > 0 {
		o.Records, o.PerContent, o.PerNotification = o.OneContent, o.OneContent, 1
	}
	if min(o.Records, o.PerContent, o.PerNotification, o.Concurrency, o.Pairs, o.LedgerRecords) < 1 || min(o.Ledger, o.Cold) < 0 {
		return errors.New("--records, --per-content, --per-notification, --concurrency, --pairs and --ledger-records must be at least 1")
	}
	if slices.ContainsFunc(o.Scale, func(n int) bool { return n < 1 }) {
		return errors.New("--scale must list numbers of processes, each at least 1, such as 1,2,4")
	}
	if len(o.Scale) > 0 && o.PerContent > mostPerPost {
		return fmt.Errorf("--per-content is %d; with --scale it must be at most %d, so that each content is one post", o.PerContent, mostPerPost)
	}
	return nil
}

func (o *options) run(ctx context.Context, out io.Writer) (err error) {
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "bench-"); err != nil {
			return fmt.Errorf("make a directory: %w", err)
		}
		if o.Keep {
			fmt.Fprintln(os.Stderr, "bench: logs are in", o.Dir)
		} else {
			defer func() { _ = os.RemoveAll(o.Dir) }()
		}
	}
	b := &bench{options: *o, out: out, log: os.Stderr}
	if b.json, err = o.lines(out); err != nil {
		return err
	}
	if b.json == out {
		b.out = io.Discard
	}
	if len(o.Scale) > 0 {
		return b.scale(ctx)
	}
	contenders, err := b.contenders(ctx)
	if err != nil {
		return err
	}
	if o.Cold > 0 {
		return b.cold(ctx, contenders)
	}
	return b.compare(ctx, contenders)
}

// lines is where the JSON goes.
func (o *options) lines(out io.Writer) (io.Writer, error) {
	switch o.JSON {
	case "":
		return io.Discard, nil
	case "-":
		return out, nil
	}
	f, err := os.Create(filepath.Clean(o.JSON)) // open until the program ends
	if err != nil {
		return nil, fmt.Errorf("write --json: %w", err)
	}
	return f, nil
}

// A bench is one call of the program.
type bench struct {
	options
	out, log, json io.Writer
	filled         string // the state directory with the ledger of --ledger
}

// tenant is any: the simulator and the records agree on it.
const tenant = "3b1d5a4e-77aa-4c52-9d0e-0f61c2a8b901"

// world is a fresh simulator. Every run has its own, so that none finds what another left.
func (b *bench) world() (*sim.World, error) {
	return sim.New(sim.Options{
		Seed: b.Seed, Calm: true, Tenant: tenant, KeepPosts: true, Latency: b.Latency,
		HostID: "0b5e7c66-6c1e-4b0e-8f0d-3a1f5a2c9d10", SourceID: "9a1c5d12-0f3b-4a77-b1de-6f2a8c3e4b21",
		PageSize: 500,                                                          // few pages: listing is not what is measured
		Push:     sim.PushOptions{Off: true, To: "https://127.0.0.1:9/nobody"}, // we are the pusher; lists need no subscription
		Logf:     func(string, ...any) {},
	})
}

func (b *bench) load() *sim.Load {
	return sim.NewLoad(sim.LoadOptions{
		Seed: b.Seed, Tenant: tenant, Records: b.Records, PerContent: b.PerContent, Row: b.PerNotification,
		Until: time.Now(), Spread: b.Spread,
	})
}
