package sim

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"
)

// maxPublish bounds one POST /publish: a parcel is kept whole in memory.
const maxPublish = 100_000

// Admin serves questions and orders in plain JSON, apart from the simulated
// services. It asks nobody who they are: mount it on loopback only.
//
//	GET    /report                                what was published, what arrived, complaints, faults
//	POST   /publish?records=100&type=Audit.General  one content
//	POST   /fault {"op":"blob","kind":"status","status":503,"for":"10s"}
//	DELETE /fault                                 the world behaves
//	POST   /revoke                                every token ends
func (w *World) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /report", w.adminReport)
	mux.HandleFunc("POST /publish", w.adminPublish)
	mux.HandleFunc("POST /fault", w.adminFault)
	mux.HandleFunc("DELETE /fault", func(rw http.ResponseWriter, _ *http.Request) {
		w.Dial.Clear()
		rw.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /revoke", func(rw http.ResponseWriter, _ *http.Request) {
		w.RevokeTokens()
		w.AlertLogic.RevokeTokens()
		rw.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func (w *World) adminReport(rw http.ResponseWriter, _ *http.Request) {
	writeJSON(rw, http.StatusOK, map[string]any{
		"seed":          w.Seed(),
		"report":        w.Book.Report(),
		"missing":       w.Book.Missing(10),
		"complaints":    w.Complaints(),
		"faults":        w.Dial.Counts(),
		"calls":         w.Calls(),
		"subscriptions": w.Subscriptions(),
	})
}

func (w *World) adminPublish(rw http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.FormValue("records"))
	if err != nil || n < 1 || n > maxPublish {
		http.Error(rw, "records must be a number from 1 to "+strconv.Itoa(maxPublish), http.StatusBadRequest)
		return
	}
	kind := r.FormValue("type")
	if kind == "" {
		kind = "Audit.General"
	}
	writeJSON(rw, http.StatusOK, w.PublishSome(kind, n))
}

// ruleText is a [Rule] as people write it: durations like 10s.
type ruleText struct {
	Op, Match, Kind, RetryAfter, For, Delay string
	Status, Skip, Count                     int
	Probability                             float64
}

func (w *World) adminFault(rw http.ResponseWriter, r *http.Request) {
	var t ruleText
	d := json.NewDecoder(io.LimitReader(r.Body, 1<<16))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		http.Error(rw, "read the rule: "+err.Error(), http.StatusBadRequest)
		return
	}
	rule, problem := t.rule()
	if problem != "" {
		http.Error(rw, problem, http.StatusBadRequest)
		return
	}
	w.Dial.Set(rule)
	rw.WriteHeader(http.StatusNoContent)
}

// rule reads the text, or says what is wrong with it.
func (t ruleText) rule() (Rule, string) {
	rule := Rule{
		Op: t.Op, Match: t.Match, Kind: Kind(t.Kind), RetryAfter: t.RetryAfter,
		Status: t.Status, Skip: t.Skip, Count: t.Count, Probability: t.Probability,
	}
	if injections[rule.Kind].inject == nil {
		return rule, "kind is none of those that --help lists"
	}
	if s := t.Status; s != 0 && (s < 200 || s > 599) {
		return rule, "status must be from 200 to 599"
	}
	for _, d := range []struct {
		name, text string
		to         *time.Duration
	}{{"for", t.For, &rule.For}, {"delay", t.Delay, &rule.Delay}} {
		if d.text == "" {
			continue
		}
		v, err := time.ParseDuration(d.text)
		if err != nil || v < 0 {
			return rule, d.name + " must be a duration like 10s"
		}
		*d.to = v
	}
	return rule, ""
}
