package sim

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// maxCollectBody bounds the body of a registration or check-in. Ours are below
// 64 KiB by far; more is a caller who forgot to bound what it reports.
const maxCollectBody = 64 << 10

// A Collector is what azcollect knows a collector by: the path of its registration.
type Collector struct {
	Subscription, ResourceGroup, App string
}

// A Registration is one accepted POST that registered a collector, and its answer.
type Registration struct {
	Collector
	SourceID, HostID string
	Body             []byte
	Time             time.Time
}

// A CheckIn is one accepted report of a collector's health.
type CheckIn struct {
	Collector
	Body []byte
	Time time.Time
}

type collectorIDs struct{ source, host string }

// Azcollect serves the registration, check-in and removal of collectors.
// Registering again returns the same identifiers until the collector is removed.
func (a *AlertLogic) Azcollect() http.Handler {
	mux := http.NewServeMux()
	const base, collector = "/azcollect/v1/{account}/azure/o365", "/{subscription}/{group}/{app}"
	mux.HandleFunc("POST "+base+collector, a.collectHandler(a.register))
	mux.HandleFunc("DELETE "+base+collector, a.collectHandler(a.deregister))
	mux.HandleFunc("POST "+base+"/checkin"+collector, a.collectHandler(a.checkIn))
	mux.HandleFunc("/", a.nowhere("azcollect"))
	return mux
}

// Registrations are the registrations accepted so far, in order.
func (a *AlertLogic) Registrations() []Registration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.registrations)
}

// CheckIns are the check-ins accepted so far, in order.
func (a *AlertLogic) CheckIns() []CheckIn {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.checkIns)
}

// Deregistrations are the collectors removed so far, in order.
func (a *AlertLogic) Deregistrations() []Collector {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.removals)
}

// A collectCall answers one admitted call; a nil answer is a 204.
type collectCall func(c Collector, header http.Header, body []byte) (answer any, refusal *alRefusal)

func (a *AlertLogic) collectHandler(call collectCall) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if refusal := a.admit(r); refusal != nil {
			a.refuse(w, "azcollect", refusal)
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, maxCollectBody+1))
		switch {
		case err != nil: // the connection broke, and nobody is to blame
			a.refuse(w, "azcollect", &alRefusal{status: http.StatusBadRequest, text: "body incomplete", silent: true})
			return
		case len(body) > maxCollectBody:
			a.refuse(w, "azcollect", &alRefusal{status: http.StatusRequestEntityTooLarge, text: "body over 64 KiB"})
			return
		}
		c := Collector{r.PathValue("subscription"), r.PathValue("group"), r.PathValue("app")}
		answer, refusal := call(c, r.Header, body)
		switch {
		case refusal != nil:
			a.refuse(w, "azcollect", refusal)
		case answer != nil:
			answerAL(w, answer)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}
}

// Enrol registers a collector as if it had done so itself, some time ago.
func (a *AlertLogic) Enrol(c Collector) Registration {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := a.identify(c)
	r := Registration{Collector: c, SourceID: ids.source, HostID: ids.host, Time: a.o.Now()}
	a.registrations = append(a.registrations, r)
	return r
}

// identify finds or makes; the lock is the caller's.
func (a *AlertLogic) identify(c Collector) collectorIDs {
	ids, known := a.collectors[c]
	if !known {
		ids = newCollectorIDs(c, len(a.removals))
		a.collectors[c] = ids
	}
	return ids
}

func (a *AlertLogic) register(c Collector, header http.Header, body []byte) (any, *alRefusal) {
	told := tellsSecret(body)
	switch {
	case told && a.o.RegistrationMode == SecretForbidden:
		a.complain("azcollect", "registration tells client_secret")
	case !told && a.o.RegistrationMode == SecretExpected:
		a.complain("azcollect", "registration lacks client_secret")
	}
	if refusal := judgeBody("registration", header, body, registrationBody); refusal != nil {
		return nil, refusal
	}
	now := a.o.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := a.identify(c)
	a.registrations = append(a.registrations, Registration{Collector: c, SourceID: ids.source, HostID: ids.host, Body: body, Time: now})
	answer := map[string]any{"source": map[string]any{
		"id": ids.source, "host": map[string]any{"id": ids.host, "type": "azure_fun"},
	}}
	return merged(answer, a.o.ExtraAnswer), nil
}

// merged is an object with the members of both; of one that both have, base's.
func merged(base, extra map[string]any) map[string]any {
	object := maps.Clone(base)
	for name, v := range extra {
		below, nested := v.(map[string]any)
		switch is := object[name].(type) {
		case nil:
			object[name] = v
		case map[string]any:
			if nested {
				object[name] = merged(is, below)
			}
		}
	}
	return object
}

func (a *AlertLogic) checkIn(c Collector, header http.Header, body []byte) (any, *alRefusal) {
	if tellsSecret(body) {
		a.complain("azcollect", "check-in tells client_secret")
	}
	if refusal := judgeBody("check-in", header, body, a.checkInBody(c)); refusal != nil {
		return nil, refusal
	}
	now := a.o.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.checkIns = append(a.checkIns, CheckIn{Collector: c, Body: body, Time: now})
	if len(a.o.ExtraAnswer) == 0 {
		return nil, nil
	}
	return a.o.ExtraAnswer, nil
}

func (a *AlertLogic) deregister(c Collector, _ http.Header, body []byte) (any, *alRefusal) {
	if tellsSecret(body) {
		a.complain("azcollect", "deregistration tells client_secret")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.collectors[c]; !known {
		// A removal is repeated after a lost answer: that is no flaw.
		return nil, &alRefusal{status: http.StatusNotFound, text: "no such collector", silent: true}
	}
	delete(a.collectors, c)
	a.removals = append(a.removals, c)
	return nil, nil
}

// newCollectorIDs depends on the removals before it alone, so that a run can be repeated.
func newCollectorIDs(c Collector, removals int) collectorIDs {
	id := func(what string) string {
		sum := sha256.Sum256([]byte(strconv.Quote(what) + fmt.Sprintf("%q %d", c, removals)))
		return fmt.Sprintf("%X-%X-%X-%X-%X", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	}
	return collectorIDs{source: id("source"), host: id("host")}
}

func tellsSecret(body []byte) bool {
	return bytes.Contains(bytes.ToLower(body), []byte(`"client_secret"`)) // the setting APP_CLIENT_SECRET is no secret
}

func isJSONBody(h http.Header) bool {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && media == "application/json"
}
