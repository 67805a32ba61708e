package main

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestProcessors(t *testing.T) {
	before := parseProcessors("cpu  100 10 20 5000 60 1 2 30 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n")
	if want := (processors{ours: 133, theirs: 30}); before != want {
		t.Fatalf("got %+v, want %+v", before, want)
	}
	for text, want := range map[string]float64{
		"cpu  110 10 20 9000 90 1 2 60 0 0\n": 0.75,
		"cpu  160 10 20 9000 90 1 2 30 0 0\n": 0,
		"cpu  100 10 20 9000 90 1 2 30 0 0\n": 0, // it wanted nothing
	} {
		if got := parseProcessors(text).takenSince(before); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{"", "cpu 1 2 3", "intr 1 2 3 4 5 6 7 8 9", "cpu a b c d e f g h i"} {
		if got := parseProcessors(text); got != (processors{}) {
			t.Errorf("%q: got %+v", text, got)
		}
	}
	if readProcessors().ours == 0 {
		t.Error("this machine's kernel tells nothing")
	}
}

// On a machine that has its processors the first trial counts; on one that has not,
// what goes well does, and the last one.
func TestTrialsThatCount(t *testing.T) {
	for name, c := range map[string]struct {
		theirs uint64 // of a hundred ticks, while a trial is held
		wrong  int    // trials that go wrong
		want   int    // trials held
	}{
		"all is well":                  {0, 0, 1},
		"it goes wrong":                {29, 9, 1},
		"starved, and all is well":     {90, 0, 1},
		"starved, and it goes wrong":   {30, 9, mostTrials},
		"starved, and well in the end": {30, 2, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now, held := processors{}, 0
				it := &court{read: func() processors { return now }}
				it.hold(t.Context(), name, func() []string {
					now.ours, now.theirs = now.ours+100-c.theirs, now.theirs+c.theirs
					if held++; held <= c.wrong {
						return []string{"lost 1"}
					}
					return nil
				})
				if held != c.want || it.mistrials.Load() != int64(c.want-1) {
					t.Errorf("%d trials, %d of them do not count, want %d", held, it.mistrials.Load(), c.want)
				}
			})
		})
	}
}

// It waits for its processors, but not for ever.
func TestCourtRests(t *testing.T) {
	for theirs, want := range map[uint64]time.Duration{0: 5 * time.Second, 80: longestRest} {
		synctest.Test(t, func(t *testing.T) {
			now, began := processors{}, time.Now()
			it := &court{read: func() processors {
				now.ours, now.theirs = now.ours+100-theirs, now.theirs+theirs
				return now
			}}
			if it.rest(t.Context()); time.Since(began) != want {
				t.Errorf("others have %d %%: it rests %v, want %v", theirs, time.Since(began), want)
			}
		})
	}
}
