package alertlogic

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"azcollector/internal/wire"
)

const (
	// maxCheckIn bounds a check-in's body in bytes. azcollect states no limit; this
	// is our own, so that a bad day's complaints do not become a bad day's uploads.
	maxCheckIn = 64<<10 - 1
	// maxDetails is how many strings a check-in tells at most.
	maxDetails = 50
)

// A FunctionCount is how often a function was invoked since the last check-in,
// and how often in vain.
type FunctionCount struct {
	Function            string
	Invocations, Errors int64
}

// A CheckInRequest says how a collector is.
type CheckInRequest struct {
	Site
	Version      string // of this program
	TenantID     string // home tenant of the app registration
	Registration Registration
	// ErrorCode names what is wrong; empty: all is well.
	ErrorCode string
	// Details are sentences for people. Of more than 50, of each beyond 1 KiB, and
	// of what would make the body 64 KiB or more, the rest is only counted.
	Details   []string
	Functions []FunctionCount // in any order, each function once
	// Events and Bytes are what was delivered since the last check-in.
	Events, Bytes int64
}

// CheckIn reports a collector's health and returns what azcollect has to say to
// that: JSON of at most 8 KiB, or nothing if it is larger, no JSON or tells one
// of our secrets. If the answer is lost, the report may have arrived all the same.
func (c *Client) CheckIn(ctx context.Context, r CheckInRequest) (answer []byte, err error) {
	body, err := r.encode()
	if err != nil {
		return nil, err
	}
	post := r.post(body, "checkin")
	post.missing = "the registration is gone: register again with `azcollector register` (or, if it is there, check APP_AZCOLLECT_ENDPOINT)"
	err = c.do(ctx, post, func(resp *http.Response, secrets []string) error {
		// The 2xx is the acknowledgement: a body that breaks off takes nothing back.
		if b, err := readBody(resp, post.service); err == nil {
			answer = c.keepable(b, secrets)
		}
		return nil
	})
	return answer, err
}

type checkInBody struct {
	Version    string                      `json:"version"`
	TenantID   string                      `json:"app_tenant_id"`
	HostID     string                      `json:"host_id"`
	SourceID   string                      `json:"source_id"`
	Status     string                      `json:"status"`
	ErrorCode  string                      `json:"error_code,omitempty"`
	Details    []string                    `json:"details"`
	Statistics []map[string]functionCounts `json:"statistics"`
	Collection collectionStats             `json:"collection_stats"`
}

type functionCounts struct {
	Invocations int64 `json:"invocations"`
	Errors      int64 `json:"errors"`
}

type collectionStats struct {
	Log logStats `json:"log"`
}

type logStats struct {
	Bytes  int64 `json:"bytes"`
	Events int64 `json:"events"`
}

// encode is the body; details get the room that the rest of it leaves.
func (r CheckInRequest) encode() ([]byte, error) {
	body := checkInBody{
		Version: r.Version, TenantID: r.TenantID, HostID: r.Registration.HostID, SourceID: r.Registration.SourceID,
		Status: "ok", Details: []string{}, Statistics: statistics(r.Functions),
		Collection: collectionStats{logStats{Bytes: r.Bytes, Events: r.Events}},
	}
	if r.ErrorCode != "" {
		body.Status, body.ErrorCode = "error", cmp.Or(wire.Printable(r.ErrorCode), "unknown")
	}
	rest, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode the check-in: %w", err)
	}
	body.Details = fitting(r.Details, maxCheckIn-len(rest))
	b, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode the check-in: %w", err)
	}
	return b, nil
}

// statistics has one element per function, in the order of their names, so that
// two reports can be compared by eye.
func statistics(functions []FunctionCount) []map[string]functionCounts {
	list := make([]map[string]functionCounts, 0, len(functions))
	inOrder := slices.SortedStableFunc(slices.Values(functions), func(a, b FunctionCount) int {
		return strings.Compare(a.Function, b.Function)
	})
	for _, f := range inOrder {
		list = append(list, map[string]functionCounts{f.Function: {Invocations: f.Invocations, Errors: f.Errors}})
	}
	return list
}

// fitting are the first details that fit into so many bytes of JSON; if they are
// not all, the last one says how many are missing.
func fitting(details []string, room int) []string {
	fit := []string{}
	room -= 40 // for that last one
	for i, text := range details {
		text = wire.Printable(text) // at most 1 KiB
		size := encodedSize(text)
		if size > room || len(fit) == maxDetails-1 && i < len(details)-1 {
			return append(fit, fmt.Sprintf("and %d more", len(details)-i))
		}
		room -= size
		fit = append(fit, text)
	}
	return fit
}

// encodedSize is what a string weighs in a JSON list, its comma included.
func encodedSize(text string) int {
	b, _ := json.Marshal(text) // a string always has an encoding
	return len(b) + 1
}
