package sim

import (
	"encoding/json"
	"net/http"
	"time"
)

// sentBody is what a collector told Alert Logic, with its JSON as it was.
type sentBody struct {
	Collector
	SourceID, HostID string `json:",omitempty"`
	Time             time.Time
	Body             json.RawMessage
}

func (w *World) adminRegistrations(rw http.ResponseWriter, _ *http.Request) {
	list := []sentBody{}
	for _, r := range w.AlertLogic.Registrations() {
		list = append(list, sentBody{r.Collector, r.SourceID, r.HostID, r.Time, r.Body})
	}
	writeJSON(rw, http.StatusOK, list)
}

func (w *World) adminCheckIns(rw http.ResponseWriter, _ *http.Request) {
	list := []sentBody{}
	for _, c := range w.AlertLogic.CheckIns() {
		list = append(list, sentBody{Collector: c.Collector, Time: c.Time, Body: c.Body})
	}
	writeJSON(rw, http.StatusOK, list)
}
