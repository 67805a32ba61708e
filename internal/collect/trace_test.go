package collect_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"azcollector/internal/collect"
)

// sightings are what is found of a record's Id.
func sightings(t *testing.T, s collect.Store, id string) (found []collect.Sighting) {
	t.Helper()
	for sighting, err := range collect.FindRecord(t.Context(), s, tenant, id, func(string) {}) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, sighting)
	}
	return found
}

// silent lets identities be delivered, and none be stored until it is lifted.
func silent(s *store) (lift func()) {
	s.fate = func(w write) fate {
		if w.kind == "recordids" {
			return lost
		}
		return works
	}
	return func() { s.fate = nil }
}

// Contents of one hour share its rows, and one goes over the boundaries of several:
// each record is found with the content it came with.
func TestEveryRecordIsFoundWithItsContent(t *testing.T) {
	s, to := open(t), &sink{t: t}
	d := delivery(to, s)
	lift := silent(s)
	owner := map[string]collect.Content{}
	var ids []string
	for i, size := range []int{1, 1700, 799, 1, 2500, 6001, 3, 700} {
		if i == 6 { // five contents are stored at once, those behind one by one
			lift()
		}
		c := parcel(fmt.Sprint(i))
		prefix := fmt.Sprintf("c%d-", i)
		_, err := d.Deliver(t.Context(), c, read(recs(prefix, size)...))
		if (err != nil) != (i < 6) {
			t.Fatal(err)
		}
		for n := range size {
			owner[fmt.Sprint(prefix, n)] = c
			if n == 0 || n == size-1 || n%997 == 0 {
				ids = append(ids, fmt.Sprint(prefix, n))
			}
		}
		ids = append(ids, fmt.Sprint(prefix, rand.IntN(size)))
	}
	if n := identities(t, s); n != len(owner) {
		t.Fatalf("%d identities of %d", n, len(owner))
	}
	for _, id := range ids {
		found := sightings(t, s, id)
		if len(found) != 1 || !found[0].Known || found[0].Content != owner[id].Key() || found[0].Span != spanPartition || found[0].At.IsZero() {
			t.Errorf("%s: %+v, want content %s", id, found, owner[id])
		}
	}
	if found := sightings(t, s, "c9-0"); len(found) != 0 {
		t.Errorf("what was never delivered is found: %+v", found)
	}
}

// A row has room for so many contents: of those beyond it is not known whose the
// records are, and never told wrongly.
func TestMoreContentsThanARowNames(t *testing.T) {
	s := open(t)
	d := delivery(&sink{t: t}, s)
	lift := silent(s)
	name := func(i int) string { return fmt.Sprintf("%s-%d", strings.Repeat("long", 80), i) }
	const contents = 400
	for i := range contents {
		if i == contents-1 {
			lift()
		}
		if _, err := d.Deliver(t.Context(), parcel(name(i)), read(rec(fmt.Sprint("r", i), 10, ""))); err != nil && !errors.Is(err, errStore) {
			t.Fatal(err)
		}
	}
	known := 0
	for i := range contents {
		found := sightings(t, s, fmt.Sprint("r", i))
		if len(found) != 1 {
			t.Fatalf("record %d: %+v", i, found)
		}
		if !found[0].Known {
			continue
		}
		if known++; found[0].Content != parcel(name(i)).Key() {
			t.Errorf("record %d is said to come with %s", i, found[0].Content.Row)
		}
	}
	if known < 50 || known == contents {
		t.Errorf("of %d contents %d are known", contents, known)
	}
	// The next row names its own again.
	if _, err := d.Deliver(t.Context(), parcel("next"), read(rec("next", 10, ""))); err != nil {
		t.Fatal(err)
	}
	if found := sightings(t, s, "next"); len(found) != 1 || found[0].Content != parcel("next").Key() {
		t.Errorf("%+v", found)
	}
}

