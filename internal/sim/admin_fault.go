package sim

import (
	"net/http"
	"time"
)

// ruleText is a [Rule] as people write it: durations like 10s.
type ruleText struct {
	Op, Match, Kind, RetryAfter, For, Delay string
	Status, Skip, Count                     int
	Probability                             float64
}

func (w *World) adminFault(rw http.ResponseWriter, r *http.Request) {
	var t ruleText
	obey(rw, r, &t, func() string {
		rule, problem := t.rule()
		if problem == "" {
			w.Dial.Set(rule)
		}
		return problem
	})
}

// rule reads the text, or says what is wrong with it.
func (t ruleText) rule() (Rule, string) {
	rule := Rule{
		Op: t.Op, Match: t.Match, Kind: Kind(t.Kind), RetryAfter: t.RetryAfter,
		Status: t.Status, Skip: t.Skip, Count: t.Count, Probability: t.Probability,
	}
	if injections[rule.Kind].inject == nil {
		return rule, "kind is none of those that --help lists"
	}
	if s := t.Status; s != 0 && (s < 200 || s > 599) {
		return rule, "status must be from 200 to 599"
	}
	for _, d := range []struct {
		name, text string
		to         *time.Duration
	}{{"for", t.For, &rule.For}, {"delay", t.Delay, &rule.Delay}} {
		if d.text == "" {
			continue
		}
		v, err := time.ParseDuration(d.text)
		if err != nil || v < 0 {
			return rule, d.name + " must be a duration like 10s"
		}
		*d.to = v
	}
	return rule, ""
}
