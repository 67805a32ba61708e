package master_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
	"azcollector/master"
)

// A desk takes check-ins.
type desk struct {
	reports []master.Report
	refuse  error
	answer  string
}

func (d *desk) take(_ context.Context, r master.Report) ([]byte, error) {
	d.reports = append(d.reports, r)
	return []byte(d.answer), d.refuse
}

func (d *desk) last() master.Report { return d.reports[len(d.reports)-1] }

func checkIn(store collect.Store, d *desk) *master.CheckIn {
	return &master.CheckIn{Tenant: tenant, Types: []string{general}, Store: store, Now: time.Now, Send: d.take}
}

func meter(t *testing.T, store collect.Store, owner string, calls int) *collect.Meter {
	t.Helper()
	m := &collect.Meter{Store: store, Tenant: tenant, Owner: owner}
	count(t, m, calls)
	return m
}

func count(t *testing.T, m *collect.Meter, calls int) {
	t.Helper()
	for i := range calls {
		m.Called("content", i == 0)
	}
	if err := m.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Instances are summed, and nothing is told twice.
func TestStatisticsAreToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := open(t), &desk{}
		a, _ := meter(t, store, "a", 3), meter(t, store, "b", 4)
		c := checkIn(store, d)
		want := func(invocations, failed int64) {
			t.Helper()
			if _, err := c.Run(t.Context(), nil); err != nil {
				t.Errorf("error %v", err)
			}
			got := collect.Calls{}
			if calls := d.last().Stats.Functions["content"]; calls != nil {
				got = *calls
			}
			if got != (collect.Calls{Invocations: invocations, Errors: failed}) {
				t.Errorf("told of %+v, want %d and %d", got, invocations, failed)
			}
		}
		want(7, 2)
		if alive := d.last().Alive; alive != 2 {
			t.Errorf("%d alive", alive)
		}
		want(0, 0)
		time.Sleep(15 * time.Minute)
		count(t, a, 2)
		want(2, 1)
		for range 20 { // for hours nothing is counted, and what is behind is not looked at again
			time.Sleep(15 * time.Minute)
			want(0, 0)
		}
		count(t, a, 5)
		want(5, 1)
	})
}

// What nobody took, or may have taken, is told again.
func TestCheckInFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := open(t), &desk{answer: `{"first":1}`}
		m := meter(t, store, "a", 1)
		c := checkIn(store, d)
		run := func(fails bool) {
			t.Helper()
			if _, err := c.Run(t.Context(), nil); (err != nil) != fails {
				t.Errorf("error %v", err)
			}
			time.Sleep(15 * time.Minute)
		}
		run(false)
		gap(t, store, time.Now().Add(-time.Hour))
		count(t, m, 2)
		d.refuse, d.answer = errors.New("no route"), ""
		run(true)
		count(t, m, 3)
		run(true)
		told, err := master.LastCheckIn(t.Context(), store, tenant)
		if err != nil || !strings.Contains(told.Error, "no route") || told.At.Sub(told.Sent).Truncate(time.Minute) != 30*time.Minute || string(told.Answer) != `{"first":1}` {
			t.Errorf("kept %+v, %v", told, err)
		}
		d.refuse, d.answer = nil, `{"second":2}`
		run(false)
		r := d.last()
		if got := r.Stats.Functions["content"].Invocations; got != 5 || len(r.Gaps) != 1 {
			t.Errorf("told of %d invocations and %d gaps", got, len(r.Gaps))
		}
		told, err = master.LastCheckIn(t.Context(), store, tenant)
		if err != nil || told.Error != "" || !told.At.Equal(told.Sent) || string(told.Answer) != `{"second":2}` || told.Status != "error" || told.ErrorCode != master.Unobserved {
			t.Errorf("kept %+v, %v", told, err)
		}
		d.answer = strings.Repeat("x", 9000)
		run(false)
		if told, _ := master.LastCheckIn(t.Context(), store, tenant); string(told.Answer) != `{"second":2}` {
			t.Errorf("kept an answer of %d bytes", len(told.Answer))
		}
	})
}

func gap(t *testing.T, store collect.Store, from time.Time) {
	t.Helper()
	g := collect.Gap{Tenant: tenant, Type: general, From: from, To: from.Add(time.Minute), Why: "away"}
	if err := collect.NoteGap(t.Context(), store, g); err != nil {
		t.Fatal(err)
	}
}

// Without a destination that takes check-ins, the heartbeat is one.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		meter(t, store, "a", 3)
		var beats []master.Report
		c := checkIn(store, nil)
		c.Send, c.Heartbeat = nil, func(r master.Report) { beats = append(beats, r) }
		for range 2 {
			if _, err := c.Run(t.Context(), nil); err != nil {
				t.Errorf("error %v", err)
			}
		}
		if len(beats) != 2 || beats[0].Stats.Functions["content"].Invocations != 3 || !beats[1].Stats.Empty() || beats[0].Status != "ok" {
			t.Errorf("beats %+v", beats)
		}
	})
}

func TestStatus(t *testing.T) {
	warning := collect.Finding{Code: master.WebhookUnreachable, Text: "leads nowhere"}
	for name, test := range map[string]struct {
		before []collect.Finding
		status string
		code   string
		first  string // of the details
	}{
		"nothing":          {nil, "ok", "", ""},
		"a warning":        {[]collect.Finding{warning}, "ok", "", "AZC1103 webhook-unreachable: leads nowhere"},
		"an error":         {[]collect.Finding{warning, {Code: master.AuditingOff, Text: "off"}, {Code: master.TwoCollectors, Text: "two"}}, "error", master.AuditingOff, "AZC1005 auditing-off: off"},
		"an unknown error": {[]collect.Finding{{Code: "XYZ", Text: "odd"}}, "error", "XYZ", "XYZ odd"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{}
			found, err := checkIn(open(t), d).Run(t.Context(), test.before)
			if err != nil || len(found) != 0 {
				t.Errorf("found %q, error %v", found, err)
			}
			r := d.last()
			if r.Status != test.status || r.ErrorCode != test.code || len(r.Details) != len(test.before) || !slices.Equal(r.Findings, test.before) {
				t.Errorf("report %+v", r)
			}
			if test.first != "" && (len(r.Details) == 0 || r.Details[0] != test.first) {
				t.Errorf("details %q", r.Details)
			}
		})
	}
}

// A state that cannot be written is told, and keeps nobody from being told.
func TestCheckInWithoutState(t *testing.T) {
	store, d := open(t), &desk{}
	store.broken = true
	found, err := checkIn(store, d).Run(t.Context(), nil)
	wantCodes(t, found, master.StateFailed)
	if code, _ := master.CodeOf(err); code.ID != master.StateFailed {
		t.Errorf("error %v", err)
	}
	if len(d.reports) != 1 || d.last().ErrorCode != master.StateFailed {
		t.Errorf("reports %+v", d.reports)
	}
	if _, err := master.LastCheckIn(t.Context(), store, tenant); !errors.Is(err, collect.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}
