package pull_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/pull"
)

func (h *house) prover() *pull.Prover {
	return &pull.Prover{
		Source: h.whence(), Tenant: tenant, Types: h.Types, Recorded: h.ledger.Contents, Store: h.store,
	}
}

// prove must come to an end.
func (h *house) prove(since, until time.Time) *pull.Proof {
	h.t.Helper()
	proof, err := h.prover().Run(h.t.Context(), since, until)
	if err != nil {
		h.t.Fatal(err)
	}
	return proof
}

func (h *house) forget(c collect.Content) {
	h.t.Helper()
	if err := h.store.Delete(h.t.Context(), c.Key(), ""); err != nil {
		h.t.Fatal(err)
	}
}

func ids(contents []collect.Content) (ids []string) {
	for _, c := range contents {
		ids = append(ids, c.ID)
	}
	return ids
}

// full is a house that collected a week: 600 contents of two types, delivered.
func full(t *testing.T) (h *house, contents []collect.Content) {
	t.Helper()
	h = build(t, "Audit.Exchange", general)
	h.Lookback = 7 * day
	for i := range 600 {
		contents = append(contents, h.publish(h.Types[i%2], time.Duration(600-i)*16*time.Minute))
	}
	h.run()
	for _, c := range contents {
		h.becomes(c, collect.Done)
	}
	return h, contents
}

func TestProveNamesWhatIsMissing(t *testing.T) {
	h, contents := full(t)
	since := h.clock().Add(-7 * day)
	if proof := h.prove(since, h.clock()); !proof.Clean() {
		t.Fatalf("proof of a whole ledger: %+v", proof)
	}
	gone := map[string][]string{}
	var missing []collect.Content
	for i := range 10 {
		c := contents[i*61]
		h.forget(c)
		missing = append(missing, c)
		gone[c.Type] = append(gone[c.Type], c.ID)
	}
	proof := h.prove(since, h.clock())
	if proof.Clean() {
		t.Error("the proof is clean")
	}
	records := int64(0)
	for _, p := range proof.Types {
		if !slices.Equal(ids(p.MissingContents), gone[p.Type]) || p.Missing != len(gone[p.Type]) ||
			p.Offered != 300 || p.Delivered != 300-p.Missing || p.Unlisted+p.OnlyAnnounced+p.Young+p.Expired != 0 {
			t.Errorf("%s: %+v, want missing %q", p.Type, p, gone[p.Type])
		}
		records += p.Records.Records()
		for _, c := range p.MissingContents {
			if i := slices.IndexFunc(contents, func(is collect.Content) bool { return is.ID == c.ID }); contents[i] != c {
				t.Errorf("got %+v, want %+v", c, contents[i])
			}
		}
	}
	if records != 590*3 {
		t.Errorf("%d records", records)
	}
	fresh, err := h.prover().Repair(t.Context(), proof)
	if err != nil || fresh != 10 {
		t.Errorf("repaired %d, %v", fresh, err)
	}
	for _, c := range missing {
		if !h.recorded(c) {
			t.Errorf("%s is not recorded", c)
		}
	}
	if proof := h.prove(since, h.clock()); !proof.Clean() || proof.Types[0].Pending+proof.Types[1].Pending != 10 {
		t.Errorf("proof after the repair: %+v", proof)
	}
}

func TestRepairSaysWhatItCannot(t *testing.T) {
	h, contents := full(t)
	h.forget(contents[100])
	proof := h.prove(noon.Add(-7*day), noon)
	h.store.breaks("content", lost)
	if _, err := h.prover().Repair(t.Context(), proof); !errors.Is(err, errStore) {
		t.Errorf("got %v", err)
	}
}

