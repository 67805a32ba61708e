package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"azcollector/internal/sim"
)

// stage builds the real collector and gives the demo a temporary directory of
// its own, which is returned: what is left in it afterwards was left behind.
func stage(t *testing.T) (binary, tmp string) {
	t.Helper()
	dir := t.TempDir()
	binary, tmp = filepath.Join(dir, "azcollector"), filepath.Join(dir, "tmp")
	if out, err := exec.Command("go", "build", "-o", binary, "azcollector/functions").CombinedOutput(); err != nil {
		t.Fatalf("build the collector: %v\n%s", err, out)
	}
	if err := os.Mkdir(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", tmp)
	return binary, tmp
}

func requireEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		t.Errorf("%s was left behind", entry.Name())
	}
}

func TestDemoDeliversEverything(t *testing.T) {
	for _, calm := range []bool{true, false} {
		t.Run(map[bool]string{true: "calm", false: "flaky"}[calm], func(t *testing.T) {
			binary, tmp := stage(t)
			var out strings.Builder
			d := demo{Records: 3000, Seed: 1, Calm: calm, Collector: binary}
			if err := d.play(t.Context(), &screen{out: &out}); err != nil {
				t.Fatalf("%v\n%s", err, out.String())
			}
			for _, want := range []string{"records published          3,000", "records lost                   0", "contents pending               0", "proof                      clean", "Every record arrived"} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("the output lacks %q", want)
				}
			}
			// The n-th request of an operation meets the same fault in every run.
			if none := strings.Contains(out.String(), "faults injected                0"); none != calm {
				t.Errorf("calm is %t, but that no fault was injected is %t", calm, none)
			}
			requireEmpty(t, tmp)
			if t.Failed() {
				t.Log(out.String())
			}
		})
	}
}

// leaving is a reader that goes when the first progress is shown.
type leaving struct{}

func (leaving) Write(b []byte) (int, error) {
	if strings.Contains(string(b), "published") {
		return 0, io.ErrClosedPipe
	}
	return len(b), nil
}

func TestDemoInterruptedLeavesNothing(t *testing.T) {
	binary, tmp := stage(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d := demo{Records: 1 << 30, Calm: true, Collector: binary}
	err := d.play(ctx, &screen{out: leaving{}, gone: cancel})
	if end, ok := errors.AsType[interrupted](err); !ok || end.ExitCode() != 130 {
		t.Errorf("got %v, want to be interrupted with 130", err)
	}
	requireEmpty(t, tmp)
}

func TestDemoKeepsTheLogOfACollectorThatEnds(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	binary := filepath.Join(t.TempDir(), "collector")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\necho no settings for me >&2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	d := demo{Records: 1, Calm: true, Collector: binary}
	err := d.play(t.Context(), &screen{out: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Fatalf("got %v, want an error with the exit status", err)
	}
	logs, _ := filepath.Glob(filepath.Join(tmp, "*", logFile)) // the pattern is right
	if len(logs) != 1 || !strings.Contains(err.Error(), logs[0]) {
		t.Fatalf("logs %q; want one, named in %q", logs, err)
	}
	if text, err := os.ReadFile(logs[0]); err != nil || string(text) != "no settings for me\n" {
		t.Errorf("the log holds %q, %v", text, err)
	}
}

func TestContentSize(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 1))
	sum, small, large := 0, 0, 0
	for range 10_000 {
		n := contentSize(dice)
		if n < 1 || n > demoLargest {
			t.Fatalf("got a content of %d records", n)
		}
		sum += n
		if n < 10 {
			small++
		} else if n > 250 {
			large++
		}
	}
	if mean := sum / 10_000; mean < 60 || mean > 100 || small < 2000 || large < 500 {
		t.Errorf("mean %d, %d below 10, %d above 250 of 10,000", mean, small, large)
	}
}

// summarised is the summary of 100 records, ten of them filtered, of nine contents.
func summarised() *summary {
	s := &summary{Book: sim.Report{Announced: 9, Published: 100, Delivered: 90}}
	s.Told, s.Ledger.Records = 6, tally{Delivered: 90, Duplicate: 70}
	s.Proof = proof{Clean: true, Types: []typeProof{{Offered: 4, OnlyAnnounced: 6, Records: tally{Delivered: 40}}, {Offered: 6, Records: tally{Delivered: 50, Duplicate: 10}}}}
	return s
}

