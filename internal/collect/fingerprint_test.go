package collect_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"azcollector/internal/collect"
)

var fingerprintRow = collect.Key{Kind: "tenant", Partition: "fingerprints", Row: "key"}

// Records are recognised by who never met them, so the key of their fingerprints is the
// state's, whoever makes it.
func TestFingerprintsAreTheSameForAll(t *testing.T) {
	s, raws := open(t), recs("r", 5)
	to := []*sink{{t: t}, {t: t}, {t: t}}
	var all sync.WaitGroup
	for i := range to { // at once, over a state without a key
		all.Go(func() {
			if tally, err := delivery(to[i], s).Deliver(t.Context(), parcel("1"), read(rec(string(rune('a'+i)), 10, ""))); err != nil || tally.Delivered != 1 {
				t.Errorf("%+v, %v", tally, err)
			}
		})
	}
	all.Wait()
	for i, want := range []int64{0, 5, 5} {
		tally, err := delivery(to[i], s).Deliver(t.Context(), parcel("2"), read(raws...))
		if err != nil || int64(tally.Duplicate) != want || tally.Revised != 0 {
			t.Errorf("process %d: %+v, %v; want %d duplicates", i, tally, err, want)
		}
	}
	changed := strings.Replace(raws[2], `"More":""`, `"More":" "`, 1)
	if tally, err := delivery(to[0], s).Deliver(t.Context(), parcel("3"), read(changed)); err != nil || tally.Revised != 1 {
		t.Errorf("of other bytes: %+v, %v", tally, err)
	}
}

// Without the key nothing is sent: it would be sent once more. It comes back by itself.
func TestFingerprintsWithoutAKey(t *testing.T) {
	for f, name := range map[fate]string{lost: "not kept", unheard: "kept, but nobody said so"} {
		t.Run(name, func(t *testing.T) {
			s, to, raws := open(t), &sink{t: t}, recs("r", 3)
			s.fate = nth("tenant", 1, f)
			d := delivery(to, s)
			if _, err := d.Deliver(t.Context(), parcel("1"), read(raws...)); !errors.Is(err, errStore) || to.sends != 0 {
				t.Fatalf("%v, %d posts", err, to.sends)
			}
			if _, err := d.Deliver(t.Context(), parcel("1"), read(raws...)); err != nil {
				t.Fatal(err)
			}
			if tally, err := delivery(to, s).Deliver(t.Context(), parcel("2"), read(raws...)); err != nil || tally.Duplicate != 3 {
				t.Errorf("%+v, %v", tally, err)
			}
			same(t, to.got(), raws...)
		})
	}
}

// Who spoils the key has records delivered twice, never none.
func TestFingerprintsOfASpoiltKey(t *testing.T) {
	for name, key := range map[string]any{"short": []byte("short"), "no bytes": "text", "none": nil} {
		t.Run(name, func(t *testing.T) {
			s, to, raws := open(t), &sink{t: t}, recs("r", 3)
			if _, err := delivery(to, s).Deliver(t.Context(), parcel("1"), read(raws...)); err != nil {
				t.Fatal(err)
			}
			fields := collect.Fields{"Other": true}
			if key != nil {
				fields["Key"] = key
			}
			if err := collect.Put(t.Context(), s, collect.Row{Key: fingerprintRow, Fields: fields}); err != nil {
				t.Fatal(err)
			}
			for again, want := range []collect.Tally{{Delivered: 3, Revised: 3}, {Duplicate: 3}} {
				tally, err := delivery(to, s).Deliver(t.Context(), parcel("2"), read(raws...))
				if err != nil || tally.Delivered != want.Delivered || tally.Revised != want.Revised || tally.Duplicate != want.Duplicate {
					t.Errorf("delivery %d: %+v, %v; want %+v", again, tally, err, want)
				}
			}
		})
	}
}
