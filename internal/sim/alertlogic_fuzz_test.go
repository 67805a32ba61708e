package sim_test

import (
	"bytes"
	"net/http"
	"testing"

	"azcollector/internal/sim"
)

// Whatever arrives, ingest answers: 202 with every message delivered, or 400 with
// a complaint and none. What it accepts it no longer accepts one byte shorter.
func FuzzAlertLogicIngest(f *testing.F) {
	several := goodParcel()
	several.copies = 3
	f.Add(goodParcel().protobuf(), true)
	f.Add(several.protobuf(), true)
	f.Add(deflated(several.protobuf()), false)
	f.Add([]byte{}, true)
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f}, true)
	f.Add([]byte{0x78, 0x9c}, false)
	f.Fuzz(func(t *testing.T, payload []byte, wrap bool) {
		b := newBench(sim.SecretForbidden)
		token := b.token(t)
		post := func(payload []byte) int {
			p := goodParcel()
			p.body = func([]byte) []byte {
				if wrap {
					return deflated(payload)
				}
				return bytes.Clone(payload)
			}
			b.complaints, b.messages = nil, nil
			return serve(b.Ingest(), p.request(token)).Code
		}
		switch code := post(payload); code {
		case http.StatusAccepted:
			if n := b.Posts()[0].Records; n == 0 || n != len(b.messages) {
				t.Errorf("accepted %d records, delivered %d", n, len(b.messages))
			}
			if code := post(payload[:len(payload)-1]); code != http.StatusBadRequest {
				t.Errorf("one byte shorter: answered %d", code)
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			if len(b.complaints) == 0 || len(b.messages) > 0 {
				t.Errorf("answered %d with %d messages and complaints %q", code, len(b.messages), b.complaints)
			}
		default:
			t.Errorf("answered %d", code)
		}
	})
}
