package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"azcollector/internal/sim"
)

// parsed is what the command line makes of flags.
func parsed(t *testing.T, flags ...string) (o options, err error) {
	t.Helper()
	parser, err := kong.New(&o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(flags)
	return o, err
}

var programs struct {
	sync.Once
	dir string
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if programs.dir != "" {
		_ = os.RemoveAll(programs.dir)
	}
	os.Exit(code)
}

// built are the flags that name both contenders, built once.
func built(t *testing.T) []string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds two programs")
	}
	programs.Do(func() {
		if programs.dir, programs.err = os.MkdirTemp("", "bench-test-"); programs.err != nil {
			return
		}
		build := exec.Command("go", "build", "-o", programs.dir, "./internal/bench/bare", "./functions")
		build.Dir = filepath.Join("..", "..")
		if text, err := build.CombinedOutput(); err != nil {
			programs.err = fmt.Errorf("build the contenders: %w\n%s", err, text)
		}
	})
	if programs.err != nil {
		t.Fatal(programs.err)
	}
	return []string{"--bare", filepath.Join(programs.dir, "bare"), "--collector", filepath.Join(programs.dir, "functions")}
}

// Every record of every contender is looked for, and every number is one.
func TestBothCarryEverything(t *testing.T) {
	programs := built(t)
	for _, c := range []struct {
		name  string
		flags []string
		want  []string // contenders
	}{
		{"all at once, over a ledger", []string{"--records=1", "--per-content=10", "--concurrency-burst=5x8", "--ledger=40"}, []string{"a", "b"}},
		{"pull beside push", []string{"--records=300", "--per-content=50", "--push-and-pull"}, []string{"a", "b", "b+pull"}},
		{"a bell, and latency", []string{"--records=300", "--per-content=50", "--notifications=wake", "--latency=10ms"}, []string{"a", "b+pull"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // what is measured does not matter here, and most of it is waiting
			o, err := parsed(t, append(append(c.flags, programs...), "--only=a,b", "--pairs=1", "--json=-", "--dir="+t.TempDir())...)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := o.run(t.Context(), &out); err != nil {
				t.Fatal(err)
			}
			var got []string
			for lines := json.NewDecoder(&out); ; {
				var r result
				if err := lines.Decode(&r); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				got = append(got, r.Contender)
				if r.Lost != 0 || r.Duplicates != 0 || r.Unknown != 0 || r.Records != o.Records {
					t.Errorf("%+v", r)
				}
				if min(float64(r.Took), float64(r.Peak), float64(r.AckP50), float64(r.AckP99), float64(r.Posted), float64(r.Posts)) <= 0 || r.CPU < 0 {
					t.Errorf("a number is missing: %+v", r)
				}
			}
			if strings.Join(got, " ") != strings.Join(c.want, " ") {
				t.Errorf("measured %q, want %q", got, c.want)
			}
		})
	}
}

// Two processes share one queue: all arrives, and what limits them is named and drawn.
func TestTwoProcessesOnOneQueue(t *testing.T) {
	svg := filepath.Join(t.TempDir(), "scale.svg")
	o, err := parsed(t, append(built(t), "--scale=2", "--records=60", "--per-content=5", "--latency=20ms", "--json=-", "--svg="+svg, "--dir="+t.TempDir())...)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := o.run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	var c crew
	if err := json.Unmarshal(out.Bytes(), &c); err != nil {
		t.Fatal(err)
	}
	name, share := c.limit()
	if c.Contents != 12 || c.Lost+c.Duplicates != 0 || c.Operations < 12 || c.Queuing < 12 || name == "" || share <= 0 || share > 1 {
		t.Errorf("%+v, limited by %q to %.2f", c, name, share)
	}
	if drawn, err := os.ReadFile(svg); err != nil || !strings.Contains(string(drawn), "2 processes") {
		t.Errorf("plot %s, %v", drawn, err)
	}
}

// The table has a line for each contender and one for each ratio.
func TestColdStarts(t *testing.T) {
	o, err := parsed(t, append(built(t), "--only=a,b", "--cold=1", "--per-content=20", "--dir="+t.TempDir())...)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := o.run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if table := out.String(); strings.Count(table, "\n") != 3 || !strings.Contains(table, "1.00") {
		t.Errorf("table:\n%s", table)
	}
}

// A judge that overlooks a loss makes every number worthless.
func TestJudge(t *testing.T) {
	load := func(seed uint64) *sim.Load {
		return sim.NewLoad(sim.LoadOptions{Seed: seed, Tenant: tenant, Records: 3, PerContent: 2, Until: time.Unix(1_800_000_000, 0)})
	}
	j := newJudge(nil, load(1))
	arrive := func(l *sim.Load, times int) {
		l.Expected(func(s sim.Sum) {
			for range times {
				j.note(s, time.Time{})
			}
		})
	}
	if j.missing != 3 {
		t.Errorf("before the first post %d are missing, want 3", j.missing)
	}
	arrive(load(1), 1)
	if j.missing != 0 || j.twice != 0 || j.unknown != 0 {
		t.Errorf("after each came: %d missing, %d twice, %d unknown", j.missing, j.twice, j.unknown)
	}
	arrive(load(1), 2)
	arrive(load(2), 1)
	if j.missing != 0 || j.twice != 6 || j.unknown != 3 {
		t.Errorf("after each came twice more, and three foreign ones: %d missing, %d twice, %d unknown", j.missing, j.twice, j.unknown)
	}
}

func TestFlags(t *testing.T) {
	for _, c := range []struct {
		flags string
		want  string // in the complaint; empty: none
	}{
		{"", ""},
		{"--concurrency-burst=10x32", ""},
		{"--concurrency-burst=10", "it must be like 10x32"},
		{"--concurrency-burst=0x3", "it must be like 10x32"},
		{"--records=0", "must be at least 1"},
		{"--cold=-1", "must be"},
		{"--only=d", "must be one of"},
		{"--scale=1,2,4", ""},
		{"--scale=0", "must list numbers of processes"},
		{"--scale=1 --per-content=5000", "must be at most 1000"},
	} {
		_, err := parsed(t, strings.Fields(c.flags)...)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.flags, err, c.want)
		}
	}
}
