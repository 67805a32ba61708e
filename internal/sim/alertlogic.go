package sim

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// AlertLogicOptions say who may call a simulated Alert Logic and who hears of it.
// Only AccessKeyID, SecretKey and Account are required; the functions may be nil.
type AlertLogicOptions struct {
	// AccessKeyID and SecretKey are the key pair that AIMS takes by basic auth.
	AccessKeyID, SecretKey string
	// Account is the one account there is; every other one is refused.
	Account string
	// IngestHost and AzcollectHost give the host:port that the endpoints service
	// hands out. They are asked per request, so that the servers may start later.
	IngestHost, AzcollectHost func() string
	// OnMessage hears of each message of an accepted POST, one at a time and
	// before the POST is answered. It may not post to the simulator itself.
	OnMessage func(Message)
	// Complain hears what a caller did wrong, in words. It is called from the
	// goroutines of the handlers, at the same moment from several of them.
	Complain func(string)
	// MaxPayload is the most bytes, compressed, that several records may have
	// together; 0: 700,000.
	MaxPayload int
	// TokenLife is how long a token is good for; 0: an hour.
	TokenLife time.Duration
	// Now is the clock that tokens expire by; nil: time.Now.
	Now func() time.Time
	// RegistrationMode says whether a registration may tell the app's secret.
	RegistrationMode RegistrationMode
	// ExtraAnswer is merged into the answers to registrations and check-ins, member
	// by member; the ids stay. Without it a check-in is answered 204.
	ExtraAnswer map[string]any
}

// RegistrationMode says what a registration's body is to hold of the app's secret.
type RegistrationMode uint8

const (
	// SecretForbidden: a member "client_secret" in any body is a complaint.
	SecretForbidden RegistrationMode = iota
	// SecretExpected: a registration without "client_secret" is a complaint, as
	// the incumbent collector sends it.
	SecretExpected
)

// An AlertLogic simulates the services a collector meets at Alert Logic: AIMS,
// endpoints, azcollect and ingest. It judges its callers by its own reading of
// the wire: what the real service could not take is refused and complained
// about; what it would swallow in silence, such as a wrong priority, is accepted
// and complained about.
//
// It keeps everything in memory, is safe for concurrent use and never misbehaves
// by itself: whoever wants faults wraps its handlers and asks [AlertLogic.Op].
type AlertLogic struct {
	o AlertLogicOptions

	callbacks sync.Mutex // held while OnMessage and the poison test run, so they see one POST at a time

	mu            sync.Mutex // guards what follows; no callback runs under it
	tokens        map[string]aimsToken
	poison        func(Message) string
	posts         []Post
	collectors    map[Collector]collectorIDs
	registrations []Registration
	removals      []Collector
	checkIns      []CheckIn
}

// NewAlertLogic returns a simulator with no token issued and no collector registered.
func NewAlertLogic(o AlertLogicOptions) *AlertLogic {
	if o.MaxPayload == 0 {
		o.MaxPayload = 700_000 // what both generations of the service take: docs of APP_AL_MAX_PAYLOAD
	}
	if o.TokenLife == 0 {
		o.TokenLife = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &AlertLogic{
		o:          o,
		tokens:     make(map[string]aimsToken),
		collectors: make(map[Collector]collectorIDs),
	}
}

// Op names the service a request is meant for, by its path alone: "aims",
// "endpoints", "azcollect" or "ingest", and "" for anything else.
func (a *AlertLogic) Op(r *http.Request) string {
	service, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch service {
	case "aims", "endpoints", "azcollect", "ingest":
		return service
	}
	return ""
}

// RevokeTokens makes every token issued so far worth a 401. Using one is no
// complaint: its owner cannot know.
func (a *AlertLogic) RevokeTokens() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, t := range a.tokens {
		t.revoked = true
		a.tokens[name] = t
	}
}

// RejectIf makes ingest answer 400 to the whole of each POST that holds a message
// for which poisoned returns a text; that text is the answer. nil ends it.
// It is called under the same rules as OnMessage.
func (a *AlertLogic) RejectIf(poisoned func(Message) string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.poison = poisoned
}

// Posts are the POSTs that reached a data stream of ingest, accepted or not, in
// the order of their answers.
func (a *AlertLogic) Posts() []Post {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.posts)
}

func (a *AlertLogic) complain(service, text string) {
	if a.o.Complain != nil {
		a.o.Complain("alertlogic " + service + ": " + text)
	}
}

// An alRefusal is a request that is not answered with success.
type alRefusal struct {
	status int
	text   string
	silent bool // the caller did nothing wrong
}

func (r *alRefusal) Error() string { return r.text }

// refuse answers a refusal and complains of it if the caller is to blame.
func (a *AlertLogic) refuse(w http.ResponseWriter, service string, r *alRefusal) {
	if !r.silent {
		a.complain(service, r.text)
	}
	http.Error(w, r.text, r.status)
}

// nowhere answers what no service is mounted for.
func (a *AlertLogic) nowhere(service string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a.refuse(w, service, &alRefusal{status: http.StatusNotFound, text: "no such resource: " + r.Method + " " + r.URL.Path})
	}
}
