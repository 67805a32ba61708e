package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"azcollector/internal/wire"
)

// newLogger writes JSON lines under the Functions host, on stdout: it takes each
// line on stderr for an error. Elsewhere it writes text, coloured if out is a terminal.
//
// A room logs with log.WithContext(ctx): the line then carries its invocation.
func newLogger(out io.Writer, host bool) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(out)
	log.AddHook(invocationHook{})
	if host {
		log.SetFormatter(&logrus.JSONFormatter{
			TimestampFormat:   time.RFC3339Nano,
			DisableHTMLEscape: true,
			FieldMap:          logrus.FieldMap{logrus.FieldKeyMsg: "message"},
		})
	} else {
		log.SetFormatter(plainText{&logrus.TextFormatter{FullTimestamp: true}})
	}
	return log
}

// plainText keeps a message on its line: on a terminal logrus quotes the fields
// but writes the message as it is.
type plainText struct{ *logrus.TextFormatter }

func (f plainText) Format(e *logrus.Entry) ([]byte, error) {
	e.Message = wire.Printable(e.Message)
	return f.TextFormatter.Format(e)
}

// An invocation is one call by the host. If its reply has room for log lines it keeps
// them, because the portal shows those of the reply only; a webhook's answer has none.
type invocation struct {
	id      string
	replies bool
	mu      sync.Mutex
	lines   []string
}

// maxLines bounds what a reply repeats of the log; stdout has all of it.
const maxLines = 200

type invocationKey struct{}

func withInvocation(ctx context.Context, id string) (context.Context, *invocation) {
	inv := &invocation{id: id}
	return context.WithValue(ctx, invocationKey{}, inv), inv
}

// logged returns the lines so far.
func (inv *invocation) logged() []string {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return slices.Clone(inv.lines)
}

func (inv *invocation) add(line string) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	switch {
	case len(inv.lines) < maxLines:
		inv.lines = append(inv.lines, line)
	case len(inv.lines) == maxLines:
		inv.lines = append(inv.lines, "… more lines in the log stream")
	}
}

// invocationHook adds the field "invocation" to lines whose entry has a context
// that belongs to one.
type invocationHook struct{}

func (invocationHook) Levels() []logrus.Level { return logrus.AllLevels }

func (invocationHook) Fire(e *logrus.Entry) error {
	if e.Context == nil {
		return nil
	}
	inv, ok := e.Context.Value(invocationKey{}).(*invocation)
	if !ok {
		return nil
	}
	if inv.replies {
		inv.add(lineOf(e))
	}
	if e.Data == nil {
		e.Data = logrus.Fields{}
	}
	e.Data["invocation"] = inv.id
	return nil
}

// lineOf is an entry for the reply: "warning: message key=value".
func lineOf(e *logrus.Entry) string {
	var b strings.Builder
	b.WriteString(e.Level.String() + ": " + wire.Printable(e.Message))
	keys := make([]string, 0, len(e.Data))
	for key := range e.Data {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		b.WriteString(" " + key + "=")
		switch value := e.Data[key].(type) { // fmt costs more than the rest of the line
		case string:
			b.WriteString(wire.Printable(value))
		case int64:
			b.WriteString(strconv.FormatInt(value, 10))
		default:
			b.WriteString(wire.Printable(fmt.Sprint(value)))
		}
	}
	return b.String()
}

// debugLog takes what net/http has to say, mostly of strangers' handshakes. What it
// quotes is theirs, and may be a secret of ours.
type debugLog struct{ *logrus.Entry }

func (d debugLog) Write(p []byte) (int, error) {
	d.Debug(wire.Printable(wire.Unquoted(string(p))))
	return len(p), nil
}
