package master_test

import (
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
	"azcollector/master"
)

var invalid = fault(collect.JudgesUs, "AF20021")

// A webhook that Microsoft cannot validate must not keep a subscription from
// being started; it is added later, with growing pauses.
func TestWebhookIsInvalid(t *testing.T) {
	o := newOffice()
	o.refuse = invalid
	s := o.room(open(t))
	wantCodes(t, run(t, s), master.WebhookUnreachable)
	wantStarts(t, o, general+" ours")

	o.passes(16 * time.Minute)
	o.refuse = nil
	wantCodes(t, run(t, s))
	wantStarts(t, o, general+" none")
	if st := stateOf(t, s.Store, general); st.Plan != "add the webhook" {
		t.Errorf("the plan is %q", st.Plan)
	}

	o.refuse = invalid
	for i, pause := range []time.Duration{15, 15, 30, 60, 120, 240, 360, 360} { // minutes before the attempt
		o.passes(pause*time.Minute - time.Minute)
		wantCodes(t, run(t, s))
		wantStarts(t, o)
		o.passes(2 * time.Minute)
		wantCodes(t, run(t, s), master.WebhookUnreachable)
		wantStarts(t, o, general+" ours")
		if t.Failed() {
			t.Fatalf("at the attempt number %d", i+1)
		}
	}
	o.refuse = nil
	o.passes(7 * time.Hour)
	wantCodes(t, run(t, s))
	wantStarts(t, o, general+" ours")
	o.passes(time.Hour)
	wantCodes(t, run(t, s))
	wantStarts(t, o)
}

// Disabled, and with a webhook that somebody let die: only they, or an
// administrator, can mend that. The webhook is never taken away.
func TestTheirWebhookIsInvalid(t *testing.T) {
	o := newOffice(subscription("disabled", hook(theirs, "s", "enabled")))
	o.refuse = invalid
	s := o.room(open(t))
	s.Address = ""
	for range 3 {
		wantCodes(t, run(t, s), master.SubscriptionRefused)
		wantStarts(t, o, general+" "+theirs+" s ")
		o.passes(16 * time.Minute)
	}
}

func TestSubscriptionWasOff(t *testing.T) {
	o := newOffice()
	s := o.room(open(t))
	wantCodes(t, run(t, s)) // the first start of all is no loss
	o.sent()
	o.passes(15 * time.Minute)
	wantCodes(t, run(t, s))
	seen := o.clock

	for name, now := range map[string][]microsoft.Subscription{
		"disabled": {subscription("disabled", hook(ours, authID, "enabled"))},
		"missing":  {{ContentType: "Audit.Exchange", Status: "enabled"}},
	} {
		o.listed, o.refuse = now, fault(collect.Temporary, "AF50000")
		o.passes(20 * time.Minute)
		_, _ = s.Run(t.Context(), nil)
		wantGap(t, s.Store, seen, o.clock)
		o.refuse = nil
		o.passes(20 * time.Minute)
		found := run(t, s)
		wantCodes(t, found, master.SubscriptionRestarted)
		want := general + " was " + name + " and is started again: what became available since " + seen.Format(time.RFC3339) + " may be lost"
		if len(found) > 0 && found[0].Text != want {
			t.Errorf("%s: says %q, want %q", name, found[0].Text, want)
		}
		wantGap(t, s.Store, seen, o.clock)
		o.passes(20 * time.Minute)
		wantCodes(t, run(t, s))
		seen = o.clock
	}
}

// wantGap looks for the last gap.
func wantGap(t *testing.T, s collect.Store, from, to time.Time) {
	t.Helper()
	var last collect.Gap
	for g, err := range collect.Gaps(t.Context(), s, tenant) {
		if err != nil {
			t.Fatal(err)
		}
		last = g
	}
	if last.Type != general || !last.From.Equal(from) || !last.To.Equal(to) {
		t.Errorf("unobserved is %v to %v, want %v to %v", last.From, last.To, from, to)
	}
}

