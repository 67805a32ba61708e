package master_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
	"azcollector/master"
)

func TestEveryStepRuns(t *testing.T) {
	type findings = []collect.Finding
	first := collect.Finding{Code: master.AuditingOff, Text: "auditing is off"}
	broken := errors.New("the wire is cut")
	var seen []string
	m := &master.Master{
		Steps: []master.Step{
			{Name: "one", Run: func(context.Context, findings) (findings, error) { return findings{first}, nil }},
			{Name: "two", Code: master.RegistrationFailed, Run: func(context.Context, findings) (findings, error) { return nil, broken }},
			{Name: "three", Run: func(context.Context, findings) (findings, error) { panic("out of sorts") }},
			{Name: "four", Code: master.RegistrationFailed, Run: func(context.Context, findings) (findings, error) {
				return nil, &collect.Fault{Verdict: collect.JudgesUs, Code: "AADSTS7000222", Err: errors.New("it is over")}
			}},
			{Name: "five", Run: func(_ context.Context, before findings) (findings, error) {
				for _, f := range before {
					seen = append(seen, f.Code)
				}
				return findings{{Code: master.DeadLetters}}, nil
			}},
		},
	}
	var reported []string
	m.Report = func(step string, _ time.Duration, err error) {
		if err != nil {
			step += "!"
		}
		reported = append(reported, step)
	}
	found, err := m.Run(t.Context())
	codes := []string{master.AuditingOff, master.RegistrationFailed, master.InternalError, master.CredentialExpired}
	if !slices.Equal(seen, codes) {
		t.Errorf("the last step saw %q, want %q", seen, codes)
	}
	if got := codesOf(found); !slices.Equal(got, append(codes, master.DeadLetters)) {
		t.Errorf("found %q", got)
	}
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "three: panic: out of sorts") {
		t.Errorf("error %v", err)
	}
	if want := []string{"one", "two!", "three!", "four!", "five"}; !slices.Equal(reported, want) {
		t.Errorf("reported %q, want %q", reported, want)
	}
	if text := found[2].Text; !strings.HasPrefix(text, "three: panic: out of sorts") || strings.Contains(text, "\n") || len(text) > 1024 {
		t.Errorf("the panic reads %q", text)
	}
}

func TestAStepHasALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		sleeper := func(ctx context.Context, _ []collect.Finding) ([]collect.Finding, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		began := false
		m := &master.Master{Steps: []master.Step{
			{Name: "slow", Limit: time.Minute, Run: sleeper},
			{Name: "stopped", Run: func(ctx context.Context, f []collect.Finding) ([]collect.Finding, error) {
				cancel()
				return sleeper(ctx, f)
			}},
			{Name: "late", Run: func(context.Context, []collect.Finding) ([]collect.Finding, error) {
				began = true
				return nil, nil
			}},
		}}
		_, err := m.Run(ctx)
		if err == nil || !strings.Contains(err.Error(), "slow: took longer than 1m0s") || !strings.Contains(err.Error(), "late: not begun") {
			t.Errorf("error %v", err)
		}
		if began {
			t.Error("a step began after the end")
		}
	})
}

func TestTrigger(t *testing.T) {
	var file struct {
		Bindings []struct {
			Type, Direction, Name, Schedule string
			UseMonitor, RunOnStartup        bool
		}
	}
	if err := json.Unmarshal(master.Trigger, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Bindings) != 1 {
		t.Fatalf("%d bindings", len(file.Bindings))
	}
	b := file.Bindings[0]
	if b.Type != "timerTrigger" || b.Direction != "in" || b.Name != "timer" || b.Schedule != "0 */15 * * * *" || !b.UseMonitor || b.RunOnStartup {
		t.Errorf("binding %+v", b)
	}
}

func codesOf(findings []collect.Finding) []string {
	var codes []string
	for _, f := range findings {
		codes = append(codes, f.Code)
	}
	return codes
}

func wantCodes(t *testing.T, findings []collect.Finding, codes ...string) {
	t.Helper()
	if got := codesOf(findings); !slices.Equal(got, codes) {
		t.Errorf("found %q, want codes %q", findings, codes)
	}
}
