package master_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
	"azcollector/master"
)

// One pass over one subscription, by what the list shows.
func TestWhatIsStarted(t *testing.T) {
	const none, bare, with = "", general + " none", general + " ours"
	past, future := noon.Add(-time.Hour).Format(time.RFC3339), noon.Add(time.Hour).Format(time.RFC3339)
	until := func(expiration string) *microsoft.Webhook {
		return &microsoft.Webhook{Status: "expired", Address: theirs, AuthID: "s", Expiration: expiration}
	}
	for name, test := range map[string]struct {
		listed   []microsoft.Subscription
		pullOnly bool
		hidden   bool // the public address cannot be reached
		want     string
		codes    []string
	}{
		"missing":                      {nil, false, false, with, nil},
		"as we want it":                {[]microsoft.Subscription{subscription("enabled", hook(ours, authID, "enabled"))}, false, false, none, nil},
		"without status":               {[]microsoft.Subscription{subscription("", hook(ours, authID, ""))}, false, false, none, nil},
		"in other letters":             {[]microsoft.Subscription{{ContentType: "audit.general", Status: "Enabled", Webhook: hook("HTTPS://Collector.Example:443/api/o365/webhook", authID, "Enabled")}}, false, false, none, nil},
		"disabled":                     {[]microsoft.Subscription{subscription("disabled", hook(ours, authID, "enabled"))}, false, false, with, []string{master.SubscriptionRestarted}},
		"webhook disabled":             {[]microsoft.Subscription{subscription("enabled", hook(ours, authID, "disabled"))}, false, false, with, nil},
		"webhook expired":              {[]microsoft.Subscription{subscription("enabled", hook(ours, authID, "Expired"))}, false, false, with, nil},
		"webhook elsewhere":            {[]microsoft.Subscription{subscription("enabled", hook(theirs, authID, "enabled"))}, false, false, with, nil},
		"another path":                 {[]microsoft.Subscription{subscription("enabled", hook(ours+"/", authID, "enabled"))}, false, false, with, nil},
		"another secret":               {[]microsoft.Subscription{subscription("enabled", hook(ours, "old", "enabled"))}, false, false, with, nil},
		"webhook vanished":             {[]microsoft.Subscription{subscription("enabled", nil)}, false, false, with, nil},
		"a status that is new":         {[]microsoft.Subscription{subscription("throttled", hook(ours, authID, "suspended"))}, false, false, none, nil},
		"hidden, missing":              {nil, false, true, bare, []string{master.WebhookUnreachable}},
		"hidden, as we want it":        {[]microsoft.Subscription{subscription("enabled", hook(ours, authID, "enabled"))}, false, true, none, nil},
		"hidden, webhook vanished":     {[]microsoft.Subscription{subscription("enabled", nil)}, false, true, none, []string{master.WebhookUnreachable}},
		"hidden, webhook elsewhere":    {[]microsoft.Subscription{subscription("enabled", hook(theirs, "s", "enabled"))}, false, true, none, []string{master.WebhookUnreachable}},
		"hidden, disabled":             {[]microsoft.Subscription{subscription("disabled", nil)}, false, true, bare, []string{master.WebhookUnreachable, master.SubscriptionRestarted}},
		"hidden, disabled with a hook": {[]microsoft.Subscription{subscription("disabled", hook(theirs, "s", "enabled"))}, false, true, general + " " + theirs + " s ", []string{master.WebhookUnreachable, master.SubscriptionRestarted}},
		"pull only, missing":           {nil, true, true, bare, nil},
		"pull only, disabled":          {[]microsoft.Subscription{subscription("disabled", nil)}, true, true, bare, []string{master.SubscriptionRestarted}},
		"pull only, their webhook":     {[]microsoft.Subscription{subscription("enabled", hook(theirs, "s", "disabled"))}, true, true, none, nil},
		"pull only, theirs, disabled":  {[]microsoft.Subscription{subscription("disabled", until(future))}, true, true, general + " " + theirs + " s " + future, []string{master.SubscriptionRestarted}},
		"pull only, theirs, expired":   {[]microsoft.Subscription{subscription("disabled", until(past))}, true, true, general + " " + theirs + " s ", []string{master.SubscriptionRestarted}},
		"another type":                 {[]microsoft.Subscription{{ContentType: "Audit.Exchange", Status: "enabled"}}, false, false, with, nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(test.listed...)
			if test.hidden {
				o.public = errors.New("PUBLIC_URL leads nowhere")
			}
			s := o.room(open(t))
			if test.pullOnly {
				s.Address, s.AuthID, s.Probe = "", nil, nil
			}
			wantCodes(t, run(t, s), test.codes...)
			if test.want == none {
				wantStarts(t, o)
			} else {
				wantStarts(t, o, test.want)
			}
			if test.want == none && !test.hidden && o.probes > 0 {
				t.Error("the address was probed and nothing was to be started with it")
			}
		})
	}
}

// All types in one pass, and one probe for all of them.
func TestOnePass(t *testing.T) {
	o := newOffice()
	types := []string{"Audit.AzureActiveDirectory", "Audit.Exchange", general, "DLP.All"}
	s := o.room(open(t), types...)
	wantCodes(t, run(t, s))
	wantStarts(t, o, types[0]+" ours", types[1]+" ours", types[2]+" ours", types[3]+" ours")
	if o.probes != 1 {
		t.Errorf("%d probes", o.probes)
	}
}

