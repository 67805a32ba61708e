package main

import (
	"bytes"
	"encoding/json"
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

// FuzzEnvelope: no bytes make the decoder panic, and an error comes without a payload.
func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(`{"Data":{"msg":"\"\\\"x\\\"\""},"Metadata":{}}`))
	f.Add([]byte(`{"data":{"timer":null}}`))
	f.Add([]byte(`{"Data":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if payload, err := decodeEnvelope(body); err != nil && payload != nil {
			t.Errorf("payload %q beside %v", payload, err)
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
