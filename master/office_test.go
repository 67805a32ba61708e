package master_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"log"
	"slices"
	"sync"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
	"azcollector/internal/state"
	"azcollector/master"
)

const (
	tenant  = "0d1e9a52-7a3c-4b6e-9f10-2c5f4e6b7a81"
	general = "Audit.General"
	ours    = "https://collector.example/api/o365/webhook"
	theirs  = "https://other.example/hook"
)

var (
	noon  = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	quiet = log.New(io.Discard, "", 0)
)

// An office is what Microsoft shows and is asked for.
type office struct {
	mu            sync.Mutex
	clock         time.Time
	listed        []microsoft.Subscription
	listFails     error
	refuse        error // of every start
	public        error // what a probe says
	probes        int
	starts        []string // "<type> ours|none|<address>"
	notifications []microsoft.Notification
	asked         int // for notifications
}

func newOffice(listed ...microsoft.Subscription) *office {
	return &office{clock: noon, listed: listed}
}

// room is what looks after one type at this office.
func (o *office) room(store collect.Store, types ...string) *master.Subscriptions {
	if len(types) == 0 {
		types = []string{general}
	}
	return &master.Subscriptions{
		Tenant: tenant, Types: types, Address: ours, Store: store,
		AuthID: func(context.Context) (string, error) { return authID, nil },
		List: func(context.Context) ([]microsoft.Subscription, error) {
			o.mu.Lock()
			defer o.mu.Unlock()
			return slices.Clone(o.listed), o.listFails
		},
		Start:         o.start,
		Notifications: o.told,
		Probe: func(context.Context, string, string) error {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.probes++
			return o.public
		},
		Now: func() time.Time {
			o.mu.Lock()
			defer o.mu.Unlock()
			return o.clock
		},
	}
}

func (o *office) start(_ context.Context, contentType string, hook *microsoft.Webhook) (microsoft.Subscription, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	with := "none"
	switch {
	case hook == nil:
	case hook.Address == ours && hook.AuthID == authID:
		with = "ours"
	default:
		with = hook.Address + " " + hook.AuthID + " " + hook.Expiration
	}
	o.starts = append(o.starts, contentType+" "+with)
	if o.refuse != nil {
		return microsoft.Subscription{}, o.refuse
	}
	is := microsoft.Subscription{ContentType: contentType, Status: "enabled", Webhook: hook}
	o.listed = slices.DeleteFunc(o.listed, func(s microsoft.Subscription) bool { return s.ContentType == contentType })
	o.listed = append(o.listed, is)
	return is, nil
}

func (o *office) told(context.Context, string, time.Time, time.Time) iter.Seq2[microsoft.Notification, error] {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked++
	all := slices.Clone(o.notifications)
	return func(yield func(microsoft.Notification, error) bool) {
		for _, n := range all {
			if !yield(n, nil) {
				return
			}
		}
	}
}

func (o *office) passes(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.clock = o.clock.Add(d)
}

// sent returns the starts since it was called last.
func (o *office) sent() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	sent := o.starts
	o.starts = nil
	return sent
}

func run(t *testing.T, s *master.Subscriptions) []collect.Finding {
	t.Helper()
	found, err := s.Run(t.Context(), nil)
	if err != nil {
		t.Errorf("error %v", err)
	}
	return found
}

func wantStarts(t *testing.T, o *office, want ...string) {
	t.Helper()
	if got := o.sent(); !slices.Equal(got, want) {
		t.Errorf("started %q, want %q", got, want)
	}
}

func open(t *testing.T) *store {
	t.Helper()
	embedded, err := state.OpenEmbedded(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = embedded.Close() })
	return &store{Store: embedded}
}

// A store is an embedded one that can be broken.
type store struct {
	collect.Store
	broken bool // nothing can be written
	// read is told of what was read and of a partition that is to be; what it returns
	// is the outcome. nil: nobody is.
	read func(ctx context.Context, key collect.Key) error
}

var errDisk = errors.New("the disk is full")

func (s *store) Get(ctx context.Context, key collect.Key) (collect.Row, error) {
	row, err := s.Store.Get(ctx, key)
	if s.read != nil {
		if err := s.read(ctx, key); err != nil {
			return collect.Row{}, err
		}
	}
	return row, err
}

func (s *store) List(ctx context.Context, kind, partition, from string) iter.Seq2[collect.Row, error] {
	if s.read != nil {
		if err := s.read(ctx, collect.Key{Kind: kind, Partition: partition}); err != nil {
			return func(yield func(collect.Row, error) bool) { yield(collect.Row{}, err) }
		}
	}
	return s.Store.List(ctx, kind, partition, from)
}

func (s *store) Insert(ctx context.Context, row collect.Row) (string, error) {
	if s.broken {
		return "", errDisk
	}
	return s.Store.Insert(ctx, row)
}

func (s *store) Replace(ctx context.Context, row collect.Row) (string, error) {
	if s.broken {
		return "", errDisk
	}
	return s.Store.Replace(ctx, row)
}

// stateOf is what the room remembers of a type.
func stateOf(t *testing.T, s collect.Store, contentType string) master.State {
	t.Helper()
	for st, err := range master.States(t.Context(), s, tenant) {
		if err != nil {
			t.Fatal(err)
		}
		if st.Type == contentType {
			return st
		}
	}
	t.Fatalf("nothing is known of %s", contentType)
	return master.State{}
}

func hook(address, secret, status string) *microsoft.Webhook {
	return &microsoft.Webhook{Status: status, Address: address, AuthID: secret}
}

func subscription(status string, hook *microsoft.Webhook) microsoft.Subscription {
	return microsoft.Subscription{ContentType: general, Status: status, Webhook: hook}
}

func fault(verdict collect.Verdict, code string) error {
	return &collect.Fault{Verdict: verdict, Code: code, Err: errors.New("start subscription of " + general + ": no")}
}
