package updater

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"azcollector/internal/collect"
)

// kindConfig is the kind of rows that a configuration has as well.
const kindConfig = "config"

// A Phase says how far an upgrade is.
type Phase string

// The phases. Each is in the state before what it names is begun, so whoever starts
// after a kill knows what may have happened.
const (
	Idle      Phase = ""          // the newest release runs, or none is known
	Waiting   Phase = "waiting"   // a release is known; it is held back, or failed to be made ready
	Switching Phase = "switching" // the platform is asked for it
	Proving   Phase = "proving"   // it runs, and has not yet shown that it works
	Settling  Phase = "settling"  // it works; the platform is told so, and old packages are deleted
	Returning Phase = "returning" // it does not: the platform is asked for the one before
)

// A Progress is how an upgrade goes. It is read from the state, a stranger's word: what
// is run is checked again, against the signature or its hash.
type Progress struct {
	Phase   Phase     `json:"phase,omitempty"`
	Version string    `json:"version,omitempty"` // the release that Phase is about
	Seen    time.Time `json:"seen,omitzero"`     // when it was first seen
	Since   time.Time `json:"since,omitzero"`    // of Switching, Proving and Returning
	From    string    `json:"from,omitempty"`    // the version before it
	// Newest is the newest release that was ever announced: older manifests are replays.
	Newest string `json:"newest,omitempty"`
	// Refused is a release that did not work, and Why; it is not taken again, unless the
	// version before turns out to find the same.
	Refused string `json:"refused,omitempty"`
	Why     string `json:"why,omitempty"`
	// Attempts were made of what Phase says; the next one not before Next.
	Attempts int       `json:"attempts,omitempty"`
	Next     time.Time `json:"next,omitzero"`
	// Looked is when the manifest was last looked at, LookError why that told nothing;
	// TakeError is why the release is not taken, or not left again.
	Looked    time.Time `json:"looked,omitzero"`
	LookError string    `json:"lookError,omitempty"`
	TakeError string    `json:"takeError,omitempty"`

	envelope []byte // the manifest of Version, signed
	sha256   string // of its package
	previous string // SHA-256 of the package of From
	good     string // SHA-256 of a package that is known to be that of goodOf
	goodOf   string
	known    []string  // errors that the version before found as well
	left     []string  // errors that a release was left for
	runs     int       // of master, since the release runs
	failed   int       // how many of them failed, one behind the other
	open     bool      // one has begun, and not come to its end
	orders   int       // that the platform may have taken
	seen     time.Time // when the version before was last seen, while Switching
	claim    string    // of who makes the attempt
	looks    int       // that told nothing, one behind the other; the next not before lookNext
	lookNext time.Time
	hurry    bool
	row      string // its version in the store
}

func progressKey(tenant string) collect.Key {
	return collect.Key{Kind: kindConfig, Partition: collect.EscapeKey(tenant), Row: "update"}
}

// LoadProgress reads how the upgrade of a tenant's collector goes.
func LoadProgress(ctx context.Context, store collect.Store, tenant string) (Progress, error) {
	row, err := store.Get(ctx, progressKey(tenant))
	if errors.Is(err, collect.ErrNotFound) {
		return Progress{}, nil
	}
	if err != nil {
		return Progress{}, fmt.Errorf("read the progress of the update: %w", err)
	}
	str := func(name string) string { v, _ := row.Fields[name].(string); return v }
	num := func(name string) int { v, _ := row.Fields[name].(int64); return int(v) }
	at := func(name string) time.Time { v, _ := row.Fields[name].(time.Time); return v }
	p := Progress{
		Phase: Phase(str("Phase")), Version: str("Release"), Seen: at("Seen"), Since: at("Since"), From: str("From"),
		Newest: str("Newest"), Refused: str("Refused"), Why: str("Why"), Attempts: num("Attempts"), Next: at("Next"),
		Looked: at("Looked"), LookError: str("LookError"), TakeError: str("TakeError"),
		sha256: str("SHA256"), previous: str("Previous"), good: str("Good"), goodOf: str("GoodOf"),
		runs: num("Runs"), failed: num("Failed"), orders: num("Orders"), seen: at("BeforeSeen"),
		claim: str("Claim"), looks: num("Looks"), lookNext: at("LookNext"), row: row.Version,
	}
	p.open, _ = row.Fields["Open"].(bool)
	_ = json.Unmarshal([]byte(str("Left")), &p.left)
	p.envelope, _ = row.Fields["Envelope"].([]byte)
	p.hurry, _ = row.Fields["Hurry"].(bool)
	_ = json.Unmarshal([]byte(str("Known")), &p.known) // what somebody else made of it says nothing
	return p, nil
}

func (p *Progress) save(ctx context.Context, store collect.Store, tenant string) error {
	_, err := collect.Swap(ctx, store, collect.Row{Key: progressKey(tenant), Version: p.row, Fields: collect.Fields{
		"Phase": string(p.Phase), "Release": p.Version, "Seen": p.Seen, "Since": p.Since, "From": p.From,
		"Newest": p.Newest, "Refused": p.Refused, "Why": collect.Brief(p.Why), "Attempts": int64(p.Attempts), "Next": p.Next,
		"Looked": p.Looked, "LookError": collect.Brief(p.LookError), "TakeError": collect.Brief(p.TakeError),
		"SHA256": p.sha256, "Previous": p.previous, "Runs": int64(p.runs), "Envelope": p.envelope, "Hurry": p.hurry, "Known": codes(p.known),
		"Good": p.good, "GoodOf": p.goodOf, "Left": codes(p.left), "Failed": int64(p.failed), "Open": p.open, "Orders": int64(p.orders),
		"BeforeSeen": p.seen, "Claim": p.claim, "Looks": int64(p.looks), "LookNext": p.lookNext,
	}})
	if err != nil {
		return fmt.Errorf("write the progress of the update: %w", err)
	}
	return nil
}

// codes keeps a list of codes. One that a row may have no room for is no such list, and
// left out.
func codes(list []string) string {
	const most = 16 << 10
	text, err := json.Marshal(list)
	if err != nil || len(text) > most {
		return ""
	}
	return string(text)
}

// still reports whether nobody has come further since an attempt was claimed: neither
// another who attempts it, nor what it brought about.
func (p *Progress) still(claimed *Progress) bool {
	return p.claim == claimed.claim && p.Phase == claimed.Phase
}

// forget ends what Phase says; what is known of releases stays.
func (p *Progress) forget() {
	*p = Progress{
		Newest: p.Newest, Refused: p.Refused, Why: p.Why, left: p.left, good: p.good, goodOf: p.goodOf,
		Looked: p.Looked, LookError: p.LookError, looks: p.looks, lookNext: p.lookNext, hurry: p.hurry, row: p.row,
	}
}

// change reads the progress, changes it and writes it back; if another process wrote it
// meanwhile, it starts over. f reports whether anything is to be written.
func (u *Upgrade) change(ctx context.Context, f func(*Progress) bool) (Progress, error) {
	for {
		p, err := LoadProgress(ctx, u.Store, u.Tenant)
		if err != nil {
			return p, err
		}
		if !f(&p) {
			return p, nil
		}
		if err := p.save(ctx, u.Store, u.Tenant); !collect.Overtaken(err) {
			return p, err
		}
	}
}
