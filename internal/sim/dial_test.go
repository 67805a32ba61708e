package sim_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"azcollector/internal/sim"

	"github.com/google/go-cmp/cmp"
)

// TestEveryFaultIsSeenByAClient sets one fault at a time before the same request.
func TestEveryFaultIsSeenByAClient(t *testing.T) {
	type seen struct {
		Status int    // 0: no answer
		Broken bool   // the body did not end as announced
		Type   string // of the answer
		Body   string // "whole", "none", "other"
		Done   bool   // the service did its work
	}
	const json, html = "application/json; charset=utf-8", "text/html"
	cases := map[sim.Kind]struct {
		rule sim.Rule
		want seen
	}{
		sim.Refuse:          {sim.Rule{}, seen{Broken: true, Body: "none"}},
		sim.ResetBefore:     {sim.Rule{}, seen{Broken: true, Body: "none"}},
		sim.ResetAfter:      {sim.Rule{}, seen{Broken: true, Body: "none", Done: true}},
		sim.Hang:            {sim.Rule{Delay: time.Millisecond}, seen{Broken: true, Body: "none"}},
		sim.SlowBody:        {sim.Rule{Delay: 8 * time.Millisecond}, seen{Status: 200, Type: json, Body: "whole", Done: true}},
		sim.Stall:           {sim.Rule{Delay: time.Millisecond}, seen{Status: 200, Type: json, Broken: true, Body: "other", Done: true}},
		sim.TruncateLength:  {sim.Rule{}, seen{Status: 200, Type: json, Broken: true, Body: "other", Done: true}},
		sim.TruncateChunked: {sim.Rule{}, seen{Status: 200, Type: json, Broken: true, Body: "other", Done: true}},
		sim.Status:          {sim.Rule{Status: 504}, seen{Status: 504, Type: json, Body: "other"}},
		sim.Throttle:        {sim.Rule{}, seen{Status: 403, Type: json, Body: "other"}},
		sim.HTMLBody:        {sim.Rule{}, seen{Status: 502, Type: html + "; charset=us-ascii", Body: "other"}},
		sim.EmptyBody:       {sim.Rule{}, seen{Status: 200, Body: "none", Done: true}},
		sim.WrongType:       {sim.Rule{}, seen{Status: 200, Type: html, Body: "whole", Done: true}},
		sim.Redirect:        {sim.Rule{}, seen{Status: 307, Body: "none"}},
		sim.LostAck:         {sim.Rule{}, seen{Status: 503, Type: json, Body: "other", Done: true}},
		sim.Echo:            {sim.Rule{Status: 403}, seen{Status: 403, Type: "text/plain", Body: "other"}},
		sim.Parrot:          {sim.Rule{}, seen{Broken: true, Body: "none"}},
	}
	if len(cases) != len(sim.Kinds()) {
		t.Fatalf("%d cases for %d kinds", len(cases), len(sim.Kinds()))
	}
	for kind, c := range cases {
		t.Run(string(kind), func(t *testing.T) {
			v := visit(t, sim.Options{})
			v.w.EditSubscription("Audit.Exchange", func(*sim.Subscription) {})
			p := v.w.Publish("Audit.Exchange", [][]byte{[]byte(`{"Id":"1","Text":"long enough to be cut in half"}`)})
			_, whole := v.ask(v.feed("GET", "audit/"+p.Pushed, nil, ""))
			before := v.w.Calls().Blobs

			c.rule.Op, c.rule.Kind = sim.OpBlob, kind
			v.w.Dial.Set(c.rule)
			status, header, body, err := v.try(v.feed("GET", "audit/"+p.Pushed, nil, ""))
			got := seen{Status: status, Broken: err != nil, Type: header.Get("Content-Type"), Done: v.w.Calls().Blobs > before}
			switch string(body) {
			case "":
				got.Body = "none"
			case string(whole):
				got.Body = "whole"
			default:
				got.Body = "other"
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("want (-) and got (+) differ, body %q:\n%s", body, diff)
			}
			if got := v.w.Dial.Counts(); got[kind] != 1 {
				t.Errorf("counts %v, want one %s", got, kind)
			}
			v.w.RequireClean(t)
		})
	}
}

func TestRedirectLeadsToTheCanary(t *testing.T) {
	v := visit(t, sim.Options{})
	v.w.Dial.Set(sim.Rule{Kind: sim.Redirect, Status: 302})
	_, header, _, err := v.try(v.feed("GET", "subscriptions/list", nil, ""))
	if err != nil || !strings.HasPrefix(header.Get("Location"), v.w.URL(sim.Canary)+"/api/") {
		t.Errorf("Location %q (%v), want the canary", header.Get("Location"), err)
	}
}

