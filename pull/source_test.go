package pull_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"sync"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/state"
	"azcollector/pull"
)

const (
	tenant  = "0d1e9a52-7a3c-4b6e-9f10-2c5f4e6b7a81"
	general = "Audit.General"
)

var (
	noon = time.Date(2026, 11, 1, 12, 34, 56, 0, time.UTC)
	five = []string{"Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint", general, "DLP.All"}

	errDown = &collect.Fault{Code: "AF50000", Err: errors.New("list content: internal error")}
)

// A source is the Management Activity API as far as listing goes, with a clock
// that the test moves. It judges what it is asked.
type source struct {
	t *testing.T

	mu       sync.Mutex
	now      time.Time
	contents []collect.Content
	sequence int
	fails    func(contentType string, from time.Time) error // before the first page's last content
	asked    []request
	slow     time.Duration // how far the clock moves with each request
	during   func(request)
}

type request struct {
	contentType string
	from, to    time.Time
}

func (s *source) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *source) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *source) failing(f func(contentType string, from time.Time) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = f
}

// publish makes a content available that is said to be created so long ago.
func (s *source) publish(contentType string, ago time.Duration) collect.Content {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sequence++
	created := s.now.Add(-ago).Truncate(time.Millisecond)
	c := collect.Content{
		Tenant: tenant, Type: contentType, ID: fmt.Sprintf("%s$%06d", created.Format("20060102150405"), s.sequence),
		Created: created, Expires: created.Add(7 * 24 * time.Hour), Listed: true,
	}
	c.URI = "https://source.example/audit/" + c.ID
	s.contents = append(s.contents, c)
	return c
}

// drop makes the source offer a content no more.
func (s *source) drop(gone collect.Content) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range s.contents {
		if c.ID == gone.ID {
			s.contents = append(s.contents[:i:i], s.contents[i+1:]...)
			return
		}
	}
}

// take returns what was asked since it was called last.
func (s *source) take() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

func (s *source) Synchronise(context.Context, string) error { return nil }

func (s *source) Contents(ctx context.Context, who, contentType string, from, to time.Time) iter.Seq2[collect.Content, error] {
	return func(yield func(collect.Content, error) bool) {
		if ctx.Err() != nil {
			yield(collect.Content{}, context.Cause(ctx))
			return
		}
		found, err := s.answer(who, contentType, from, to)
		for i, c := range found {
			if err != nil && i == len(found)-1 { // an error hides something
				break
			}
			if !yield(c, nil) {
				return
			}
		}
		if err != nil {
			yield(collect.Content{}, err)
		}
	}
}

func (s *source) answer(who, contentType string, from, to time.Time) (found []collect.Content, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := request{contentType, from, to}
	s.asked = append(s.asked, r)
	switch {
	case who != tenant:
		s.t.Errorf("asked for tenant %s", who)
	case !from.Before(to), to.Sub(from) > collect.Window, from.Truncate(collect.Window) != to.Add(-1).Truncate(collect.Window):
		s.t.Errorf("asked from %s to %s: no part of one whole hour", from, to)
	case to.After(s.now), s.now.Sub(from) >= 7*24*time.Hour-3*time.Minute: // five are to spare, of which two may be used
		s.t.Errorf("asked from %s to %s at %s", from, to, s.now)
	}
	for _, c := range s.contents {
		if c.Type == contentType && !c.Created.Before(from) && c.Created.Before(to) {
			found = append(found, c)
		}
	}
	if s.fails != nil {
		err = s.fails(contentType, from)
	}
	s.now = s.now.Add(s.slow)
	if s.during != nil {
		s.during(r)
	}
	return found, err
}

// A house is a lister with a ledger, a store and a source.
type house struct {
	*pull.Lister
	*source
	t      *testing.T
	store  *store
	ledger *collect.Ledger

	mu       sync.Mutex
	offers   int
	reported []pull.Listing
}

// A store fails to write rows of one kind as a test says.
type store struct {
	collect.Store
	mu   sync.Mutex
	kind string
	how  fate
}

type fate int

const (
	works   fate = iota
	lost         // failed and not persisted
	unheard      // failed but persisted
)

var errStore = errors.New("the store is down")

func (s *store) breaks(kind string, how fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kind, s.how = kind, how
}

func (s *store) do(kind string, write func() error) error {
	s.mu.Lock()
	how := s.how
	if kind != s.kind {
		how = works
	}
	s.mu.Unlock()
	switch how {
	case lost:
		return errStore
	case unheard:
		return errors.Join(errStore, write())
	}
	return write()
}

