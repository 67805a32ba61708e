package sim_test

import (
	"net/url"
	"testing"
	"time"

	"azcollector/internal/sim"
)

func TestWindowsAreWholeHours(t *testing.T) {
	const week = 7 * 24 * time.Hour
	now := noon.Add(30*time.Minute + 10*time.Second + 1) // the API knows more than whole seconds
	for name, c := range map[string]struct {
		from, to  time.Time
		complaint string
	}{
		"an hour":                  {ago(3), ago(2), ""},
		"a day":                    {ago(25), ago(1), ""},
		"the current hour":         {noon, now.Add(time.Second), ""},
		"a run that took its time": {noon, now.Add(-2 * time.Minute).Add(time.Second), ""},
		"its end still to come":    {noon, noon.Add(time.Hour), ""},
		"the far edge":             {now.Add(5*time.Minute - week), ago(7*24 - 1), ""},
		"a start within an hour":   {noon.Add(-30 * time.Minute), noon, "was listed from 2026-03-10T11:30:00Z"},
		"long after the edge":      {now.Add(11*time.Minute - week), ago(7*24 - 1), "was listed from 2026-03-03T12:41:10Z"},
		"an end within an hour":    {ago(2), noon.Add(-time.Second), "was listed until 2026-03-10T11:59:59Z"},
		"behind now":               {noon, now.Add(-3 * time.Minute), "was listed until 2026-03-10T12:27:10Z"},
		"ahead of now":             {noon, now.Add(7 * time.Second), "was listed until"},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, sim.Options{Now: func() time.Time { return now }})
			v.w.EditSubscription(exchange, func(*sim.Subscription) {})
			v.refused(v.listing(c.from, c.to), 200, "[]")
			if c.complaint == "" {
				v.w.RequireClean(t)
			} else {
				v.complains(c.complaint)
			}
		})
	}
}

func TestListingWithoutAWindowIsAComplaint(t *testing.T) {
	v := listed(t, sim.Options{})
	v.refused(v.feed("GET", "subscriptions/content", url.Values{"contentType": {exchange}}, ""), 200, "[]")
	v.complains("Audit.Exchange was listed without a window")
}

// TestClientLearnsTheClockFromTheAnswers: what it could not know is no flaw.
func TestClientLearnsTheClockFromTheAnswers(t *testing.T) {
	var clock sim.Clock
	clock.Set(noon.Add(30 * time.Minute))
	v := visit(t, sim.Options{Now: clock.Now})
	v.w.EditSubscription(exchange, func(*sim.Subscription) {})
	current := func(now time.Time) url.Values { return window(now.Truncate(time.Hour), now) }
	v.pages("subscriptions/content", current(clock.Now()))
	v.w.SetSkew(20 * time.Minute)
	v.pages("subscriptions/content", current(clock.Now())) // by the answers so far
	v.pages("subscriptions/content", current(clock.Now().Add(20*time.Minute)))
	v.w.RequireClean(t)
	v.pages("subscriptions/content", current(clock.Now().Add(10*time.Minute))) // by nothing
	v.complains("which is neither a whole UTC hour nor now")
}

func TestListTimes(t *testing.T) {
	now := noon
	v := visit(t, sim.Options{Now: func() time.Time { return now }, PageSize: 1})
	v.w.EditSubscription(exchange, func(*sim.Subscription) {})
	for _, id := range []string{"1", "2"} {
		v.w.Offer(sim.Offer{ContentType: exchange, Records: [][]byte{plain(id)}, Created: ago(1)})
	}
	v.ask(v.feed("GET", "subscriptions/list", nil, ""))
	v.ask(v.start(""))
	now = noon.Add(time.Minute)
	rows, _ := v.pages("subscriptions/content", window(ago(1), noon)) // two pages
	v.ask(v.feed("GET", "audit/"+rows[0].ContentID, nil, ""))
	v.pages("subscriptions/notifications", window(ago(1), noon))
	v.w.Dial.Set(sim.Rule{Op: sim.OpList, Kind: sim.Refuse})
	_, _, _, _ = v.try(v.listing(ago(1), noon))
	for _, c := range []struct {
		ops         []string
		early, late int // how many at noon, and a minute later
	}{
		{nil, 2, 3},
		{[]string{sim.OpList}, 0, 2},
		{[]string{sim.OpPage, sim.OpStart}, 1, 1},
		{[]string{sim.OpBlob}, 0, 0},
	} {
		var early, late int
		for _, at := range v.w.ListTimes(c.ops...) {
			if at.Equal(noon) {
				early++
			} else if at.Equal(now) {
				late++
			}
		}
		if early != c.early || late != c.late {
			t.Errorf("%v: %d and %d, want %d and %d", c.ops, early, late, c.early, c.late)
		}
	}
}
