//go:build crash

package main

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// A crasher ends this process at one step, by SIGKILL and so without a last word, and
// tells which steps it came past. It is in no build but those with the tag crash.
//
// CRASH_AT=store.insert.recordids:after:3 ends it after the third such step, and
// "before" instead of what the step does. CRASH_COUNT names a file that gets a line for
// each step: its name as CRASH_AT has it, without the middle.
type crasher struct {
	step, when string // "": never
	turn       int

	mu     sync.Mutex
	passed map[string]int
	record *os.File
}

// crashing reads the environment once: all doors of a process count together.
var crashing = sync.OnceValue(func() *crasher {
	c := &crasher{passed: map[string]int{}}
	if at := os.Getenv("CRASH_AT"); at != "" {
		parts := strings.Split(at, ":")
		var err error
		if len(parts) == 3 {
			c.step, c.when = parts[0], parts[1]
			c.turn, err = strconv.Atoi(parts[2])
		}
		if len(parts) != 3 || err != nil || c.when != "before" && c.when != "after" {
			panic("CRASH_AT is " + at + "; it must be like store.insert.recordids:before:7")
		}
	}
	var err error
	if c.record, err = os.OpenFile(cmp.Or(os.Getenv("CRASH_COUNT"), os.DevNull), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		panic(err)
	}
	return c
})

// around does what a step does, or dies before or after it.
func (c *crasher) around(step string, do func()) {
	turn := c.pass(step)
	c.die(step, "before", turn)
	do()
	c.die(step, "after", turn)
}

// pass counts a step and writes it down. A line is one write, so that it is whole in the
// file whatever happens to us.
func (c *crasher) pass(step string) (turn int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed[step]++
	c.say("%s:%d\n", step, c.passed[step])
	return c.passed[step]
}

func (c *crasher) die(step, when string, turn int) {
	if step != c.step || when != c.when || turn != c.turn {
		return
	}
	c.mu.Lock() // and for ever: who looks at the file wants nobody to pass after this
	c.say("killed %s:%s:%d\n", step, when, turn)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal may take a moment, and nothing is to be done in it
}

func (c *crasher) say(format string, args ...any) {
	if _, err := fmt.Fprintf(c.record, format, args...); err != nil {
		panic(err) // who counts on it would take us for one that did nothing
	}
}