func TestTold(t *testing.T) {
	for published, want := range map[int]int{0: 0, 2: 2, 3: 2, 754: 503} {
		if got := (&demo{}).told(published); got != want {
			t.Errorf("of %d, %d are told, want %d", published, got, want)
		}
	}
	if got := (&demo{Calm: true}).told(3); got != 3 {
		t.Errorf("calm, of 3, %d are told", got)
	}
}

func TestVerdict(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*summary)
		want  string // "": nothing is wrong
	}{
		"all well":           {func(*summary) {}, ""},
		"repeated for cause": {func(s *summary) { s.Book.Repeated = 3 }, ""},
		"lost":               {func(s *summary) { s.Book.Lost, s.Missing = 1234, []string{`{"Id":"x"}`} }, "1,234 records did not arrive\nmissing: \"{\\\"Id\\\":\\\"x\\\"}\""},
		"pending":            {func(s *summary) { s.Ledger.Contents.Pending, s.Ledger.LastError = 2, "AF429: slow" }, "2 contents are still pending\nthe oldest is pending because of: AF429: slow"},
		"expired":            {func(s *summary) { s.Ledger.Contents.Expired = 1 }, "1 contents expired"},
		"dead":               {func(s *summary) { s.Ledger.Records.Dead = 1 }, "1 records were dead-lettered"},
		"doubled":            {func(s *summary) { s.Book.Duplicates = 7 }, "7 records arrived twice"},
		"not proved":         {func(s *summary) { s.Proof.Clean, s.Proof.Unprovable = false, []string{"It was", "not listed."} }, "azcollector prove --since 1h is not clean: It was not listed."},
		"not listed":         {func(s *summary) { s.Proof.Types[1].Missing, s.Proof.Types[0].Young = 1, 2 }, "3 offered contents are not in the ledger"},
		"not told":           {func(s *summary) { s.Proof.Types[0].OnlyAnnounced = 4 }, "2 announced contents are not in the ledger"},
		"forgotten":          {func(s *summary) { s.Proof.Types[1].Records.Duplicate = 4 }, "6 published records have no outcome"},
		"complaint":          {func(s *summary) { s.Complaints = []string{"canary: GET /"} }, "the simulator complains: canary: GET /"},
	} {
		t.Run(name, func(t *testing.T) {
			s := summarised()
			test.spoil(s)
			err := s.verdict()
			if test.want == "" {
				if err != nil {
					t.Errorf("got %v, want no complaint", err)
				}
			} else if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestSummaryText(t *testing.T) {
	s := summary{
		Book:   sim.Report{Announced: 752, Published: 60000, Delivered: 58787, Bytes: 64_400_000, Repeated: 12, LagP50: 400 * time.Millisecond, LagP95: 1234567 * time.Microsecond, LagMax: time.Minute},
		Faults: map[sim.Kind]int{sim.Hang: 2, sim.Refuse: 8, sim.LostAck: 2, sim.TruncateChunked: 2, sim.TruncateLength: 1},
		Seed:   7,
	}
	s.Took = 14100 * time.Millisecond
	s.Ledger.Records.Delivered, s.Ledger.Records.Duplicate = 58787, 41213
	s.Proof = proof{Clean: true, Types: []typeProof{{Offered: 500, OnlyAnnounced: 502}, {Offered: 400, Young: 1}}}
	want := `contents published           752
  told by webhook            502  every 3rd lost, every 7th twice, in any order
  found by listing           899  under other ids, one of five in two pieces
records published         60,000  64.4 MB arrived
  delivered               58,787  by the collector's ledger
  duplicates filtered     41,213  most records come by webhook and by list
  dead-lettered                0
contents pending               0
records lost                   0  by the simulator's book
records sent again            12  acknowledgement lost, or no Id or time in them
records sent twice             0  without such a reason
faults injected               15  refuse 8, hang 2, lost-ack 2
                                  truncate-chunked 2, truncate-length 1
time                       14.1s  4,169 records/s
longest lag                 1m0s  half within 400ms, 95 % within 1.235s
proof                      clean  azcollector prove --since 1h
seed                           7
`
	if got := s.text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for line := range strings.Lines(want) {
		if len(line) > 81 { // with its end
			t.Errorf("wider than a terminal: %s", line)
		}
	}
}
