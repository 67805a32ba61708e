package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// crasher builds the program that can kill itself.
func crasher(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a program")
	}
	program := filepath.Join(t.TempDir(), "azcollector-crash")
	build := exec.Command("go", "build", "-tags", "crash", "-o", program, "./functions")
	build.Dir = filepath.Join("..", "..")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build it: %v\n%s", err, text)
	}
	return program
}

func TestDyingAtSteps(t *testing.T) {
	t.Parallel() // most of it is waiting
	program := crasher(t)
	for _, c := range []struct {
		name string
		crash
		want string // in the results; empty: nothing is red
	}{
		// A part of them, with the embedded store; scripts/soak takes all, with both. An odd
		// number, so that steps before and after a write both come.
		{"every eleventh", crash{Every: 11, Parallel: 12}, ""},
		// It is no proof of anything.
		{"one that nobody takes", crash{At: []string{"embedded/notify/store.insert.nothing:before:1"}, Parallel: 1},
			"RED embedded/notify/store.insert.nothing:before:1: nobody died at it"},
		{"one of a stage that is none", crash{At: []string{"paper/notify/store.insert.content:before:1"}, Parallel: 1}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.Crasher, c.Stores, c.Steps = program, []string{"embedded"}, true
			var out bytes.Buffer
			err := c.run(t.Context(), &options{Dir: t.TempDir(), Seed: 7, court: newCourt()}, &out)
			if good := c.want == "" && c.Every > 0; (err == nil) != good || !strings.Contains(out.String(), c.want) {
				t.Errorf("%v, want %q in\n%s", err, c.want, &out)
			}
			t.Logf("\n%s", &out)
		})
	}
}

// A judge that overlooks a loss, or takes any number of duplicates, makes every step green.
func TestCrashJudge(t *testing.T) {
	for _, c := range []struct {
		name    string
		arrived func(s *scene) [][]byte
		missed  bool
		want    string // in the only complaint; empty: none
	}{
		{"all once", func(s *scene) [][]byte { return s.records }, false, ""},
		{"one batch again", func(s *scene) [][]byte { return slices.Concat(s.records, s.records[:fewRecords+sideRecords]) }, false, ""},
		{"one record more again", func(s *scene) [][]byte { return slices.Concat(s.records, s.records[:fewRecords+sideRecords+1]) }, false, "17 records arrived again, at most 16 may"},
		{"again without a crash", func(s *scene) [][]byte { return slices.Concat(s.records, s.records[:1]) }, true, "1 records arrived again, at most 0 may"},
		{"one lost", func(s *scene) [][]byte { return s.records[1:] }, false, "lost 1"},
		{"all lost", func(*scene) [][]byte { return nil }, false, "lost 76"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := newScene(t.TempDir(), 7, byNotice)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for _, record := range c.arrived(s) {
				s.Book.Received(record)
			}
			end := scar{missed: c.missed}
			(&crashTrial{scene: s}).judge(&end)
			if got := strings.Join(end.wrong, "; "); (got == "") != (c.want == "") || !strings.Contains(got, c.want) || len(end.wrong) > 1 {
				t.Errorf("complaints %q, want one with %q", got, c.want)
			}
		})
	}
}

// The last request of a kind is not made in every life; a kind that nobody died at is
// one that was not tried.
func TestStepsNobodyDiedAt(t *testing.T) {
	here, tally := stage{"embedded", byPull}, &crashTally{}
	for at, missed := range map[string]bool{
		"http.table.POST.due:after:1": false, "http.table.POST.due:after:2": true, "http.table.POST.due:before:2": true,
	} {
		tally.scar(scar{step: step{here, at}, missed: missed})
	}
	red, amber := tally.untaken()
	if len(red) != 1 || !strings.Contains(red[0], "due:before:2") || len(amber) != 1 || !strings.Contains(amber[0], "due:after:2") || tally.kills != 1 {
		t.Errorf("red %q, amber %q, %d kills", red, amber, tally.kills)
	}
}

func TestCrashStateJudge(t *testing.T) {
	good := crashState{Contents: map[string]int{"delivered": 4, "pending": 0, "dead": 0, "expired": 0}, DeadLetters: 1}
	for _, c := range []struct {
		name   string
		change func(s *crashState)
		want   string
	}{
		{"as it should be", func(*crashState) {}, ""},
		{"a dead letter lost", func(s *crashState) { s.DeadLetters = 0 }, "0 dead letters"},
		{"one kept twice", func(s *crashState) { s.DeadLetters = 2 }, "2 dead letters"},
		{"one expired", func(s *crashState) { s.Contents = map[string]int{"delivered": 3, "expired": 1} }, "contents ended as"},
		{"one gone", func(s *crashState) { s.Contents = map[string]int{"delivered": 2} }, "contents ended as"},
	} {
		t.Run(c.name, func(t *testing.T) {
			state := good
			c.change(&state)
			var end scar
			(&crashTrial{stage: stage{"embedded", byNotice}}).judgeState(state, &end)
			if got := strings.Join(end.wrong, "; "); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("complaints %q, want one with %q", got, c.want)
			}
		})
	}
}
