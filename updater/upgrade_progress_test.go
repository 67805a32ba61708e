package updater_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"azcollector/internal/collect"
	"azcollector/updater"
)

func noFetch(why string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) { return nil, errors.New(why) }
}

func TestNoProgressYet(t *testing.T) {
	l := newLife(t, flex)
	if p := l.progress(); p.Phase != updater.Idle || !p.Looked.IsZero() || p.Newest != "" {
		t.Errorf("%s", show(p))
	}
}

// What is in a row may be anything: fields of other types count as missing.
func TestProgressOfRubbish(t *testing.T) {
	for name, fields := range map[string]collect.Fields{
		"nothing": {},
		"of other types": {"Phase": int64(1), "Release": true, "Seen": "yesterday", "Since": int64(0), "From": []byte("x"), "Newest": time.Unix(0, 0).UTC(),
			"Refused": int64(2), "Why": false, "Attempts": "many", "Next": "soon", "Looked": int64(3), "LookError": []byte{1}, "TakeError": int64(4),
			"SHA256": int64(5), "Previous": true, "Runs": "x", "Envelope": "x", "Hurry": "true", "Known": int64(6)},
		"more":    {"Phase": "", "Known": `["AZC1"`, "Somebody": "else"},
		"extreme": {"Attempts": int64(-1 << 63), "Runs": int64(-1 << 63), "Next": time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC), "Known": `{"a":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLife(t, flex)
			l.forge(fields)
			if p := l.progress(); p.Phase != updater.Idle || p.Version+p.From+p.Newest+p.Refused+p.Why+p.LookError+p.TakeError != "" || !p.Seen.IsZero() || !p.Looked.IsZero() {
				t.Errorf("%s", show(p))
			}
			l.shop.publish(newer)
			l.good()
			l.good()
			l.is(newer, updater.Idle)
		})
	}
}

// A text that is too long for its row is cut, in between two characters; it does not
// keep what it tells of from being written.
func TestLongTexts(t *testing.T) {
	long := "a" + strings.Repeat("€", 100_000)
	cut := func(name, text string) {
		t.Helper()
		if len(text) < 1000 || len(text) > 1024 || !utf8.ValidString(text) {
			t.Errorf("%s has %d bytes", name, len(text))
		}
	}
	l := newLife(t, flex)
	l.try = func(string) error { return errors.New(long) }
	l.shop.publish(newer)
	if err := l.master(); err == nil {
		t.Error("no error")
	}
	p := l.progress()
	cut("TakeError", p.TakeError)
	if p.Phase != updater.Waiting || p.Attempts != 1 {
		t.Errorf("%s", show(p))
	}
	u := l.as(old)
	u.Fetch = noFetch(long)
	if err := u.Run(t.Context()); err == nil {
		t.Error("no error")
	}
	cut("LookError", l.progress().LookError)

	l.try = func(string) error { return nil }
	l.clock.pass(quarter)
	l.updated()
	for range 3 {
		if err := l.quarter(long); err != nil {
			t.Fatal(err)
		}
	}
	l.good()
	p = l.progress()
	cut("Why", p.Why)
	if l.is(old, updater.Idle); p.Refused != newer {
		t.Errorf("%s", show(p))
	}
}
