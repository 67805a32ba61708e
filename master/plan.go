package master

import (
	"net/url"
	"strings"
	"time"

	"azcollector/internal/microsoft"
	"azcollector/internal/wire"
)

// A plan is what a subscription needs; nil: nothing.
type plan struct {
	why string
	// hook is the webhook to start it with. nil: none, which is only planned where
	// there is none, because it would take one away.
	hook *microsoft.Webhook
	// instead is what to do if our address cannot be reached, or Microsoft could not
	// validate it the last time: what does not collect cannot wait for a webhook.
	instead *plan
}

func (p *plan) String() string {
	if p == nil {
		return ""
	}
	return p.why
}

// judge says what a subscription needs, whatever the time.
func (p *pass) judge(is *microsoft.Subscription, st *State) *plan {
	switch {
	case is == nil:
		return p.revive("start it", nil, st)
	case !running(is.Status):
		return p.revive("start it again", is.Webhook, st)
	case p.ours == nil:
		return nil
	case is.Webhook == nil:
		return &plan{why: "add the webhook", hook: p.ours}
	case !running(is.Webhook.Status):
		return &plan{why: "enable the webhook", hook: p.ours}
	case !sameAddress(is.Webhook.Address, p.ours.Address):
		return &plan{why: "set the webhook's address", hook: p.ours}
	case is.Webhook.AuthID != p.ours.AuthID:
		return &plan{why: "set the webhook's secret", hook: p.ours}
	}
	return nil
}

// revive starts what does not collect: with our webhook if we want one, else as
// it was.
func (p *pass) revive(why string, hook *microsoft.Webhook, st *State) *plan {
	asItWas := &plan{why: why + " without webhook"}
	if hook != nil {
		asItWas = &plan{why: why + " with the webhook that it has", hook: lasting(hook, p.now)}
	}
	if p.ours == nil || st.bare && hook == nil {
		return asItWas
	}
	return &plan{why: why, hook: p.ours, instead: asItWas}
}

// lasting is a webhook to be started again as it is. An expiration in the past
// would be refused (AF20003).
func lasting(hook *microsoft.Webhook, now time.Time) *microsoft.Webhook {
	same := *hook
	if until, err := time.Parse(time.RFC3339, same.Expiration); err != nil || !until.After(now) {
		same.Expiration = ""
	}
	return &same
}

// running reads the status of a subscription or webhook. The API leaves it out at
// times; one that we do not know is no reason to start anything.
func running(status string) bool {
	return !strings.EqualFold(status, "disabled") && !strings.EqualFold(status, "expired")
}

// sameAddress compares as hosts do: in any case, and a default port may be written.
func sameAddress(a, b string) bool {
	if a == b {
		return true
	}
	ua, errA := url.Parse(a)
	ub, errB := url.Parse(b)
	return errA == nil && errB == nil && wire.SameOrigin(ua, ub) && ua.RequestURI() == ub.RequestURI()
}

// theftMemory: an address that is changed back twice within it is somebody else's
// intention, and not an accident. Two who heal it for ever would stop each other's
// notifications every 15 minutes.
const theftMemory = 24 * time.Hour

// fight notices that somebody else changes the webhook's address, and reports
// whether we yield: after the second time, for a day, unless they give way first.
func (p *pass) fight(st *State, is *microsoft.Subscription) bool {
	if p.ours == nil || is == nil || is.Webhook == nil {
		return false
	}
	if sameAddress(is.Webhook.Address, p.ours.Address) {
		st.Yielded = time.Time{}
		return false
	}
	switch {
	case st.set == "":
	case sameAddress(st.set, p.ours.Address): // it was ours: each theft is met once
		st.set = ""
		if p.now.Sub(st.stolen) < theftMemory {
			st.Yielded = p.now
		} else {
			p.find(WebhookTaken, "the webhook of %s was set to %s by somebody else", st.Type, shown(is.Webhook.Address))
		}
		st.stolen = p.now
	case p.now.Sub(st.moves[0]).Abs() < theftMemory: // by others of us, and this would be the third time
		st.Yielded = st.moves[0]
	}
	if st.Yielded.IsZero() || p.now.Sub(st.Yielded) >= theftMemory {
		st.Yielded = time.Time{}
		return false
	}
	p.find(TwoCollectors, "the webhook of %s is set to %s again and again: two collectors use one app registration, or instances of one have different PUBLIC_URLs; it is left alone until %s",
		st.Type, shown(is.Webhook.Address), clock(st.Yielded.Add(theftMemory)))
	return true
}

// moved notes that our start set the webhook's address. If another one of us had
// set it, both want it: a new PUBLIC_URL comes once, and perhaps goes back.
func (st *State) moved(address string, at time.Time) {
	if st.set != "" && !sameAddress(st.set, address) {
		st.moves = [2]time.Time{st.moves[1], at}
	}
	st.set = address
}

// shown is an address without its query, which may hold a key.
func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "an address that is none"
	}
	return wire.Printable((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String())
}
