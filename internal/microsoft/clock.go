package microsoft

import (
	"context"
	"errors"
	"net/http"
	"time"

	"azcollector/internal/collect"
)

// ServerTime is the API's clock as its last answer told it, never ahead of it:
// windows end here, since contentCreated stands on that clock.
func (f *Feed) ServerTime() time.Time {
	return time.Now().Add(f.Skew()).UTC()
}

// Skew is the API's clock minus ours: 0 before the first answer, and up to a
// second and the answer's travelling time too small.
func (f *Feed) Skew() time.Duration {
	if skew := f.skew.Load(); skew != nil {
		return *skew
	}
	return 0
}

// Synchronise makes sure that the API's clock is known, for who is about to cut
// time into windows. If no answer has told it yet, the tenant's subscriptions are
// listed once; a refusal tells the time as well as they do.
func (f *Feed) Synchronise(ctx context.Context, tenant string) error {
	if f.clockKnown() {
		return nil
	}
	_, err := f.Subscriptions(ctx, tenant)
	switch {
	case f.clockKnown():
		return nil
	case err == nil:
		err = &collect.Fault{Err: errors.New("the answer has no Date: check any proxy in between")}
	}
	return explain("learn the API's clock", err)
}

func (f *Feed) clockKnown() bool { return f.skew.Load() != nil }

func (f *Feed) observe(resp *http.Response) {
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		skew := time.Until(date)
		f.skew.Store(&skew)
	}
}
