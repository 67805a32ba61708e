package sim

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
)

// maxPublish bounds one POST /publish: a parcel is kept whole in memory.
const maxPublish = 100_000

// Admin serves questions and orders in plain JSON, apart from the simulated
// services. It asks nobody who they are: mount it on loopback only.
//
//	GET    /report                                what was published, what arrived, complaints, faults
//	GET    /registrations                         of collectors at Alert Logic, in order
//	GET    /checkins                              likewise
//	POST   /publish?records=100&type=Audit.General  one content
//	POST   /fault {"op":"blob","kind":"status","status":503,"for":"10s"}
//	DELETE /fault                                 the world behaves
//	POST   /revoke                                every token ends
//	POST   /push {"off":true}                     no notifications
//	POST   /auditing {"off":true}                 the tenant has no audit log
//	POST   /secret {"expired":true,"expires":"2027-01-31T00:00:00Z"}  at Entra; what Graph tells
//	POST   /roles {"roles":["ActivityFeed.Read"]} in the tokens from now on
//	POST   /skew {"by":"7m"}                      the management API's clock is ahead
//	POST   /subscription {"type":"Audit.Exchange","status":"disabled","webhook":null}
//	DELETE /subscription                          all of them
//
// In the order for a subscription, status, webhook (null, or the address of a
// thief) and webhookStatus are as they were where they are left out.
func (w *World) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /report", w.adminReport)
	mux.HandleFunc("GET /registrations", w.adminRegistrations)
	mux.HandleFunc("GET /checkins", w.adminCheckIns)
	mux.HandleFunc("POST /publish", w.adminPublish)
	mux.HandleFunc("POST /fault", w.adminFault)
	mux.HandleFunc("DELETE /fault", done(w.Dial.Clear))
	mux.HandleFunc("POST /revoke", done(func() {
		w.RevokeTokens()
		w.AlertLogic.RevokeTokens()
	}))
	mux.HandleFunc("POST /push", w.adminPush)
	mux.HandleFunc("POST /auditing", w.adminAuditing)
	mux.HandleFunc("POST /secret", w.adminSecret)
	mux.HandleFunc("POST /roles", w.adminRoles)
	mux.HandleFunc("POST /skew", w.adminSkew)
	mux.HandleFunc("POST /subscription", w.adminSubscription)
	mux.HandleFunc("DELETE /subscription", done(w.ForgetSubscriptions))
	return mux
}

// done serves an order without a body.
func done(do func()) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		do()
		rw.WriteHeader(http.StatusNoContent)
	}
}

// obey reads an order and follows it; do says what is wrong with it.
func obey(rw http.ResponseWriter, r *http.Request, order any, do func() (problem string)) {
	d := json.NewDecoder(io.LimitReader(r.Body, 1<<16))
	d.DisallowUnknownFields()
	if err := d.Decode(order); err != nil {
		http.Error(rw, "read the order: "+err.Error(), http.StatusBadRequest)
		return
	}
	if problem := do(); problem != "" {
		http.Error(rw, problem, http.StatusBadRequest)
		return
	}
	rw.WriteHeader(http.StatusNoContent)
}

func (w *World) adminReport(rw http.ResponseWriter, _ *http.Request) {
	writeJSON(rw, http.StatusOK, map[string]any{
		"seed":          w.Seed(),
		"report":        w.Book.Report(),
		"missing":       w.Book.Missing(10),
		"complaints":    w.Complaints(),
		"faults":        w.Dial.Counts(),
		"calls":         w.Calls(),
		"manager":       w.Manager.Calls(),
		"packages":      w.Manager.Packages(),
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