func TestProveCounts(t *testing.T) {
	h := build(t, general)
	h.Lookback = day
	at := func(n int) time.Duration { return time.Duration(n) * time.Hour }
	delivered, pending, dead, expired := h.publish(general, at(1)), h.publish(general, at(2)), h.publish(general, at(3)), h.publish(general, at(4))
	moved, lapsed := h.publish(general, at(5)), h.publish(general, at(6))
	outside := h.publish(general, at(20))
	if _, err := h.ledger.Announce(t.Context(), []collect.Content{{Tenant: tenant, Type: general, ID: "heard", URI: "https://source.example/heard", Created: noon.Add(-at(1))}}); err != nil {
		t.Fatal(err)
	}
	h.run()
	for c, state := range map[collect.Content]collect.State{delivered: collect.Done, dead: collect.Dead, expired: collect.Gone, lapsed: collect.Gone} {
		h.becomes(c, state)
	}
	for _, c := range []collect.Content{moved, lapsed, outside} {
		h.drop(c)
	}
	missing, young := h.publish(general, 6*time.Minute), h.publish(general, 4*time.Minute)
	proof := h.prove(noon.Add(-at(10)), noon)
	got := proof.Types[0]
	want := pull.TypeProof{
		Type: general, Offered: 6, Delivered: 1, Pending: 1, Dead: 1, Expired: 1, Missing: 1, Young: 1,
		OnlyAnnounced: 1, Unlisted: 2, Lost: 1,
	}
	if !slices.Equal(ids(got.MissingContents), []string{missing.ID}) {
		t.Errorf("missing %q; young is %s", ids(got.MissingContents), young.ID)
	}
	got.MissingContents, got.Records = nil, collect.Tally{}
	if fmt.Sprint(got) != fmt.Sprint(want) || proof.Clean() || pending.ID == "" {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAProofIsCleanOnlyIfNothingIsLost(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(h *house, c collect.Content)
		clean bool
	}{
		{"all is well", func(*house, collect.Content) {}, true},
		{"pending", func(h *house, c collect.Content) { h.becomes(c, collect.Pending) }, true},
		{"missing", func(h *house, c collect.Content) { h.forget(c) }, false},
		{"expired", func(h *house, c collect.Content) { h.becomes(c, collect.Gone) }, false},
		{"expired and not offered any more", func(h *house, c collect.Content) { h.becomes(c, collect.Gone); h.drop(c) }, false},
		{"moved", func(h *house, c collect.Content) { h.drop(c) }, true},
		{"a gap", func(h *house, _ collect.Content) { h.gap(noon.Add(-30*time.Hour), noon.Add(-23*time.Hour)) }, false},
		{"a gap before", func(h *house, _ collect.Content) { h.gap(noon.Add(-30*time.Hour), noon.Add(-24*time.Hour)) }, true},
		{"a window unlisted", func(h *house, _ collect.Content) {
			h.failing(func(_ string, from time.Time) error {
				if from.Equal(noon.Truncate(time.Hour)) {
					return errDown
				}
				return nil
			})
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := build(t, general)
			h.Lookback = day
			c := h.publish(general, 10*time.Hour)
			h.run()
			h.becomes(c, collect.Done)
			test.spoil(h, c)
			if proof := h.prove(noon.Add(-day), noon); proof.Clean() != test.clean {
				t.Errorf("clean is %t: %+v", proof.Clean(), proof)
			}
		})
	}
}

func (h *house) gap(from, to time.Time) {
	h.t.Helper()
	if err := collect.NoteGap(h.t.Context(), h.store, collect.Gap{Tenant: tenant, Type: general, From: from, To: to, Why: "test"}); err != nil {
		h.t.Fatal(err)
	}
}

func TestProveSaysWhatItCannotKnow(t *testing.T) {
	h := build(t, "Audit.Exchange", general)
	h.slow = time.Second
	h.Lookback = 7 * day
	lost := h.publish(general, 50*time.Hour)
	h.run()
	h.becomes(lost, collect.Done)
	h.failing(func(contentType string, from time.Time) error {
		if contentType == general && !from.Before(noon.Add(-51*time.Hour)) {
			return errDown
		}
		return nil
	})
	now := h.clock()
	proof := h.prove(now.Add(-30*day), now.Add(day))
	if !proof.Since.Equal(now.Add(-30*day)) || !proof.Listed.Equal(now.Add(-reach)) || !proof.Until.Equal(now) {
		t.Errorf("proved from %s, listed from %s, until %s", proof.Since, proof.Listed, proof.Until)
	}
	text := strings.Join(proof.Unprovable, "\n")
	for _, want := range []string{
		"Nothing before " + now.Add(-reach).Format(time.RFC3339), "Nothing from " + now.Format(time.RFC3339),
		"Audit.General from 2026-10-30T10:00:00Z", "internal error", "another id", "subscription was disabled",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	// The third failure ends the type; what was not compared is not called unlisted.
	if last := proof.Unlistable[len(proof.Unlistable)-1]; len(proof.Unlistable) != 3 || !last.To.Equal(now) || proof.Types[1].Unlisted != 0 {
		t.Errorf("unlistable %+v, %+v", proof.Unlistable, proof.Types[1])
	}
	if _, err := h.prover().Run(t.Context(), now.Add(-30*day), now.Add(-20*day)); err == nil {
		t.Error("a month ago was proved")
	}
}

func TestProveTriesAgain(t *testing.T) {
	h := build(t, general)
	c := h.publish(general, time.Minute)
	tries := 0
	h.failing(func(string, time.Time) error {
		if tries++; tries < 3 {
			return errDown
		}
		return nil
	})
	p := h.prover()
	p.Retry = collect.Retry{Attempts: 3}
	proof, err := p.Run(t.Context(), noon.Truncate(time.Hour), noon)
	if err != nil || len(proof.Unlistable) != 0 || proof.Types[0].Offered != 1 {
		t.Errorf("%+v, %v; want %s", proof, err, c)
	}
}

func TestProveIsTakenUpAgain(t *testing.T) {
	h, contents := full(t)
	h.forget(contents[5])
	h.forget(contents[590])
	since := noon.Add(-reach)
	whole := h.prove(since, noon)
	p := h.prover()
	ctx, stop := context.WithCancel(t.Context())
	p.Progress = func(done, total int, what string) {
		if total != 2*169 || !strings.Contains(what, "Audit.") {
			t.Errorf("%d of %d: %s", done, total, what)
		}
		if done == 100 {
			stop()
		}
	}
	first, err := p.Run(ctx, since, noon)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if !first.Since.Equal(since) || !first.Until.Equal(since.Truncate(time.Hour).Add(50*time.Hour)) {
		t.Errorf("proved from %s until %s", first.Since, first.Until)
	}
	second := h.prove(first.Until, noon)
	for i, all := range whole.Types {
		a, b := first.Types[i], second.Types[i]
		if a.Offered+b.Offered != all.Offered || a.Missing+b.Missing != all.Missing || a.Delivered+b.Delivered != all.Delivered || a.Unlisted+b.Unlisted != 0 {
			t.Errorf("%s: %+v and %+v, want together %+v", all.Type, a, b, all)
		}
	}
	if whole.Types[0].Missing+whole.Types[1].Missing != 1 { // the other one is beyond reach
		t.Logf("whole: %+v", whole.Types)
	}
}

func TestProveFailsWithoutALedger(t *testing.T) {
	h, _ := full(t)
	if err := h.store.Close(); err != nil {
		t.Fatal(err)
	}
	proof, err := h.prover().Run(t.Context(), noon.Add(-day), noon)
	if err == nil || proof.Until.After(proof.Since) || proof.Types != nil {
		t.Errorf("%+v, %v", proof, err)
	}
}