// bare wraps a service that always answers 204, and tells the statuses of n requests.
func bare(d *sim.Dial, n int, path string) []int {
	h := d.Wrap(func(*http.Request) string { return sim.OpIngest }, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}))
	var codes []int
	for range n {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, nil))
		codes = append(codes, w.Code)
	}
	return codes
}

func TestRulesSelect(t *testing.T) {
	for name, c := range map[string]struct {
		rule sim.Rule
		want []int
	}{
		"every request":    {sim.Rule{}, []int{503, 503, 503}},
		"two of them":      {sim.Rule{Count: 2}, []int{503, 503, 204}},
		"this operation":   {sim.Rule{Op: sim.OpIngest}, []int{503, 503, 503}},
		"another one":      {sim.Rule{Op: sim.OpBlob}, []int{204, 204, 204}},
		"this path":        {sim.Rule{Match: "ingest/v1"}, []int{503, 503, 503}},
		"another path":     {sim.Rule{Match: "v2"}, []int{204, 204, 204}},
		"nearly never":     {sim.Rule{Probability: 1e-12}, []int{204, 204, 204}},
		"no such kind":     {sim.Rule{Kind: "earthquake"}, []int{204, 204, 204}},
		"status by itself": {sim.Rule{Status: 418}, []int{418, 418, 418}},
	} {
		t.Run(name, func(t *testing.T) {
			d := sim.NewDial(1, time.Now, nil)
			if c.rule.Kind == "" {
				c.rule.Kind = sim.Status
			}
			d.Set(c.rule)
			if diff := cmp.Diff(c.want, bare(d, 3, "/ingest/v1/1/data")); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}

func TestRuleEndsAndIsReplaced(t *testing.T) {
	now := time.Unix(0, 0)
	d := sim.NewDial(1, func() time.Time { return now }, nil)
	d.Set(sim.Rule{Kind: sim.Status, Status: 500, For: time.Minute})
	d.Set(sim.Rule{Kind: sim.Status, Status: 502, For: time.Minute})
	first := bare(d, 1, "/")
	now = now.Add(time.Minute)
	if got := append(first, bare(d, 1, "/")...); !cmp.Equal(got, []int{502, 204}) {
		t.Errorf("got %v, want the second rule while it lasts", got)
	}
	d.Set(sim.Rule{Kind: sim.Status})
	d.Clear()
	if got := bare(d, 1, "/"); got[0] != 204 {
		t.Errorf("got %v after Clear", got)
	}
}

func TestRetryAfterIsVerbatimOrADate(t *testing.T) {
	for set, want := range map[string]string{"": "", "2": "2", "2.128": "2.128", "date": "Thu, 01 Jan 1970 00:00:01 GMT"} {
		d := sim.NewDial(1, func() time.Time { return time.Unix(0, 0) }, nil)
		d.Set(sim.Rule{Kind: sim.Throttle, RetryAfter: set})
		w := httptest.NewRecorder()
		d.Wrap(func(*http.Request) string { return sim.OpIngest }, http.NotFoundHandler()).
			ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
		if got := w.Header().Get("Retry-After"); got != want || w.Code != http.StatusTooManyRequests {
			t.Errorf("%q became %d %q, want 429 %q", set, w.Code, got, want)
		}
	}
}

func TestTheSameSeedMakesTheSameFaults(t *testing.T) {
	codes := func(seed uint64) []int {
		d := sim.NewDial(seed, time.Now, nil)
		d.Set(sim.Rule{Kind: sim.Status, Probability: 0.3})
		return bare(d, 200, "/")
	}
	if !cmp.Equal(codes(7), codes(7)) {
		t.Error("one seed, two weathers")
	}
	if cmp.Equal(codes(7), codes(8)) {
		t.Error("two seeds, one weather")
	}
}

func TestFlakyIsAFewPercentOfEverything(t *testing.T) {
	share := map[string]float64{}
	for _, r := range sim.Flaky(3) {
		share[r.Op] += r.Probability
	}
	for _, op := range sim.Ops() {
		low, high := 0.01, 0.06
		if op == sim.OpStart || op == sim.OpStop {
			low, high = 0, 0
		}
		if got := share[op]; got < low || got > high {
			t.Errorf("%s: %.3f of the requests, want %.2f to %.2f", op, got, low, high)
		}
	}
}
