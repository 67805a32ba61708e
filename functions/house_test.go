package main

import (
	"errors"
	"io"
	"testing"

	"azcollector/webhook"
)

// What cannot be recorded makes us unhealthy until something is recorded again.
func TestHealthTellsOfAStateThatCannotBeWritten(t *testing.T) {
	h := &house{log: newLogger(io.Discard, false)}
	full := errors.New("no space left on device")
	h.reportNotice(t.Context(), webhook.Notice{Status: 500, Err: full})
	h.reportNotice(t.Context(), webhook.Notice{Status: 401, Err: errors.New("a stranger")})
	if err := h.state.why(); !errors.Is(err, full) {
		t.Errorf("after a 500: %v", err)
	}
	h.reportNotice(t.Context(), webhook.Notice{Status: 200, Announced: 1})
	if err := h.state.why(); err != nil {
		t.Errorf("recorded again: %v", err)
	}
}
