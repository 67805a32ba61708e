package sim

import (
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The operations a [Rule] can name.
const (
	OpToken             = "token"
	OpDiscovery         = "discovery"
	OpSubscriptionsList = "subscriptions-list"
	OpStart             = "start"
	OpStop              = "stop"
	OpList              = "list" // the first page of a content list
	OpPage              = "page" // its further pages
	OpNotifications     = "notifications"
	OpBlob              = "blob"
	OpAIMS              = "aims"
	OpEndpoints         = "endpoints"
	OpAzcollect         = "azcollect"
	OpIngest            = "ingest"
	OpGraph             = "graph"
)

// Ops lists every operation a [Rule] can name.
func Ops() []string {
	return []string{
		OpToken, OpDiscovery, OpSubscriptionsList, OpStart, OpStop, OpList, OpPage,
		OpNotifications, OpBlob, OpAIMS, OpEndpoints, OpAzcollect, OpIngest, OpGraph,
		OpOneDeploy, OpOperation, OpSettingsRead, OpSettingsWrite, OpSync, OpRestart, OpIdentity,
	}
}

// A Rule says what goes wrong, where and how often. Its zero fields mean: any
// operation, every request, for ever.
type Rule struct {
	Op    string // "": any
	Match string // a substring of the request's path
	Kind  Kind
	// Status of the answers that have one of their own (status, html, empty, redirect).
	Status int
	// RetryAfter is that header, verbatim; "date" stands for an HTTP date one second ahead.
	RetryAfter string
	// Probability per request; 0: always.
	Probability float64
	// Skip is how many requests that the rule would strike pass first.
	Skip int
	// Count is how often the rule strikes; 0: no end.
	Count int
	// For is how long the rule is in force from [Dial.Set] on; 0: no end.
	For time.Duration
	// Delay is how long hang and slow-body take; 0: until the client leaves, and 1 s.
	Delay time.Duration
}

// A Dial sets how badly the world behaves. Its decisions follow from the seed,
// the operation and how often that was asked for, so that the n-th request of an
// operation meets the same fault whatever happens beside it.
type Dial struct {
	seed   uint64
	now    func() time.Time
	canary func() string // where redirects lead

	mu     sync.Mutex
	rules  []*rule
	asked  map[string]uint64
	counts map[Kind]int
}

type rule struct {
	Rule
	until time.Time
	left  int
}

// NewDial returns a dial without rules. Redirects lead to canary's address.
func NewDial(seed uint64, now func() time.Time, canary func() string) *Dial {
	return &Dial{seed: seed, now: now, canary: canary, asked: map[string]uint64{}, counts: map[Kind]int{}}
}

// Set adds a rule, or replaces the one of the same Op, Kind and Match. Rules set
// earlier are asked first.
func (d *Dial) Set(r Rule) {
	d.mu.Lock()
	defer d.mu.Unlock()
	entry := &rule{Rule: r, left: r.Count}
	if r.For > 0 {
		entry.until = d.now().Add(r.For)
	}
	for i, old := range d.rules {
		if old.Op == r.Op && old.Kind == r.Kind && old.Match == r.Match {
			d.rules[i] = entry
			return
		}
	}
	d.rules = append(d.rules, entry)
}

// Clear removes every rule: the world behaves.
func (d *Dial) Clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rules = nil
}

// Counts tells how many faults were injected, by kind.
func (d *Dial) Counts() map[Kind]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	counts := make(map[Kind]int, len(d.counts))
	for kind, n := range d.counts {
		counts[kind] = n
	}
	return counts
}

// Wrap puts the dial in front of a service; op names the operation of a request
// without touching its body.
func (d *Dial) Wrap(op func(*http.Request) string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := op(r)
		struck, ok := d.draw(name, r.URL.Path)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		struck.Op = name
		injections[struck.Kind].inject(d, struck, w, r, next)
	})
}

// draw decides which rule, if any, this request meets.
func (d *Dial) draw(op, path string) (Rule, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked[op]++
	name := fnv.New64a()
	_, _ = name.Write([]byte(op)) // a hash does not fail
	dice := rand.New(rand.NewPCG(d.seed^name.Sum64(), d.asked[op]))
	for _, r := range d.rules {
		roll := dice.Float64() // for every rule, so that one rule's match does not shift the others' luck
		switch {
		case r.Op != "" && r.Op != op, !strings.Contains(path, r.Match):
		case r.Count > 0 && r.left == 0, !r.until.IsZero() && !d.now().Before(r.until):
		case r.Probability > 0 && roll >= r.Probability:
		case injections[r.Kind].inject == nil:
		case r.Skip > 0:
			r.Skip--
		default:
			r.left--
			d.counts[r.Kind]++
			return r.Rule, true
		}
	}
	return Rule{}, false
}

// Flaky is the default weather: a few percent of the requests of every operation
// meet one of the faults. It leaves out what a right client does not simply ask
// again: redirects (they judge the client's settings) and refused starts (the
// API asks for 15 minutes of patience). Set those by name.
func Flaky(seed uint64) []Rule {
	dice := rand.New(rand.NewPCG(seed, 0))
	var rules []Rule
	for _, op := range Ops() {
		if op == OpStart || op == OpStop {
			continue
		}
		for _, r := range []Rule{
			{Kind: Refuse}, {Kind: ResetBefore}, {Kind: ResetAfter}, {Kind: LostAck},
			{Kind: Hang, Delay: 100 * time.Millisecond}, {Kind: SlowBody, Delay: 100 * time.Millisecond},
			{Kind: TruncateLength}, {Kind: TruncateChunked}, {Kind: HTMLBody},
			{Kind: Throttle, RetryAfter: []string{"", "1", "0.25", "date"}[dice.IntN(4)]},
			{Kind: Status, Status: []int{500, 502, 503, 504}[dice.IntN(4)], RetryAfter: []string{"", "0.125"}[dice.IntN(2)]},
		} {
			r.Op, r.Probability = op, 0.001+0.004*dice.Float64()
			rules = append(rules, r)
		}
	}
	return rules
}
