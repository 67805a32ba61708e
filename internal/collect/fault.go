package collect

import (
	"errors"
	"fmt"
	"time"
)

// A Fault is an error whose meaning was decided where the answer was read.
// Errors that are no Fault count as [Temporary].
type Fault struct {
	Verdict Verdict
	// RetryAfter is how long the other side asks us to wait; 0 if it does not say.
	RetryAfter time.Duration
	// Code is the other side's own code, such as "AF429", or the HTTP status.
	Code string
	// Err says in words what happened. It holds no secret and no query string.
	Err error
}

// Verdict says what an answer judges: the moment, the payload or us.
type Verdict uint8

const (
	// Temporary: network, 408, 429, 5xx. The same request may work later.
	Temporary Verdict = iota
	// JudgesPayload: 400, 413, 415, 422 of a destination. Other payloads may pass.
	JudgesPayload
	// JudgesUs: our settings or credentials are wrong. Nothing is dead-lettered;
	// contents stay pending until somebody mends it.
	JudgesUs
	// Missing: the source has no such content (404, AF20050): temporary until
	// the content's expiration.
	Missing
	// Expired: the source says that the content is gone for good (AF20051).
	Expired
	// Broken: the source answered 200 with what is no complete JSON array.
	Broken
)

var verdictNames = [...]string{"temporary", "judges the payload", "judges our settings", "missing", "expired", "broken"}

func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return fmt.Sprintf("verdict %d", v)
}

func (f *Fault) Error() string {
	if f.Code == "" {
		return f.Err.Error()
	}
	return f.Code + ": " + f.Err.Error()
}

func (f *Fault) Unwrap() error { return f.Err }

// VerdictOf tells what err judges; what nobody classified is temporary.
func VerdictOf(err error) Verdict {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f.Verdict
	}
	return Temporary
}

// RetryAfterOf is how long the other side asked us to wait, 0 if it did not say.
func RetryAfterOf(err error) time.Duration {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f.RetryAfter
	}
	return 0
}

// JudgeDestination classifies a destination's HTTP status, 2xx excepted.
func JudgeDestination(status int) Verdict {
	switch {
	case status == 400, status == 413, status == 415, status == 422:
		return JudgesPayload
	case status == 408, status == 425, status == 429, status >= 500:
		return Temporary
	default: // 3xx (we follow none), 401, 403, 404, 405, 407 and whatever is new
		return JudgesUs
	}
}
