package sim_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"azcollector/internal/sim"

	"github.com/google/go-cmp/cmp"
)

// hours are the windows from and to so many hours before noon.
func hours(pairs ...int) (windows []sim.Window) {
	for i := 0; i < len(pairs); i += 2 {
		windows = append(windows, sim.Window{From: ago(pairs[i]), To: ago(pairs[i+1])})
	}
	return windows
}

func ago(hours int) time.Time { return noon.Add(-time.Duration(hours) * time.Hour) }

func (v *visitor) listing(from, to time.Time) *http.Request {
	return v.feed("GET", "subscriptions/content", window(from, to), "")
}

// listed is a visitor in a world that stands at noon, with something to list.
func listed(t *testing.T, o sim.Options) *visitor {
	o.Now = stopped
	v := visit(t, o)
	v.w.EditSubscription(exchange, func(*sim.Subscription) {})
	return v
}

func TestUnlisted(t *testing.T) {
	for name, c := range map[string]struct {
		list func(v *visitor)
		want []sim.Window // of the last ten hours
	}{
		"nothing":        {func(*visitor) {}, hours(10, 0)},
		"all of it":      {func(v *visitor) { v.pages("subscriptions/content", window(ago(12), ago(-1))) }, nil},
		"the middle":     {func(v *visitor) { v.pages("subscriptions/content", window(ago(7), ago(5))) }, hours(10, 7, 5, 0)},
		"hand in hand":   {func(v *visitor) { v.ask(v.listing(ago(5), ago(4))); v.ask(v.listing(ago(6), ago(5))) }, hours(10, 6, 4, 0)},
		"one in another": {func(v *visitor) { v.ask(v.listing(ago(9), ago(3))); v.ask(v.listing(ago(5), ago(4))) }, hours(10, 9, 3, 0)},
		"refused":        {func(v *visitor) { v.ask(v.listing(ago(40), ago(3))) }, hours(10, 0)},
		"not yet":        {func(v *visitor) { v.w.SetSkew(-3 * time.Hour); v.ask(v.listing(ago(5), ago(1))) }, hours(10, 5, 3, 0)},
		"another type":   {func(v *visitor) { v.ask(v.feed("GET", "subscriptions/content", window(ago(5), ago(1)), "")) }, hours(10, 5, 1, 0)},
		"notifications":  {func(v *visitor) { v.pages("subscriptions/notifications", window(ago(5), ago(1))) }, hours(10, 0)},
		"a first page": {func(v *visitor) {
			for i := range 4 {
				v.w.Offer(sim.Offer{ContentType: exchange, Records: [][]byte{plain(fmt.Sprint(i))}, Created: ago(4)})
			}
			v.ask(v.listing(ago(5), ago(4)))
			v.ask(v.listing(ago(5), ago(3))) // its first page, of two
		}, hours(10, 5, 4, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			v := listed(t, sim.Options{})
			c.list(v)
			if diff := cmp.Diff(c.want, v.w.Unlisted(exchange, ago(10), noon)); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
			if got := v.w.Unlisted("Audit.General", ago(2), noon); len(got) != 1 {
				t.Errorf("of a type never listed: %v", got)
			}
		})
	}
}

// TestUnlistedCountsWhatTheClientHeard meets each fault with one list.
func TestUnlistedCountsWhatTheClientHeard(t *testing.T) {
	for kind, want := range map[sim.Kind]bool{
		sim.Refuse: false, sim.ResetBefore: false, sim.ResetAfter: false, sim.Stall: false, sim.TruncateLength: false, sim.TruncateChunked: false,
		sim.Status: false, sim.Throttle: false, sim.HTMLBody: false, sim.EmptyBody: false, sim.Redirect: false, sim.LostAck: false,
		sim.SlowBody: true, sim.WrongType: true,
	} {
		t.Run(string(kind), func(t *testing.T) {
			v := listed(t, sim.Options{})
			v.w.Dial.Set(sim.Rule{Op: sim.OpList, Kind: kind, Count: 1, Delay: time.Nanosecond})
			_, _, _, _ = v.try(v.listing(ago(1), noon))
			if heard := len(v.w.Unlisted(exchange, ago(1), noon)) == 0; heard != want {
				t.Errorf("counted as listed: %t", heard)
			}
			v.ask(v.listing(ago(1), noon))
			if got := v.w.Unlisted(exchange, ago(1), noon); got != nil {
				t.Errorf("unlisted %v after another try", got)
			}
		})
	}
}

// TestUnlistedIsTheRest compares with a tally of single hours.
func TestUnlistedIsTheRest(t *testing.T) {
	v := listed(t, sim.Options{Seed: 1})
	dice := rand.New(rand.NewPCG(1, 1))
	const all = 48
	var seen [all + 1]bool // by how many hours ago it began
	for range 40 {
		from := 1 + dice.IntN(all)
		to := max(0, from-1-dice.IntN(4))
		v.refused(v.listing(ago(from), ago(to)), 200, "[]")
		for h := from; h > to; h-- {
			seen[h] = true
		}
		var want []sim.Window
		for h := all; h > 0; h-- {
			switch {
			case seen[h]:
			case len(want) > 0 && want[len(want)-1].To.Equal(ago(h)):
				want[len(want)-1].To = ago(h - 1)
			default:
				want = append(want, hours(h, h-1)...)
			}
		}
		if diff := cmp.Diff(want, v.w.Unlisted(exchange, ago(all), noon)); diff != "" {
			t.Fatalf("want (-), got (+):\n%s", diff)
		}
	}
	v.w.RequireClean(t)
}