// What a killed attempt delivered is found, and so is what the next one did.
func TestRecordsOfAKilledAttemptAreFound(t *testing.T) {
	for _, how := range []fate{dies, dying} {
		t.Run(how.String(), func(t *testing.T) {
			s, to := open(t), &sink{t: t, full: 2}
			s.fate = nth("recordids", 2, how)
			if _, err := delivery(to, s).Deliver(t.Context(), parcel("1"), read(recs("r", 6)...)); !errors.Is(err, errStore) {
				t.Fatal(err)
			}
			next := &store{Store: s.Store}
			if _, err := delivery(to, next).Deliver(t.Context(), parcel("2"), read(recs("r", 6)...)); err != nil {
				t.Fatal(err)
			}
			first := map[fate]int{dies: 2, dying: 4}[how] // stored before
			for i := range 6 {
				want := parcel("1").Key()
				if i >= first {
					want = parcel("2").Key()
				}
				if found := sightings(t, next, fmt.Sprint("r", i)); len(found) != 1 || found[0].Content != want {
					t.Errorf("record %d: %+v", i, found)
				}
			}
		})
	}
}

// The latest spans come first; whoever found enough stops there.
func TestFindRecordInAllSpans(t *testing.T) {
	s, guid := open(t), "AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee"
	d := delivery(&sink{t: t}, s)
	undated := fmt.Sprintf(`{"Id":%q}`, guid)
	for i, raw := range []string{rec(guid, 8, ""), rec(guid, 11, ""), undated, rec("other", 12, "")} {
		if _, err := d.Deliver(t.Context(), parcel(fmt.Sprint(i)), read(raw)); err != nil {
			t.Fatal(err)
		}
	}
	var spans []string
	for range collect.FindRecord(t.Context(), s, tenant, strings.ToLower(guid), func(span string) { spans = append(spans, span) }) {
		if len(spans) > 1 {
			break
		}
	}
	want := []string{tenant + "|undated", tenant + "|2026110112", tenant + "|2026110109"}
	if !slices.Equal(spans, want) {
		t.Errorf("looked into %v, want %v", spans, want)
	}
	if found := sightings(t, s, guid); len(found) != 3 {
		t.Errorf("found %+v", found)
	}
	for _, err := range collect.FindRecord(t.Context(), s, tenant[:8], guid, func(string) {}) {
		t.Errorf("another tenant's is found, %v", err)
	}
	s.dead = true
	failed := false
	for _, err := range collect.FindRecord(t.Context(), s, tenant, guid, func(string) {}) {
		failed = errors.Is(err, errStore)
	}
	if !failed {
		t.Error("a store that is down finds nothing, and says nothing")
	}
}

// What others write into the rows costs at most the knowledge whose a record is.
func TestTamperedOrigins(t *testing.T) {
	for _, origins := range []any{
		"text", int64(1), []byte{}, []byte("1\n"), []byte("x y z w\n"), []byte("-5 0 p r\n"), []byte("0 0 p r\n"),
		[]byte(strings.Repeat("9", 5000) + " 0 p r\n"), []byte(strings.Repeat("0 0 p r\n", 8000)), []byte(strings.Repeat("x", 65536)),
	} {
		t.Run(fmt.Sprintf("%.20q", origins), func(t *testing.T) {
			s := open(t)
			if _, err := delivery(&sink{t: t}, s).Deliver(t.Context(), parcel("1"), read(recs("r", 3)...)); err != nil {
				t.Fatal(err)
			}
			s.tamper(t, collect.Key{Kind: "recordids", Partition: spanPartition, Row: "0000000000"}, collect.Fields{"Origins": origins})
			if found := sightings(t, s, "r2"); len(found) != 1 || found[0].Known {
				t.Errorf("found %+v", found)
			}
		})
	}
}

// A content is found by its id alone, on whichever day, in whichever of the types.
func TestFindContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		l := ledger(s, "first", true)
		young, old, other := fresh("x"), fresh("x"), fresh("x")
		old.Created = old.Created.AddDate(0, 0, -9)
		other.Type = "Audit.Exchange"
		announce(t, l, young, old, other, fresh("y"))
		found, err := l.Find(t.Context(), tenant, "x", []string{"Audit.General", "Audit.Exchange"})
		if err != nil || len(found) != 3 || found[0].Key() != young.Key() || found[1].Key() != other.Key() || found[2].Key() != old.Key() {
			t.Errorf("%v, %v", found, err)
		}
		if found, err := l.Find(t.Context(), tenant, "z", []string{"Audit.General"}); len(found) != 0 || err != nil {
			t.Errorf("%v, %v", found, err)
		}
		if c, err := l.Content(t.Context(), old.Key()); err != nil || c.ID != "x" || !c.Created.Equal(old.Created) {
			t.Errorf("%v, %v", c, err)
		}
		if _, err := l.Content(t.Context(), fresh("z").Key()); !errors.Is(err, collect.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
}
