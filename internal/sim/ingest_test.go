package sim_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"azcollector/internal/sim"
)

// deliver posts the good record to the world's ingest service and tells the status, 0 for none.
func (v *visitor) deliver() int {
	v.Helper()
	r, _ := http.NewRequest(http.MethodPost, v.w.URL(sim.AlertLogicAPI)+"/aims/v1/authenticate", nil)
	r.SetBasicAuth(v.w.Settings()["APP_AL_ACCESS_KEY_ID"], v.w.Settings()["APP_AL_SECRET_KEY"])
	_, body := v.ask(r)
	var got struct{ Authentication struct{ Token string } }
	if err := json.Unmarshal(body, &got); err != nil {
		v.Fatal(err)
	}
	p := goodParcel()
	post, _ := http.NewRequest(http.MethodPost, v.w.URL(sim.Ingest)+p.path, bytes.NewReader(deflated(p.protobuf())))
	post.Header = p.header.Clone()
	post.Header.Set("x-aims-auth-token", got.Authentication.Token)
	status, _, _, _ := v.try(post)
	return status
}

// TestLostAcknowledgementExcusesOneRepetition delivers a record again after each kind of answer.
func TestLostAcknowledgementExcusesOneRepetition(t *testing.T) {
	for name, c := range map[string]struct {
		fault                sim.Kind
		duplicates, repeated int
	}{
		"acknowledged":                  {"", 1, 0},
		"done, then 503":                {sim.LostAck, 0, 1},
		"done, then reset":              {sim.ResetAfter, 0, 1},
		"reset before anything is done": {sim.ResetBefore, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, sim.Options{Account: "2"})
			v.w.Publish(exchange, [][]byte{[]byte(goodRecord)})
			if c.fault != "" {
				v.w.Dial.Set(sim.Rule{Op: sim.OpIngest, Kind: c.fault, Count: 1})
			}
			v.deliver()
			if got := v.deliver(); got/100 != 2 {
				t.Fatalf("the second delivery is answered %d", got)
			}
			got := v.w.Book.Report()
			if got.Delivered != 1 || got.Lost != 0 || got.Duplicates != c.duplicates || got.Repeated != c.repeated {
				t.Errorf("report %+v, want %d duplicates and %d repeated", got, c.duplicates, c.repeated)
			}
			v.w.RequireClean(t)
		})
	}
}
