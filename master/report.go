package master

import (
	"time"

	"azcollector/internal/collect"
)

// A Report says how the collector is, all its instances together.
type Report struct {
	// Status is "ok" or "error". ErrorCode is the code of the first finding that
	// makes it "error".
	Status    string `json:"status"`
	ErrorCode string `json:"errorCode,omitempty"`
	// Details are the findings as sentences, errors first.
	Details  []string          `json:"details,omitempty"`
	Findings []collect.Finding `json:"findings,omitempty"`

	// Stats are what was not reported before; Alive is how many instances there are.
	Stats collect.Stats  `json:"stats"`
	Alive int            `json:"alive"`
	Lags  map[string]Lag `json:"lags,omitempty"` // by content type

	// Omitted is what could not be looked at to its end, because it took too long.
	Omitted []string `json:"omitted,omitempty"`

	// Pending contents, and how old the oldest of them is by the source's clock. One
	// that was finished this moment may be among them. With PendingMore there are more
	// than were counted.
	Pending       int           `json:"pending"`
	PendingMore   bool          `json:"pendingMore,omitempty"`
	OldestPending time.Duration `json:"oldestPending"`
	// Waiting is since when the one that we know for the longest waits for us, however
	// late it was offered. Contents that the source did not give when last asked are
	// not among them: they wait for the source.
	Waiting time.Duration `json:"waiting"`
	// DeadLetters are all records kept, Replayable those that a destination refused.
	DeadLetters int `json:"deadLetters"`
	Replayable  int `json:"replayable"`
	// Cursors say up to when each content type was listed; Listed is the earliest.
	Cursors map[string]time.Time `json:"cursors,omitempty"`
	Listed  time.Time            `json:"listed,omitzero"`
	// Gaps were noted since the last report, RecentGaps end within 7 days.
	Gaps       []collect.Gap `json:"gaps,omitempty"`
	RecentGaps []collect.Gap `json:"recentGaps,omitempty"`
	// Expired contents were lost at the source and not reported yet.
	Expired int64 `json:"expired"`
	// CredentialExpires is zero if it is not known.
	CredentialExpires time.Time `json:"credentialExpires,omitzero"`
}

// A Lag is how late the records of a content type came: Theirs from the event to
// the content that holds it, Ours from there to the acknowledgement.
type Lag struct {
	Theirs Percentiles `json:"theirs"`
	Ours   Percentiles `json:"ours"`
}

// Percentiles are the delays that half, and 99 of 100, do not exceed.
type Percentiles struct {
	P50 time.Duration `json:"p50"`
	P99 time.Duration `json:"p99"`
}

func percentiles(l *collect.Lags) Percentiles {
	return Percentiles{l.Quantile(0.5), l.Quantile(0.99)}
}

func lagsOf(s *collect.Stats) map[string]Lag {
	lags := map[string]Lag{}
	for contentType, flow := range s.Types {
		lags[contentType] = Lag{percentiles(&flow.Theirs), percentiles(&flow.Ours)}
	}
	return lags
}

// judge derives the status from the findings.
func (r *Report) judge() {
	r.Status = "ok"
	var warnings []string
	for _, f := range r.Findings {
		text := f.Code + " " + f.Text
		if code, ok := LookupCode(f.Code); ok {
			text = f.Code + " " + code.Name + ": " + f.Text
		}
		if severityOf(f.Code) == Warn {
			warnings = append(warnings, text)
			continue
		}
		if r.Status == "ok" {
			r.Status, r.ErrorCode = "error", f.Code
		}
		r.Details = append(r.Details, text)
	}
	r.Details = append(r.Details, warnings...)
	for _, what := range r.Omitted {
		r.Details = append(r.Details, "left out because it took too long: "+what)
	}
}
