package pull

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"azcollector/internal/collect"
)

// firstRequeue is how far back the first Requeue of a process looks: whoever
// called it before us was probably killed within that time.
const firstRequeue = 10 * time.Minute

// defaultBudget is that of [Lister.Budget].
const defaultBudget = 4 * time.Minute

// A Lister puts the source's list into the ledger, and keeps a [collect.Cursor]
// per content type. Its methods may be called at once.
type Lister struct {
	Source
	Tenants, Types []string
	// Lookback is how far back the first pass lists, at most 7 days.
	Lookback time.Duration
	// Budget is how long a pass takes up windows other than the current and the last
	// hours; what is left is the next one's. 0: 4 minutes, within the shortest
	// default of the Functions host's functionTimeout (5 minutes, "host.json
	// reference"), which kills the process with all that it has in hand.
	Budget time.Duration
	// Known yields what the ledger has of a type and day (UTC) as listed; nil: it is
	// asked content by content.
	Known func(ctx context.Context, tenant, contentType string, day time.Time) iter.Seq2[collect.Content, error]
	// Requeue tells workers of overdue contents again, see [collect.Ledger.Requeue];
	// nil where workers look at the due rows themselves.
	Requeue func(ctx context.Context, tenant string, before, now time.Time) (told int, err error)
	// Store keeps the cursors and gaps.
	Store collect.Store
	// Report is told of what is worth a line: windows that held something new,
	// those that could not be listed, and gaps. It is called by several goroutines
	// at a time.
	Report func(Listing)
	// Odd is told of a type whose cursor stood in the future, or had given up what can be
	// listed still; nil: nobody is.
	Odd func(tenant, contentType string)
	// Count is told of every offer, with Agreed also set for what Ring told of;
	// nil: nobody counts.
	Count func(contentType string, o collect.Offered)

	once     sync.Once
	passing  turn // of Run: two at once would ask everything twice
	glancing turn // of listing the current and last hours, which Watch does as well
	bell     bell

	mu       sync.Mutex
	memories map[feed]*memory
	requeued map[string]time.Time // per tenant
}

// A Listing says what came of one window.
type Listing struct {
	Tenant, Type string // no Type: it is about the whole tenant
	From, To     time.Time
	// Listed contents, and of these the ones that are to be collected now.
	Listed, Fresh int
	// Gap says that the window is beyond the source's reach and kept as not observed.
	Gap bool
	// Err says why the window was not listed, or why there is a gap.
	Err error
}

// A feed is one content type of one tenant.
type feed struct{ tenant, contentType string }

// A turn is a mutex that is waited for no longer than a context lasts.
type turn chan struct{}

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t turn) give() { <-t }

func (l *Lister) init() {
	l.once.Do(func() {
		l.passing, l.glancing = make(turn, 1), make(turn, 1)
		l.bell.rung = make(chan struct{}, 1)
		l.memories = map[feed]*memory{}
		l.requeued = map[string]time.Time{}
	})
}

// Run makes one pass: it lists every window that is due and requeues what is
// overdue. What cannot be listed is due again at the next pass; the error joins
// what Report was told of it.
func (l *Lister) Run(ctx context.Context) error {
	l.init()
	if err := l.passing.take(ctx); err != nil {
		return err
	}
	defer l.passing.give()
	until := time.Now().Add(cmp.Or(l.Budget, defaultBudget))
	var errs []error
	for _, tenant := range l.Tenants {
		errs = append(errs, l.pass(ctx, tenant, until), l.requeue(ctx, tenant))
	}
	return errors.Join(append(errs, ctx.Err())...)
}

// pass lists what is due of a tenant: what is new first, so that catching up does
// not hold it back, and the rest as far as it gets until a time.
func (l *Lister) pass(ctx context.Context, tenant string, until time.Time) error {
	if ctx.Err() != nil {
		return nil
	}
	if err := l.Synchronise(ctx, tenant); err != nil {
		return l.standstill(ctx, tenant, err)
	}
	readings, err := l.open(ctx, tenant, l.Types)
	errs := []error{err}
	s := plan(readings, l.Now().UTC())
	if l.glancing.take(ctx) == nil {
		l.list(ctx, s.fresh, len(s.fresh), time.Time{})
		l.glancing.give()
	}
	l.list(ctx, s.unlisted, len(s.unlisted), until)
	l.list(ctx, s.relist, s.room, until)
	for _, r := range readings {
		r.conclude(l.Now())
		errs = append(errs, l.close(ctx, r))
	}
	return errors.Join(errs...)
}

// standstill lets the cursors say that nothing could be listed at all.
func (l *Lister) standstill(ctx context.Context, tenant string, cause error) error {
	if ctx.Err() != nil {
		return nil
	}
	l.Report(Listing{Tenant: tenant, Err: cause})
	errs := []error{cause}
	for _, contentType := range l.Types {
		c, err := collect.LoadCursor(ctx, l.Store, tenant, contentType)
		if errors.Is(err, collect.ErrNotFound) {
			continue
		}
		if err == nil {
			r := &reading{cursor: c, failure: cause}
			r.conclude(l.Now())
			err = c.Save(ctx, l.Store)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// requeue goes by our own clock, as the due rows do.
func (l *Lister) requeue(ctx context.Context, tenant string) error {
	if l.Requeue == nil || ctx.Err() != nil {
		return nil
	}
	now := time.Now()
	before, ok := l.requeued[tenant]
	if !ok {
		before = now.Add(-firstRequeue)
	}
	if _, err := l.Requeue(ctx, tenant, before, now); err != nil {
		return fmt.Errorf("requeue overdue contents: %w", err) // and from the same time on at the next pass
	}
	l.requeued[tenant] = now
	return nil
}

func (l *Lister) configured(f feed) bool {
	return slices.Contains(l.Tenants, f.tenant) && slices.Contains(l.Types, f.contentType)
}
