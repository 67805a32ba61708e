package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"
)

// A console is where a command reads its arguments and prints.
type console struct {
	command        *commandLine
	stdout, stderr io.Writer
	// terminal says that somebody watches, so that progress may overwrite itself.
	terminal bool

	shown time.Time
	long  bool // the line of progress is still there
}

// errQuiet fails a command whose output has said why.
var errQuiet = fmt.Errorf("failed")

// table gives f a table to fill, and prints it.
func (c *console) table(f func(w io.Writer)) error {
	t := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	f(t)
	return t.Flush()
}

// json prints one value for machines.
func (c *console) json(v any) error { return json.NewEncoder(c.stdout).Encode(v) }

// progress tells how far long work is: often to somebody who watches, seldom
// into a log.
func (c *console) progress(done, total int, what string) {
	every, begin, end := 10*time.Second, "", "\n"
	if c.terminal {
		every, begin, end = 200*time.Millisecond, "\r\x1b[K", ""
	}
	if time.Since(c.shown) < every {
		return
	}
	c.shown, c.long = time.Now(), c.terminal
	if total > 0 {
		what = fmt.Sprintf("%d of %d  %s", done, total, what)
	}
	fmt.Fprint(c.stderr, begin+what+end)
}

// settled takes the line of progress away.
func (c *console) settled() {
	if c.long {
		fmt.Fprint(c.stderr, "\r\x1b[K")
		c.long = false
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
