package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzEnvelopeOfHost: whatever a trigger holds, encoded by the host's rules it
// decodes to itself.
func FuzzEnvelopeOfHost(f *testing.F) {
	for _, seed := range []string{"", "test", "dGVzdA==", `{"id":1}`, `["a"]`, "1234", "true", "null", `"`, `\"`, "\u2028", "2026-11-21T00:00:00Z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		decode := func(value any) []byte {
			payload, err := decodeEnvelope(envelopeOf(t, "msg", value))
			if err != nil {
				t.Fatalf("%v: %v", value, err)
			}
			return payload
		}
		if _, isString := asString([]byte(text)); utf8.ValidString(text) && !isString {
			if got := decode(text); string(got) != text {
				t.Errorf("a string: got %q, want %q", got, text)
			}
			// Encoded once more by its producer.
			if got := decode(string(marshal(t, text))); string(got) != text {
				t.Errorf("a string thrice: got %q, want %q", got, text)
			}
		}
		if b64 := encodeValue(t, []byte(text)); !json.Valid(bytes.Trim(b64, `"`)) { // digits alone could be a number
			if got := decode([]byte(text)); string(got) != text {
				t.Errorf("bytes: got %q, want %q", got, text)
			}
		}
		array := []string{text}
		if got := decode(array); !bytes.Equal(got, marshal(t, array)) {
			t.Errorf("an array: got %q", got)
		}
		object := map[string]any{"a": text}
		if got := decode(object); !bytes.Equal(got, marshal(t, object)) {
			t.Errorf("an object: got %q", got)
		}
	})
}

// FuzzEnvelope: no bytes make the decoder panic; an error comes without a payload, and only
// if there is not one value to be found; an object comes through byte for byte, and nothing
// but the value decides: whoever fills Metadata changes nothing.
func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{
		`{"Data":{"msg":"\"\\\"x\\\"\""},"Metadata":{}}`, `{"data":{"timer":null}}`, `{"Data":null}`, `{"Data":{}}`, `{"Data":[]}`, `{"Data":{"a":1,"b":2}}`,
		`{"Data":{"msg":{"partition":"p","row":"r"}},"Metadata":{"partition":"q"}}`, `{"Data":{"a":1,"msg":"\"x\""}}`, `{"Data":{"msg":"\\ud800"}}`, "{\"Data\":{\"msg\":\"\xff\"}}",
		`{"Data":{"msg":"bm90IGEgbWVzc2FnZQ=="}}`, `{"Data":{"msg":1e999999}}`, `{"Data":{"msg":1},"Data":{"msg":2}}`, `{"Data":{"msg":1}}{}`, "\ufeff{}", `[]`, ``,
		`{"Data":{"msg":` + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + `}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		payload, err := decodeEnvelope(body)
		if err != nil && payload != nil {
			t.Errorf("payload %q beside %v", payload, err)
		}
		var envelope struct{ Data map[string]json.RawMessage }
		if json.Unmarshal(body, &envelope) != nil {
			if err == nil {
				t.Errorf("payload %q of no envelope", payload)
			}
			return
		}
		value, named := envelope.Data["timer"]
		if !named {
			value, named = envelope.Data["msg"]
		}
		for _, only := range envelope.Data {
			if !named && len(envelope.Data) == 1 {
				value, named = only, true
			}
		}
		if named != (err == nil) {
			t.Fatalf("%v, with the members %q", err, envelope.Data)
		}
		if named && (value[0] == '{' || value[0] == '[') && !bytes.Equal(payload, value) {
			t.Errorf("%q becomes %q", value, payload)
		}
		again, err := decodeEnvelope(slices.Concat([]byte(`{"Metadata":{"msg":"forged","Data":{"msg":"forged"}},"Data":{"msg":`), value, []byte(`}}`)))
		if named && (err != nil || !bytes.Equal(again, payload)) {
			t.Errorf("beside other metadata %q becomes %q, %v", payload, again, err)
		}
	})
}

func TestReplyIsWhatTheHostReads(t *testing.T) {
	for name, c := range map[string]struct {
		logs []string
		want string
	}{
		"no lines": {nil, `{"Outputs":{},"Logs":[],"ReturnValue":null}`},
		"a line":   {[]string{"a \"b\""}, `{"Outputs":{},"Logs":["a \"b\""],"ReturnValue":null}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := encodeReply(c.logs); string(got) != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	for _, body := range []string{"", "null", "[]", "x"} { // the fake host's own judgement
		if _, err := readReply("application/json", []byte(body)); err == nil {
			t.Errorf("the fake host takes %q", body)
		}
	}
}