// An address that is changed back is set back once a day; then there are two
// collectors, and we yield.
func TestFight(t *testing.T) {
	o := newOffice()
	s := o.room(open(t))
	run(t, s)
	wantStarts(t, o, general+" ours")
	steal := func(after time.Duration, codes ...string) {
		t.Helper()
		o.passes(after)
		o.listed = []microsoft.Subscription{subscription("enabled", hook(theirs+"?code=key", "s", "enabled"))}
		wantCodes(t, run(t, s), codes...)
	}
	steal(time.Hour, master.WebhookTaken)
	wantStarts(t, o, general+" ours")
	steal(25*time.Hour, master.WebhookTaken) // a day later it is an accident again
	wantStarts(t, o, general+" ours")
	steal(23*time.Hour, master.TwoCollectors)
	wantStarts(t, o)
	steal(23*time.Hour, master.TwoCollectors)
	wantStarts(t, o)
	steal(2 * time.Hour)
	wantStarts(t, o, general+" ours")
	steal(time.Hour, master.WebhookTaken)
	wantStarts(t, o, general+" ours")
}

// Who steals while our start has to wait is met once.
func TestTheftIsMetOnce(t *testing.T) {
	o := newOffice()
	s := o.room(open(t))
	run(t, s)
	o.listed = []microsoft.Subscription{subscription("enabled", hook(theirs, "s", "enabled"))}
	o.sent()
	o.passes(5 * time.Minute)
	wantCodes(t, run(t, s), master.WebhookTaken)
	o.passes(5 * time.Minute)
	wantCodes(t, run(t, s))
	wantStarts(t, o)
	o.passes(6 * time.Minute)
	wantCodes(t, run(t, s))
	wantStarts(t, o, general+" ours")
}

// Our own new address is no theft, and who gives way ends the fight.
func TestNoFight(t *testing.T) {
	o := newOffice()
	s := o.room(open(t))
	run(t, s)
	o.sent()
	s.Address = "https://moved.example/api/o365/webhook"
	for range 3 {
		o.passes(time.Hour)
		wantCodes(t, run(t, s))
	}
	wantStarts(t, o, general+" https://moved.example/api/o365/webhook "+authID+" ")

	s.Address = ours
	for range 2 {
		o.passes(time.Hour)
		run(t, s)
		o.listed = []microsoft.Subscription{subscription("enabled", hook(theirs, "s", "enabled"))}
	}
	o.passes(time.Hour)
	run(t, s)
	o.sent()
	o.passes(time.Hour)
	o.listed = []microsoft.Subscription{subscription("enabled", hook(theirs, "s", "enabled"))}
	wantCodes(t, run(t, s), master.TwoCollectors)
	o.passes(time.Hour)
	o.listed = []microsoft.Subscription{subscription("enabled", hook(ours, authID, "enabled"))}
	wantCodes(t, run(t, s))
	if st := stateOf(t, s.Store, general); !st.Yielded.IsZero() || st.Plan != "" {
		t.Errorf("state %+v", st)
	}
	wantStarts(t, o)
}

func TestNotificationsFail(t *testing.T) {
	note := func(status string, ago time.Duration) microsoft.Notification {
		return microsoft.Notification{Status: status, Sent: noon.Add(-ago)}
	}
	for name, test := range map[string]struct {
		told  []microsoft.Notification
		codes []string
	}{
		"none":                {nil, nil},
		"all arrived":         {[]microsoft.Notification{note("success", 2), note("Succeeded", 1)}, nil},
		"the last one failed": {[]microsoft.Notification{note("Failed", 1), note("Succeeded", 2)}, []string{master.NotificationsFail}},
		"all failed":          {[]microsoft.Notification{note("Failed", 3), note("failed", 2)}, []string{master.NotificationsFail}},
		"it recovered":        {[]microsoft.Notification{note("Succeeded", 1), note("Failed", 2), note("Succeeded", 3)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(subscription("enabled", hook(ours, authID, "enabled")))
			o.notifications = test.told
			wantCodes(t, run(t, o.room(open(t))), test.codes...)
			if o.asked != 1 {
				t.Errorf("asked %d times", o.asked)
			}
		})
	}
	for name, listed := range map[string]microsoft.Subscription{
		"no webhook":       subscription("enabled", nil),
		"their webhook":    subscription("enabled", hook(theirs, "s", "enabled")),
		"disabled webhook": subscription("enabled", hook(ours, authID, "disabled")),
		"disabled":         subscription("disabled", hook(ours, authID, "enabled")),
	} {
		o := newOffice(listed)
		_, _ = o.room(open(t)).Run(t.Context(), nil)
		if o.asked != 0 {
			t.Errorf("%s: asked for notifications that are none of ours", name)
		}
	}
}
