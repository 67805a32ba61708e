package master

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// Trigger is the function's function.json: whoever runs us without the Functions
// host follows the same schedule.
//
//go:embed function.json
var Trigger []byte

// A Step is one of the things that master does.
type Step struct {
	Name string
	// Limit is how long it may take; 0: as long as the whole run.
	Limit time.Duration
	// Code is what an error is reported as that says nothing better itself;
	// "": [InternalError].
	Code string
	// Run gets the findings of the steps before it and returns its own.
	Run func(ctx context.Context, before []collect.Finding) ([]collect.Finding, error)
}

// A Master does its steps in their order, each of them whatever became of the others.
type Master struct {
	Steps []Step
	// Report is told of every step; nil: nobody is.
	Report func(step string, took time.Duration, err error)
}

// Run returns the findings of all steps and their errors, joined; what a step
// fails with is a finding as well. It begins no step once ctx has ended.
func (m *Master) Run(ctx context.Context) (findings []collect.Finding, err error) {
	var errs []error
	for _, step := range m.Steps {
		if ctx.Err() != nil {
			errs = append(errs, fmt.Errorf("%s: not begun: %w", step.Name, context.Cause(ctx)))
			continue
		}
		began := time.Now()
		found, err := step.run(ctx, findings)
		if m.Report != nil {
			m.Report(step.Name, time.Since(began), err)
		}
		findings = append(findings, found...)
		if err != nil {
			findings = append(findings, step.finding(err))
			errs = append(errs, fmt.Errorf("%s: %w", step.Name, err))
		}
	}
	return findings, errors.Join(errs...)
}

// run bounds a step in time, and turns a panic into an error: the steps behind it
// are as important.
func (s Step) run(ctx context.Context, before []collect.Finding) (found []collect.Finding, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if s.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, s.Limit, fmt.Errorf("took longer than %v", s.Limit))
		defer cancel()
	}
	return s.Run(ctx, before)
}

// finding is how an error is told to who cannot read the log.
func (s Step) finding(err error) collect.Finding {
	id := s.Code
	if id == "" {
		id = InternalError
	}
	if code, ok := CodeOf(err); ok {
		id = code.ID
	}
	return collect.Finding{Code: id, Text: wire.Printable(s.Name + ": " + err.Error())}
}
