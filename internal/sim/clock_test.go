package sim_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/sim"
)

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c sim.Clock
		is := func(want time.Time) {
			t.Helper()
			if got := c.Now(); !got.Equal(want) {
				t.Errorf("it is %v, want %v", got, want)
			}
		}
		is(time.Now())
		c.Advance(9 * 24 * time.Hour)
		is(time.Now().AddDate(0, 0, 9))
		c.Set(noon)
		time.Sleep(time.Minute)
		is(noon.Add(time.Minute))
		c.Advance(-time.Hour)
		is(noon.Add(-59 * time.Minute))
	})
}

// TestTheWorldGoesByItsClock moves it by nine days.
func TestTheWorldGoesByItsClock(t *testing.T) {
	now := noon
	v := visit(t, sim.Options{Now: func() time.Time { return now }})
	v.w.EditSubscription(exchange, func(*sim.Subscription) {})
	p := v.w.Publish(exchange, [][]byte{plain("1")})
	v.refused(v.feed("GET", "audit/"+p.Listed[0], nil, ""), 200, `"1"`)
	now = now.AddDate(0, 0, 9)
	v.refused(v.feed("GET", "subscriptions/list", nil, ""), 401, "denied") // the token was for an hour
	v.token = v.signIn()
	v.refused(v.feed("GET", "audit/"+p.Listed[0], nil, ""), 400, "AF20051")
	v.refused(v.listing(noon.Add(-time.Hour), noon), 400, "AF20055")
	v.w.Publish(exchange, [][]byte{plain("2")})
	v.refused(v.listing(now, now.Add(time.Hour)), 200, `"contentCreated":"2026-03-19T12:00:00.000Z","contentExpiration":"2026-03-26T12:00:00.000Z"`)
	for _, s := range sim.Services() {
		r, err := http.NewRequest(http.MethodGet, v.w.URL(s), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, header, _, err := v.try(r)
		if got := header.Get("Date"); err != nil || got != "Thu, 19 Mar 2026 12:00:00 GMT" {
			t.Errorf("%s is dated %q (%v)", s, got, err)
		}
	}
}
