package microsoft

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// FeedOptions are the parts and limits of a [Feed].
type FeedOptions struct {
	Cloud   Cloud
	Tokens  *Tokens
	Tenants []string // GUIDs; no other tenant is ever asked for
	// Publisher is the tenant GUID of whoever operates the collector. Without it
	// the API counts requests into a quota shared with everybody.
	Publisher string
	HTTP      *http.Client // its transport is used, its redirect policy is not

	MaxContentBytes   int64         // of one answer, decompressed; 0: 256 MiB
	Throttled         func()        // told of each answer that slows us down; nil: nobody is
	RequestsPerMinute int           // per tenant, burst one minute; 0: 2,000
	IdleTimeout       time.Duration // how long no byte of a body may arrive; 0: 60 s
}

// A Feed is a client of the Office 365 Management Activity API for several
// tenants. All its methods may be called at once; every error is a
// [collect.Fault] or wraps one.
type Feed struct {
	base      *url.URL
	tokens    *Tokens
	tenants   map[string]bool
	publisher string
	client    *http.Client
	maxBytes  int64
	idle      time.Duration
	throttled func()

	clock remoteClock

	mu        sync.Mutex
	perMinute int
	lanes     map[string]*lane
}

// The API's base quota is 2,000 requests a minute and tenant (Management
// Activity API reference, "API throttling").
const (
	defaultPerMinute = 2000
	defaultMaxBytes  = 256 << 20
	defaultIdle      = time.Minute
)

// NewFeed makes a client; nothing is asked before the first call.
func NewFeed(o FeedOptions) *Feed {
	f := &Feed{
		base:      o.Cloud.Management,
		tokens:    o.Tokens,
		tenants:   map[string]bool{},
		publisher: o.Publisher,
		client:    unredirected(o.HTTP),
		maxBytes:  o.MaxContentBytes,
		idle:      o.IdleTimeout,
		throttled: o.Throttled,
		perMinute: o.RequestsPerMinute,
		lanes:     map[string]*lane{},
	}
	if f.maxBytes <= 0 {
		f.maxBytes = defaultMaxBytes
	}
	if f.idle <= 0 {
		f.idle = defaultIdle
	}
	if f.perMinute <= 0 {
		f.perMinute = defaultPerMinute
	}
	if f.throttled == nil {
		f.throttled = func() {}
	}
	for _, tenant := range o.Tenants {
		f.tenants[strings.ToLower(tenant)] = true
	}
	return f
}

// Pace sets the requests per minute and tenant, for when the instances that
// share a tenant's quota come and go.
func (f *Feed) Pace(requestsPerMinute int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.perMinute = max(requestsPerMinute, 1)
	for _, l := range f.lanes {
		l.pace(f.perMinute)
	}
}

func (f *Feed) lane(tenant string) *lane {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.lanes[tenant]
	if l == nil {
		l = newLane(f.perMinute)
		f.lanes[tenant] = l
	}
	return l
}
