package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// maxNesting bounds how often a value is unwrapped. The host encodes a string
// twice (ScriptInvocationContextExtensions in azure-functions-host); a producer
// that encoded its message once more makes three.
const maxNesting = 3

// decodeEnvelope finds the trigger's value in an invocation: as JSON if it is an
// object or array, otherwise as the bytes of the string that it is.
//
// The rest of the envelope, Metadata, is not read: the host merges the payload's
// own members into it, so that whoever writes a queue message could write there.
func decodeEnvelope(body []byte) ([]byte, error) {
	var envelope struct {
		Data map[string]json.RawMessage
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return nil, errors.New("the envelope is no JSON object with a member Data")
	}
	value, err := triggerValue(envelope.Data)
	if err != nil {
		return nil, err
	}
	return unwrap(value), nil
}

// triggerValue picks the binding: by our names, or the only one there is.
func triggerValue(data map[string]json.RawMessage) (json.RawMessage, error) {
	for _, name := range []string{"timer", "msg"} {
		if value, ok := data[name]; ok {
			return value, nil
		}
	}
	if len(data) != 1 {
		return nil, fmt.Errorf("the envelope's Data has the members %q; want timer, msg, or just one",
			slices.Sorted(maps.Keys(data)))
	}
	for _, value := range data {
		return value, nil
	}
	return nil, nil
}

// unwrap undoes the host's encoding. Objects come as they are; a string as a JSON
// string in a JSON string; bytes as base64 in a JSON string; arrays, numbers and
// booleans as their JSON in a JSON string.
func unwrap(value json.RawMessage) []byte {
	s, ok := asString(value)
	if !ok {
		if bytes.Equal(value, []byte("null")) {
			return nil
		}
		return value
	}
	inner, ok := asString([]byte(s))
	if !ok {
		// Only what was encoded once can be bytes: the text of a message may
		// look like base64 ("test" does), but it was encoded twice.
		if b, err := base64.StdEncoding.DecodeString(s); err == nil && !json.Valid([]byte(s)) {
			return b
		}
		return []byte(s)
	}
	for range maxNesting - 2 {
		s, ok := asString([]byte(inner))
		if !ok {
			break
		}
		inner = s
	}
	return []byte(inner)
}

// asString decodes b if it is a JSON string and nothing else.
func asString(b []byte) (string, bool) {
	var s string
	if len(b) == 0 || b[0] != '"' || json.Unmarshal(b, &s) != nil {
		return "", false
	}
	return s, true
}

// encodeReply is a successful invocation's answer. It must be a JSON object with
// the right Content-Type; on anything else the host waits until functionTimeout.
func encodeReply(logs []string) []byte {
	if logs == nil {
		logs = []string{}
	}
	b, err := json.Marshal(struct {
		Outputs     struct{}
		Logs        []string
		ReturnValue *struct{}
	}{Logs: logs})
	if err != nil { // strings always marshal
		return []byte(`{"Outputs":{},"Logs":[],"ReturnValue":null}`)
	}
	return b
}