func (s *store) Insert(ctx context.Context, row collect.Row) (version string, err error) {
	err = s.do(row.Kind, func() (err error) { version, err = s.Store.Insert(ctx, row); return err })
	return version, err
}

func (s *store) Replace(ctx context.Context, row collect.Row) (version string, err error) {
	err = s.do(row.Kind, func() (err error) { version, err = s.Store.Replace(ctx, row); return err })
	return version, err
}

func (s *store) BatchThen(ctx context.Context, batch, then []collect.Write) ([]collect.Written, error) {
	return collect.InSteps(ctx, s, batch, then)
}

func build(t *testing.T, types ...string) *house {
	t.Helper()
	dir := t.TempDir()
	// A simulated day is thousands of writes, each synced to the disk, unless the
	// system has a file system without one.
	if memory, err := os.MkdirTemp("/dev/shm", "pull-"); err == nil {
		t.Cleanup(func() { _ = os.RemoveAll(memory) })
		dir = memory
	}
	embedded, err := state.OpenEmbedded(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = embedded.Close() })
	s := &store{Store: embedded}
	return newHouse(t, s, &source{t: t, now: noon}, types...)
}

func newHouse(t *testing.T, s *store, from *source, types ...string) *house {
	h := &house{t: t, source: from, store: s, ledger: &collect.Ledger{Store: s, Owner: "us", Sole: true}}
	h.Lister = &pull.Lister{
		Source:  pull.Source{Synchronise: from.Synchronise, Now: from.Now, Contents: from.Contents, Offer: h.offer},
		Tenants: []string{tenant}, Types: types, Lookback: 2 * time.Hour, Known: h.ledger.Known,
		Store: s, Report: h.report,
	}
	return h
}

// whence is the source for a command, whose offers nobody counts.
func (h *house) whence() pull.Source {
	return pull.Source{Synchronise: h.source.Synchronise, Now: h.source.Now, Contents: h.source.Contents, Offer: h.ledger.Offer}
}

// Now and Contents of the source, which the lister has fields for as well.
func (h *house) clock() time.Time { return h.source.Now() }

func (h *house) offer(ctx context.Context, c collect.Content) (collect.Offered, error) {
	h.mu.Lock()
	h.offers++
	h.mu.Unlock()
	return h.ledger.Offer(ctx, c)
}

func (h *house) report(l pull.Listing) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reported = append(h.reported, l)
}

// run makes a pass that must go well.
func (h *house) run() {
	h.t.Helper()
	if err := h.Run(h.t.Context()); err != nil {
		h.t.Fatalf("at %s: %v", h.clock(), err)
	}
}

// runFor makes a pass every so often for so long.
func (h *house) runFor(long, every time.Duration) {
	h.t.Helper()
	for end := h.clock().Add(long); h.clock().Before(end); {
		h.pass(every)
		h.run()
	}
}

func (h *house) cursor(contentType string) *collect.Cursor {
	h.t.Helper()
	c, err := collect.LoadCursor(h.t.Context(), h.store, tenant, contentType)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func (h *house) gaps() (gaps []collect.Gap) {
	h.t.Helper()
	for g, err := range collect.Gaps(h.t.Context(), h.store, tenant) {
		if err != nil {
			h.t.Fatal(err)
		}
		gaps = append(gaps, g)
	}
	return gaps
}

// recorded reports whether the ledger has a content.
func (h *house) recorded(c collect.Content) bool {
	h.t.Helper()
	_, err := h.store.Get(h.t.Context(), c.Key())
	if err != nil && !errors.Is(err, collect.ErrNotFound) {
		h.t.Fatal(err)
	}
	return err == nil
}

// becomes changes the state of a content in the ledger.
func (h *house) becomes(c collect.Content, s collect.State) {
	h.t.Helper()
	row, err := h.store.Get(h.t.Context(), c.Key())
	if err != nil {
		h.t.Fatal(err)
	}
	row.Fields["State"] = string(s)
	row.Fields["Delivered"], row.Fields["Finished"] = int64(3), row.Fields["Created"]
	if _, err := h.store.Store.Replace(h.t.Context(), row); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) wantUntil(contentType string, want time.Time) {
	h.t.Helper()
	if got := h.cursor(contentType).Until(); !got.Equal(want) {
		h.t.Errorf("%s is listed until %s, want %s", contentType, got, want)
	}
}
