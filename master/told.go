package master

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"azcollector/internal/collect"
)

const (
	kindCursor = "cursor"
	// maxAnswer is what is kept of a check-in's answer, in bytes.
	maxAnswer = 8 << 10
	// maxDetails bounds a field's text, in bytes: a property of Table Storage holds
	// 32,768 UTF-16 units.
	maxDetails = 30_000
)

// Told is what the last check-in told, and what came back.
type Told struct {
	// At is when it was tried, Sent when one arrived last. Error is why the last one
	// did not.
	At        time.Time `json:"at"`
	Sent      time.Time `json:"sent,omitzero"`
	Error     string    `json:"error,omitempty"`
	Status    string    `json:"status"`
	ErrorCode string    `json:"errorCode,omitempty"`
	Details   []string  `json:"details,omitempty"`
	// Answer is what the last one that arrived was answered.
	Answer []byte `json:"answer,omitempty"`

	begun   time.Time        // the first one of all
	through time.Time        // statistics before are reported
	gaps    time.Time        // gaps noted up to then are reported
	expired map[string]int64 // as the totals had it when it was reported

	owner     string    // who told last, or tells now
	busy      bool      // it tells now
	busySince time.Time // by its own clock

	row collect.Row
}

func toldKey(tenant string) collect.Key {
	return collect.Key{Kind: kindCursor, Partition: collect.EscapeKey(tenant), Row: "checkin"}
}

// LastCheckIn reads what the last check-in told. ErrNotFound.
func LastCheckIn(ctx context.Context, store collect.Store, tenant string) (Told, error) {
	t, err := loadTold(ctx, store, tenant)
	if err == nil && t.row.Version == "" {
		err = collect.ErrNotFound
	}
	if err != nil {
		return Told{}, fmt.Errorf("read the last check-in: %w", err)
	}
	return t, nil
}

// loadTold reads the row; one that is missing or cannot be read is empty.
func loadTold(ctx context.Context, store collect.Store, tenant string) (Told, error) {
	empty := Told{row: collect.Row{Key: toldKey(tenant)}}
	row, err := store.Get(ctx, empty.row.Key)
	if errors.Is(err, collect.ErrNotFound) {
		return empty, nil
	}
	if err != nil {
		return empty, fmt.Errorf("read the state of check-ins: %w", err)
	}
	str := func(name string) string { v, _ := row.Fields[name].(string); return v }
	at := func(name string) time.Time { v, _ := row.Fields[name].(time.Time); return v }
	t := Told{
		At: at("At"), Sent: at("Sent"), Error: str("Error"), Status: str("Status"), ErrorCode: str("ErrorCode"),
		begun: at("Begun"), through: at("Through"), gaps: at("Gaps"),
		owner: str("Owner"), busySince: at("BusySince"), row: row,
	}
	// What lies ahead of us would keep everything up to then from being told.
	if horizon := time.Now().Add(ahead); t.gaps.After(horizon) || t.through.After(horizon) {
		t.gaps, t.through = time.Time{}, time.Time{}
	}
	t.busy, _ = row.Fields["Busy"].(bool)
	t.Answer, _ = row.Fields["Answer"].([]byte)
	_ = json.Unmarshal([]byte(str("Details")), &t.Details) // what somebody else made of it tells nothing
	_ = json.Unmarshal([]byte(str("Expired")), &t.expired)
	return t, nil
}

// heldFrom reports whether another process is checking in. One that was killed at
// it holds the row no longer than a check-in takes, and so does a clock that is wrong.
func (t *Told) heldFrom(owner string) bool {
	return t.busy && owner != "" && t.owner != owner && time.Since(t.busySince).Abs() < checkInTime
}

// save writes the row if nobody else did since it was read: see [collect.Overtaken].
func (t *Told) save(ctx context.Context, store collect.Store) error {
	details := t.Details
	b, err := json.Marshal(details)
	for err == nil && len(b) > maxDetails {
		details = details[:len(details)-1]
		b, err = json.Marshal(details)
	}
	if err != nil {
		return fmt.Errorf("keep the check-in: %w", err)
	}
	expired, err := json.Marshal(t.expired)
	if err != nil {
		return fmt.Errorf("keep the check-in: %w", err)
	}
	t.row.Fields = collect.Fields{
		"At": t.At, "Sent": t.Sent, "Error": collect.Brief(t.Error), "Status": t.Status, "ErrorCode": t.ErrorCode,
		"Details": string(b), "Answer": t.Answer, "Begun": t.begun, "Through": t.through, "Gaps": t.gaps, "Expired": string(expired),
		"Owner": t.owner, "Busy": t.busy, "BusySince": t.busySince,
	}
	version, err := collect.Swap(ctx, store, t.row)
	if err != nil {
		return fmt.Errorf("keep the check-in: %w", err)
	}
	t.row.Version = version
	return nil
}

// keepable is the answer that is kept: the new one if there is one and it fits.
func keepable(answer, before []byte) []byte {
	if len(answer) == 0 || len(answer) > maxAnswer {
		return before
	}
	return answer
}
