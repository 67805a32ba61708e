package master_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
	"azcollector/master"
)

// all makes both types run, and says when they were last seen to.
func all(t *testing.T, o *office) (s *master.Subscriptions, seen time.Time) {
	t.Helper()
	s = o.room(open(t), general, "Audit.Exchange")
	for range 2 {
		wantCodes(t, run(t, s))
		o.passes(20 * time.Minute)
	}
	o.sent()
	return s, o.clock.Add(-20 * time.Minute)
}

func gapsOf(t *testing.T, s collect.Store) (gaps []collect.Gap) {
	t.Helper()
	for g, err := range collect.Gaps(t.Context(), s, tenant) {
		if err != nil {
			t.Fatal(err)
		}
		gaps = append(gaps, g)
	}
	return gaps
}

// An empty list is doubted: what it lacks is started, and counts as a loss only if
// the next one lacks it as well.
func TestEmptyList(t *testing.T) {
	restarted := []string{master.SubscriptionRestarted, master.SubscriptionRestarted}
	for name, test := range map[string]struct {
		first  []microsoft.Subscription
		second func(listed []microsoft.Subscription) []microsoft.Subscription
		told   [2][]string
		gaps   [2]int
	}{
		"once":  {nil, slices.Clone[[]microsoft.Subscription], [2][]string{nil, restarted}, [2]int{0, 0}},
		"twice": {nil, func([]microsoft.Subscription) []microsoft.Subscription { return nil }, [2][]string{nil, restarted}, [2]int{0, 2}},
		"only one is missing": {
			[]microsoft.Subscription{subscription("enabled", hook(ours, authID, "enabled"))}, slices.Clone[[]microsoft.Subscription],
			[2][]string{restarted[:1], nil}, [2]int{1, 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice()
			s, seen := all(t, o)
			o.listed = test.first
			wantCodes(t, run(t, s), test.told[0]...)
			if n := len(o.sent()); n != 2-len(test.first) {
				t.Errorf("%d starts", n)
			}
			if got := gapsOf(t, s.Store); len(got) != test.gaps[0] {
				t.Errorf("unobserved: %v", got)
			}
			o.passes(20 * time.Minute)
			o.listed = test.second(o.listed)
			wantCodes(t, run(t, s), test.told[1]...)
			got := gapsOf(t, s.Store)
			if len(got) != test.gaps[1] {
				t.Errorf("unobserved: %v", got)
			}
			for _, g := range got {
				if !g.From.Equal(seen) {
					t.Errorf("unobserved since %v, want %v", g.From, seen)
				}
			}
			o.passes(20 * time.Minute)
			wantCodes(t, run(t, s))
		})
	}
}

// A start that is refused leaves the doubt to the next list.
func TestEmptyListAndNoStart(t *testing.T) {
	o := newOffice()
	s, seen := all(t, o)
	o.listed, o.refuse = nil, fault(collect.Temporary, "AF50000")
	for _, gaps := range []int{0, 2, 2} {
		_, _ = s.Run(t.Context(), nil)
		got := gapsOf(t, s.Store)
		if len(got) != gaps || gaps > 0 && (!got[0].From.Equal(seen) || !got[0].To.Equal(o.clock)) {
			t.Errorf("unobserved: %v, want %d", got, gaps)
		}
		o.passes(20 * time.Minute)
	}
}

// Killed when the start was sent: what may be lost is told by the next pass.
func TestKilledWhileInDoubt(t *testing.T) {
	o := newOffice()
	s, _ := all(t, o)
	o.listed = nil
	send := s.Start
	s.Start = func(ctx context.Context, contentType string, hook *microsoft.Webhook) (microsoft.Subscription, error) {
		_, _ = send(ctx, contentType, hook)
		panic("killed")
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = s.Run(t.Context(), nil)
		t.Error("it lived")
	}()
	s.Start = send
	o.passes(20 * time.Minute)
	o.listed = append(o.listed, microsoft.Subscription{ContentType: "Audit.Exchange", Status: "enabled", Webhook: hook(ours, authID, "enabled")})
	wantCodes(t, run(t, s), master.SubscriptionRestarted)
}

// Instances of ours that have different addresses do not fight for ever.
func TestInstancesFight(t *testing.T) {
	o := newOffice()
	store := open(t)
	a, b := o.room(store), o.room(store)
	b.Address = theirs
	b.Probe = a.Probe
	const toA, toB = general + " ours", general + " " + theirs + " " + authID + " "
	pass := func(s *master.Subscriptions, start string, codes ...string) {
		t.Helper()
		o.passes(16 * time.Minute)
		wantCodes(t, run(t, s), codes...)
		if start == "" {
			wantStarts(t, o)
		} else {
			wantStarts(t, o, start)
		}
	}
	pass(a, toA)
	pass(b, toB)
	pass(a, toA)
	for range 3 {
		pass(b, "", master.TwoCollectors)
		pass(b, "", master.TwoCollectors)
		pass(a, "")
	}
	o.passes(24 * time.Hour)
	pass(b, toB) // a day later an address may move again
	pass(a, toA)
	pass(b, "", master.TwoCollectors)
}

// While we yield, what does not collect is started: with their webhook.
func TestYieldingStarts(t *testing.T) {
	o := newOffice()
	s := o.room(open(t))
	run(t, s)
	for range 2 {
		o.passes(time.Hour)
		o.listed = []microsoft.Subscription{subscription("enabled", hook(theirs, "s", "enabled"))}
		run(t, s)
	}
	o.sent()
	o.passes(time.Hour)
	o.listed = []microsoft.Subscription{subscription("disabled", hook(theirs, "s", "enabled"))}
	wantCodes(t, run(t, s), master.TwoCollectors, master.SubscriptionRestarted)
	wantStarts(t, o, general+" "+theirs+" s ")
}
