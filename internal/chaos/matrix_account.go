package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// commandTime is for a command that reads the state.
const commandTime = 20 * time.Second

// account asks the state, now that nobody else has it, and the simulator.
func (t *trial) account(ctx context.Context, o *options, result *outcome) (err error) {
	var is struct {
		Contents    map[string]int
		DeadLetters int
	}
	answer, err := t.command(ctx, o, "status", "--json")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, &is); err != nil {
		return fmt.Errorf("read the status: %w", err)
	}
	letters := map[string]bool{}
	if is.DeadLetters > 0 {
		if letters, err = t.letters(ctx, o); err != nil {
			return err
		}
	}
	for _, record := range t.world.Book.Missing(t.ids) {
		if !letters[idOf([]byte(record))] {
			result.Lost++
		}
	}
	result.Dead = len(letters)
	result.Pending, result.Expired = is.Contents["pending"], is.Contents["expired"]
	result.Report, result.Flaws, result.Canary = t.world.Book.Report(), t.world.Complaints(), len(t.world.CanaryHits())
	t.log.read()
	result.Complaints = t.log.complaints
	return nil
}

// letters are the records among the dead letters: one that came in two contents is kept
// for each of them, and may yet be delivered in the other.
func (t *trial) letters(ctx context.Context, o *options) (map[string]bool, error) {
	answer, err := t.command(ctx, o, "deadletter", "list", "--json")
	if err != nil {
		return nil, err
	}
	records := map[string]bool{}
	for line := range bytes.Lines(answer) {
		var letter struct{ RecordID, Reason string }
		if err := json.Unmarshal(line, &letter); err != nil {
			return nil, fmt.Errorf("read a dead letter: %w", err)
		}
		if letter.Reason == "" {
			return nil, fmt.Errorf("read a dead letter: the one of %s has no reason", letter.RecordID)
		}
		records[letter.RecordID] = true
	}
	return records, nil
}

func (t *trial) command(ctx context.Context, o *options, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	ask := exec.CommandContext(ctx, o.Collector, args...)
	ask.Dir, ask.Env = t.dir, t.env
	answer, err := ask.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(failed.Stderr)))
	}
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", strings.Join(args, " "), err)
	}
	return answer, nil
}
