package sim_test

import (
	"net/url"
	"testing"
	"time"

	"azcollector/internal/sim"
)

func TestDisabledSubscriptionEndsEverything(t *testing.T) {
	for name, push := range map[string]sim.PushOptions{"by a webhook": {}, "pushed to an address": {To: "https://127.0.0.1:1/", Off: true}} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, sim.Options{Now: stopped, Push: push})
			v.w.EditSubscription(exchange, func(*sim.Subscription) {})
			p := v.w.Publish(exchange, [][]byte{plain("1")})
			v.w.DisableSubscription(exchange)
			v.refused(v.feed("GET", "subscriptions/content", window(noon.Add(-time.Hour), noon), ""), 400, "AF20023")
			v.refused(v.feed("GET", "subscriptions/notifications", window(noon.Add(-time.Hour), noon), ""), 400, "AF20023")
			v.refused(v.feed("GET", "audit/"+p.Listed[0], nil, ""), 400, "AF20023")
			v.refused(v.feed("GET", "subscriptions/list", nil, ""), 200, `"status":"disabled"`)
			v.refused(v.start(""), 200, `"enabled"`)
			v.refused(v.feed("GET", "audit/"+p.Listed[0], nil, ""), 200, `"1"`)
			v.w.RequireClean(t)
		})
	}
}

func TestWebhookVanishesAndIsStolen(t *testing.T) {
	v := visit(t, sim.Options{})
	ours, thief := listen(t, v), listen(t, v)
	v.refused(v.start(hook(ours.URL)), 200, "")
	v.w.VanishWebhook(exchange)
	v.refused(v.feed("GET", "subscriptions/list", nil, ""), 200, `"status":"enabled","webhook":null`)
	v.refused(v.start(hook(ours.URL)), 200, ours.URL)
	v.w.StealWebhook(exchange, thief.URL)
	if s := v.w.Subscriptions()[0]; s.Webhook.Address != thief.URL || s.Webhook.AuthID == "secret" || s.Webhook.Status != "enabled" {
		t.Errorf("webhook %+v, want the thief's", s.Webhook)
	}
	v.w.Publish(exchange, [][]byte{plain("1")})
	if err := v.w.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(thief.bodies) != 1 || len(ours.told(t)) != 0 {
		t.Errorf("%d notifications for the thief, %d for us", len(thief.bodies), len(ours.told(t)))
	}
	v.refused(v.start(hook(ours.URL)), 200, ours.URL)
	v.w.RequireClean(t)
}

func TestForgottenSubscriptions(t *testing.T) {
	v := visit(t, sim.Options{Now: stopped})
	v.refused(v.start(""), 200, "")
	v.w.ForgetSubscriptions()
	v.refused(v.feed("GET", "subscriptions/list", nil, ""), 200, "[]")
	v.refused(v.feed("GET", "subscriptions/content", window(noon.Add(-time.Hour), noon), ""), 400, "AF20022")
	v.refused(v.start(""), 200, `"enabled"`)
	v.w.RequireClean(t)
}

// TestStartPause: every start counts but one that changes nothing.
func TestStartPause(t *testing.T) {
	const pause = 15 * time.Minute
	disable := func(w *sim.World) { w.DisableSubscription(exchange) }
	nothing := func(*sim.World) {}
	for name, c := range map[string]struct {
		before    func(*sim.World)
		first     string // body of the first start
		status    int    // and its answer
		between   func(*sim.World)
		after     time.Duration
		complaint string
	}{
		"too soon":              {nothing, "", 200, disable, pause - 1, "Audit.Exchange was started again within 15m"},
		"late enough":           {nothing, "", 200, disable, pause, ""},
		"after all were gone":   {nothing, "", 200, (*sim.World).ForgetSubscriptions, time.Minute, "started again"},
		"after no consent":      {nothing, hook("https://127.0.0.1:1/"), 400, nothing, time.Minute, "started again"},
		"after a broken body":   {nothing, "{", 400, nothing, time.Minute, ""},
		"by the API's clock":    {nothing, "", 200, func(w *sim.World) { disable(w); w.SetSkew(time.Hour) }, time.Minute, "started again"},
		"nothing would change":  {nothing, "", 200, nothing, time.Minute, ""},
		"nothing had changed":   {func(w *sim.World) { w.EditSubscription(exchange, func(*sim.Subscription) {}) }, "", 400, disable, time.Minute, ""},
		"auditing was off then": {func(w *sim.World) { w.SetAuditing(false) }, "", 400, func(w *sim.World) { w.SetAuditing(true) }, time.Minute, "started again"},
	} {
		t.Run(name, func(t *testing.T) {
			now := noon
			v := visit(t, sim.Options{Now: func() time.Time { return now }, StartPause: pause})
			c.before(v.w)
			v.refused(v.start(c.first), c.status, "")
			c.between(v.w)
			now = now.Add(c.after)
			v.ask(v.start(""))
			other := v.feed("POST", "subscriptions/start", url.Values{"contentType": {"Audit.General"}}, "")
			v.refused(other, 200, "") // another type has a pause of its own
			if c.complaint == "" {
				v.w.RequireClean(t)
			} else {
				v.complains(c.complaint)
			}
		})
	}
}
