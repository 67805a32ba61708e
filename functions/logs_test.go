package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sirupsen/logrus"
)

const hostile = "a\r\nLanguageWorkerConsoleLog level=error msg=forged\x1b[31m\u2028b"

// TestLogLinesCannotBeForged: one call is one line, in every format.
func TestLogLinesCannotBeForged(t *testing.T) {
	terminal := func(l *logrus.Logger) {
		l.SetFormatter(plainText{&logrus.TextFormatter{ForceColors: true, FullTimestamp: true}})
	}
	for name, c := range map[string]struct {
		host  bool
		adapt func(*logrus.Logger)
	}{"host": {true, nil}, "text": {false, nil}, "terminal": {false, terminal}} {
		t.Run(name, func(t *testing.T) {
			var book logBook
			log := newLogger(&book, c.host)
			if c.adapt != nil {
				c.adapt(log)
			}
			ctx, inv := withInvocation(t.Context(), hostile)
			log.WithContext(ctx).WithField("field", hostile).WithError(errors.New(hostile)).Warn(hostile)
			out := book.buf.String()
			if strings.Count(out, "\n") != 1 || !strings.HasSuffix(out, "\n") || strings.Contains(out, "\r") {
				t.Errorf("not one line: %q", out)
			}
			if strings.Contains(out, "forged\x1b") || strings.HasPrefix(out, "LanguageWorkerConsoleLog") {
				t.Errorf("control characters went through: %q", out)
			}
			for _, line := range inv.logged() {
				if strings.ContainsAny(line, "\r\n\x1b") {
					t.Errorf("the reply's line %q", line)
				}
			}
		})
	}
}

func TestHostLogFields(t *testing.T) {
	var book logBook
	newLogger(&book, true).WithField("component", "host").Warn("a <b>")
	line := book.lines(t)[0]
	if line["message"] != "a <b>" || line["level"] != "warning" || line["component"] != "host" || line["time"] == nil || len(line) != 4 {
		t.Errorf("got %v", line)
	}
}

func TestReplyLinesAreBounded(t *testing.T) {
	_, inv := withInvocation(t.Context(), "id")
	for i := range 3 * maxLines {
		inv.add(fmt.Sprint(i))
	}
	if lines := inv.logged(); len(lines) != maxLines+1 || lines[maxLines-1] != fmt.Sprint(maxLines-1) {
		t.Errorf("%d lines", len(lines))
	}
}

func TestErrorWithSeveralCausesIsOneLine(t *testing.T) {
	var book logBook
	a, b := errors.New("a"), errors.New("b")
	logLines(newLogger(&book, true).WithField("component", "x"), fmt.Errorf("first %w then %w", a, b), "failed")
	logLines(newLogger(&book, true).WithField("component", "x"), errors.Join(errors.Join(a, b), a), "failed")
	var got []any
	for _, line := range book.lines(t) {
		got = append(got, line["error"])
	}
	if fmt.Sprint(got) != "[first a then b a b a]" {
		t.Errorf("got %v", got)
	}
}

// TestGateHoldsRequestsBack until the first attempt to start has ended.
func TestGateHoldsRequestsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		entered := make(chan error, 1)
		go func() {
			_, _, err := g.enter(t.Context())
			entered <- err
		}()
		synctest.Wait()
		select {
		case err := <-entered:
			t.Fatalf("let in before the start: %v", err)
		default:
		}
		g.settle(&rooms{}, nil)
		if err := <-entered; err != nil {
			t.Error(err)
		}
	})
}
