package master_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
	"azcollector/master"
)

// watcher is a room that may only look.
func watcher(o *office, store collect.Store, types ...string) *master.Subscriptions {
	room := o.room(store, types...)
	room.Watch = true
	room.AuthID = func(context.Context) (string, error) { return "", errors.New("nobody needs the secret") }
	return room
}

// Whatever the subscriptions are like, nothing is started, and nothing is said of a
// webhook.
func TestWatch(t *testing.T) {
	for name, test := range map[string]struct {
		listed []microsoft.Subscription
		codes  []string
		status string
	}{
		"with their webhook":        {[]microsoft.Subscription{subscription("enabled", hook(theirs, "", "enabled"))}, nil, "enabled"},
		"with a disabled webhook":   {[]microsoft.Subscription{subscription("enabled", hook(theirs, "", "disabled"))}, nil, "enabled"},
		"without webhook":           {[]microsoft.Subscription{subscription("enabled", nil)}, nil, "enabled"},
		"with our address, by luck": {[]microsoft.Subscription{subscription("enabled", hook(ours, "x", "enabled"))}, nil, "enabled"},
		"disabled":                  {[]microsoft.Subscription{subscription("disabled", hook(theirs, "", "enabled"))}, []string{master.SubscriptionNotOurs}, "disabled"},
		"none":                      {nil, []string{master.SubscriptionNotOurs}, "missing"},
	} {
		t.Run(name, func(t *testing.T) {
			o, store := newOffice(test.listed...), open(t)
			room := watcher(o, store)
			for range 3 {
				wantCodes(t, run(t, room), test.codes...)
				o.passes(16 * time.Minute)
			}
			wantStarts(t, o)
			if o.probes != 0 || o.asked != 0 {
				t.Errorf("probed %d times, asked for notifications %d times", o.probes, o.asked)
			}
			if st := stateOf(t, store, general); st.Status != test.status || st.Plan != "" || st.SeenAt.IsZero() {
				t.Errorf("state %+v", st)
			}
		})
	}
}

// One that was off for a while leaves a stretch that nobody observed, until it was
// seen on again.
func TestWatchedGoesOff(t *testing.T) {
	on, off := subscription("enabled", hook(theirs, "", "enabled")), subscription("disabled", nil)
	o, store := newOffice(on), open(t)
	room := watcher(o, store)
	run(t, room)
	o.passes(16 * time.Minute)
	o.listed[0] = off
	wantCodes(t, run(t, room), master.SubscriptionNotOurs)
	o.passes(16 * time.Minute)
	o.listed[0] = on
	wantCodes(t, run(t, room), master.SubscriptionRestarted)
	o.passes(16 * time.Minute)
	wantCodes(t, run(t, room))
	gaps := gapsOf(t, store)
	if len(gaps) != 1 || !gaps[0].From.Equal(noon) || !gaps[0].To.Equal(noon.Add(32*time.Minute)) {
		t.Errorf("gaps %+v", gaps)
	}
	wantStarts(t, o)
}

// An empty list, once, is no finding, whether the next one has it again or not.
func TestWatchedListIsEmpty(t *testing.T) {
	for name, test := range map[string]struct {
		empty int      // so many lists in a row
		codes []string // of the last of them
		again []string // when it is there again
		gaps  int
	}{
		"once":  {1, nil, nil, 0},
		"twice": {2, []string{master.SubscriptionNotOurs}, []string{master.SubscriptionRestarted}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			is := subscription("enabled", nil)
			o, store := newOffice(is), open(t)
			room := watcher(o, store)
			run(t, room)
			o.listed = nil
			for i := range test.empty {
				o.passes(16 * time.Minute)
				var codes []string
				if i == test.empty-1 {
					codes = test.codes
				}
				wantCodes(t, run(t, room), codes...)
			}
			o.listed = []microsoft.Subscription{is}
			for _, codes := range [][]string{test.again, nil} {
				o.passes(16 * time.Minute)
				wantCodes(t, run(t, room), codes...)
			}
			if gaps := gapsOf(t, store); len(gaps) != test.gaps {
				t.Errorf("gaps %+v", gaps)
			}
			wantStarts(t, o)
		})
	}
}

// Watch turned off again: theirs becomes ours, and that is no fight.
func TestWatchEnds(t *testing.T) {
	o, store := newOffice(), open(t)
	run(t, o.room(store))
	wantStarts(t, o, general+" ours")
	o.passes(16 * time.Minute)
	o.listed[0] = subscription("enabled", hook(theirs, "", "enabled"))
	wantCodes(t, run(t, watcher(o, store)))
	o.passes(16 * time.Minute)
	wantCodes(t, run(t, o.room(store)))
	wantStarts(t, o, general+" ours")
}
