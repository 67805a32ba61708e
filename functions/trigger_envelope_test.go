package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// The envelopes below are written out as the host writes them, byte for byte.

const (
	// hostSystem is SystemBindingData's "sys".
	hostSystem = `"sys":{"MethodName":"%s","UtcNow":"2026-11-21T00:00:00.1234567Z","RandGuid":"5bd4b6dc-6cb9-4c3f-bb5d-55e4a8d91a5f"}`

	// timerStatus is what the timer's monitor knows from the second run on.
	timerStatus = `{"Schedule":{"AdjustForDST":true},"ScheduleStatus":{"Last":"2026-11-21T00:00:00.0012345+00:00","Next":"2026-11-21T00:01:00+00:00","LastUpdated":"2026-11-21T00:00:00.0012345+00:00"},"IsPastDue":false}`
	// timerFirst is the first run of a timer.
	timerFirst = `{"Schedule":{"AdjustForDST":true},"ScheduleStatus":{"Last":"0001-01-01T00:00:00","Next":"2026-11-21T00:01:00+00:00","LastUpdated":"0001-01-01T00:00:00"},"IsPastDue":false}`
	// timerUnmonitored is one whose host keeps no record.
	timerUnmonitored = `{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":true}`
)

func timerEnvelope(function, binding, info string) []byte {
	return fmt.Appendf(nil, `{"Data":{"%s":%s},"Metadata":{`+hostSystem+`}}`, binding, info, function)
}

// queueEnvelope is a message's invocation. Strings are encoded twice, a number
// once and then put into a string; a message that is a JSON object has its
// members merged into Metadata, over what the host says itself.
func queueEnvelope(t *testing.T, text string, dequeued int64) []byte {
	t.Helper()
	twice := func(s string) string { return string(marshal(t, string(marshal(t, s)))) }
	metadata := map[string]json.RawMessage{
		"DequeueCount":    json.RawMessage(fmt.Sprintf(`"%d"`, dequeued)),
		"ExpirationTime":  json.RawMessage(`"9999-12-31T23:59:59+00:00"`),
		"Id":              json.RawMessage(twice(testInvocation)),
		"InsertionTime":   json.RawMessage(`"2026-11-21T00:00:00+00:00"`),
		"NextVisibleTime": json.RawMessage(`"2026-11-21T00:10:00+00:00"`),
		"PopReceipt":      json.RawMessage(twice("AgAAAAMAAAAAAAAA+Z/x7Bxb3AE=")),
	}
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &members) == nil {
		for name, value := range members {
			if s, is := asString(value); is {
				value = json.RawMessage(twice(s))
			} else if value[0] == '[' {
				continue
			}
			metadata[name] = value
		}
	}
	merged := bytes.TrimSuffix(marshal(t, metadata), []byte("}"))
	return fmt.Appendf(nil, `{"Data":{"msg":%s},"Metadata":%s,`+hostSystem+`}}`, twice(text), merged, "content")
}

// The fake's two ways to an envelope agree, and so does the reference's sample.
func TestQueueEnvelopeIsTheHosts(t *testing.T) {
	const message = `{"id":1}`
	body := queueEnvelope(t, message, 1)
	if !json.Valid(body) || !strings.Contains(string(body), `"msg":"\"{\\\"id\\\":1}\""`) || !strings.Contains(string(body), `"DequeueCount":"1"`) {
		t.Errorf("not as the host encodes it: %s", body)
	}
	for _, envelope := range [][]byte{body, envelopeOf(t, "msg", message)} {
		if payload, err := decodeEnvelope(envelope); err != nil || string(payload) != message {
			t.Errorf("%q, %v", payload, err)
		}
	}
}