// Microsoft wants 15 minutes between two starts, whatever came of the first.
func TestWaitingPeriod(t *testing.T) {
	for name, refuse := range map[string]error{
		"it worked and was undone": nil,
		"it may have worked":       fault(collect.Temporary, ""),
		"it was refused":           fault(collect.JudgesUs, "AF10001"),
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice()
			o.refuse = refuse
			s := o.room(open(t))
			try := func(after time.Duration, want ...string) {
				t.Helper()
				o.passes(after)
				o.listed = nil
				_, _ = s.Run(t.Context(), nil)
				wantStarts(t, o, want...)
			}
			try(0, general+" ours")
			try(time.Minute)
			try(13 * time.Minute)
			try(2*time.Minute, general+" ours")
		})
	}
}

// What a refusal means, and what it does to the other types.
func TestRefusals(t *testing.T) {
	const exchange = "Audit.Exchange"
	for name, test := range map[string]struct {
		refuse error
		codes  []string
		starts int // of two types
		failed bool
	}{
		"auditing off":      {fault(collect.JudgesUs, "auditing-off"), []string{master.AuditingOff}, 1, false},
		"no permission":     {fault(collect.JudgesUs, "AF10001"), []string{master.PermissionMissing, master.PermissionMissing}, 2, false},
		"secret expired":    {fault(collect.JudgesUs, "AADSTS7000222"), []string{master.CredentialExpired}, 1, false},
		"tokens refused":    {fault(collect.JudgesUs, "401"), []string{master.TokenRefused}, 1, false},
		"unknown type":      {fault(collect.JudgesUs, "AF20020"), []string{master.SubscriptionRefused, master.SubscriptionRefused}, 2, false},
		"unexplained":       {fault(collect.JudgesUs, "AF20099"), []string{master.SubscriptionRefused}, 1, false},
		"a bare 400":        {fault(collect.JudgesUs, "400"), []string{master.SubscriptionRefused}, 1, false},
		"a redirect":        {fault(collect.JudgesUs, "302"), []string{master.SubscriptionRefused}, 1, false},
		"throttled":         {fault(collect.Temporary, "AF429"), nil, 1, true},
		"no answer":         {errors.New("connection reset"), nil, 2, true},
		"no usable answer":  {fault(collect.Broken, ""), nil, 2, true},
		"webhook not valid": {fault(collect.JudgesUs, "AF20021"), []string{master.WebhookUnreachable, master.WebhookUnreachable}, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice()
			o.refuse = test.refuse
			s := o.room(open(t), general, exchange)
			found, err := s.Run(t.Context(), nil)
			wantCodes(t, found, test.codes...)
			if got := len(o.sent()); got != test.starts {
				t.Errorf("%d starts, want %d", got, test.starts)
			}
			if (err != nil) != test.failed {
				t.Errorf("error %v", err)
			}
			if st := stateOf(t, s.Store, general); !strings.Contains(st.LastError, "no") && !strings.Contains(st.LastError, "reset") {
				t.Errorf("last error %q", st.LastError)
			}
		})
	}
}

// What nobody understands is not repeated for 15 minutes, for no type.
func TestPauseOfTheTenant(t *testing.T) {
	o := newOffice()
	o.refuse = fault(collect.JudgesUs, "400")
	s := o.room(open(t), general, "Audit.Exchange")
	run(t, s)
	wantStarts(t, o, general+" ours")
	o.refuse = nil
	o.passes(10 * time.Minute)
	wantCodes(t, run(t, s), master.SubscriptionRefused, master.SubscriptionRefused)
	wantStarts(t, o)
	if st := stateOf(t, s.Store, "Audit.Exchange"); st.Plan != "start it" || !st.NextStart.After(noon.Add(15*time.Minute)) {
		t.Errorf("status would show %q at %v", st.Plan, st.NextStart)
	}
	o.passes(6 * time.Minute)
	wantCodes(t, run(t, s))
	wantStarts(t, o, general+" ours", "Audit.Exchange ours")
}

func TestListFails(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		codes  []string
		failed bool
	}{
		"auditing off": {fault(collect.JudgesUs, "auditing-off"), []string{master.AuditingOff}, false},
		"401":          {fault(collect.JudgesUs, "401"), []string{master.TokenRefused}, false},
		"no answer":    {fault(collect.Temporary, ""), nil, true},
		"unexplained":  {fault(collect.JudgesUs, "404"), nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice()
			o.listFails = test.err
			found, err := o.room(open(t)).Run(t.Context(), nil)
			wantCodes(t, found, test.codes...)
			if code, ok := master.CodeOf(err); ok != test.failed || ok && code.ID != master.SubscriptionsUnknown {
				t.Errorf("error %v of code %q", err, code.ID)
			}
			wantStarts(t, o)
		})
	}
}

// Without a state that remembers the start, none is sent.
func TestStateFails(t *testing.T) {
	o := newOffice()
	s := open(t)
	s.broken = true
	_, err := o.room(s).Run(t.Context(), nil)
	if code, _ := master.CodeOf(err); !errors.Is(err, errDisk) || code.ID != master.StateFailed {
		t.Errorf("error %v", err)
	}
	wantStarts(t, o)
}
