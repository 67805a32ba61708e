package sim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"azcollector/internal/sim"

	"github.com/google/go-cmp/cmp"
)

const exchange = "Audit.Exchange"

func plain(id string) []byte {
	return []byte(`{"Id":"` + id + `","CreationTime":"2026-01-02T03:04:05"}`)
}

type row struct {
	ContentID  string `json:"contentId"`
	ContentURI string `json:"contentUri"`
	Status     string `json:"notificationStatus"`
}

func window(from, to time.Time) url.Values {
	const layout = "2006-01-02T15:04:05"
	return url.Values{"contentType": {exchange}, "startTime": {from.UTC().Format(layout)}, "endTime": {to.UTC().Format(layout)}}
}

// pages reads a list to its last page.
func (v *visitor) pages(operation string, q url.Values) (rows []row, pages int) {
	v.Helper()
	r := v.feed("GET", operation, q, "")
	for {
		status, header, body, err := v.try(r)
		var page []row
		if err != nil || status != http.StatusOK || json.Unmarshal(body, &page) != nil {
			v.Fatalf("page %d: %d %s %v", pages+1, status, body, err)
		}
		rows, pages = append(rows, page...), pages+1
		next := header.Get("NextPageUri")
		if next == "" {
			return rows, pages
		}
		if strings.Contains(next, "PublisherIdentifier") || !strings.Contains(next, "&starttime=") {
			v.Errorf("next page %s, want lower-case keys and no PublisherIdentifier", next)
		}
		r = v.feed("GET", next, nil, "")
	}
}

func TestListPagesThroughEverythingOnce(t *testing.T) {
	v := visit(t, sim.Options{PageSize: 2})
	v.w.EditSubscription(exchange, func(*sim.Subscription) {})
	var want, got []string
	for i := range 5 {
		want = append(want, v.w.Publish(exchange, [][]byte{plain(fmt.Sprint(i))}).Listed...)
	}
	v.w.Publish("Audit.General", [][]byte{plain("of another type")})
	v.w.Offer(sim.Offer{ContentType: exchange, Records: [][]byte{plain("pushed only")}, Unlisted: true})
	v.w.Offer(sim.Offer{ContentType: exchange, Records: [][]byte{plain("too old")}, Created: time.Now().Add(-3 * time.Hour)})
	hour := time.Now().Truncate(time.Hour)
	rows, pages := v.pages("subscriptions/content", window(hour.Add(-time.Hour), hour.Add(2*time.Hour)))
	for _, r := range rows {
		got = append(got, r.ContentID)
	}
	if !cmp.Equal(got, want) || pages != 3 {
		t.Errorf("got %q on %d pages, want %q on 3", got, pages, want)
	}
	v.w.RequireClean(t)
}

func TestRefusals(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	set := func(q url.Values, name, value string) url.Values { q.Set(name, value); return q }
	last := func() url.Values { return window(now.Add(-time.Hour), now) }
	for name, c := range map[string]struct {
		operation string
		q         url.Values
		status    int
		code      string
	}{
		"over 24 h":            {"subscriptions/content", window(now.Add(-25*time.Hour), now), 400, "AF20055"},
		"over 7 d ago":         {"subscriptions/content", window(now.Add(-169*time.Hour), now.Add(-160*time.Hour)), 400, "AF20055"},
		"backwards":            {"subscriptions/content", window(now, now.Add(-time.Hour)), 400, "AF20055"},
		"only a start":         {"subscriptions/content", set(last(), "endTime", ""), 400, "AF20030"},
		"an unescaped offset":  {"subscriptions/content", set(last(), "endTime", "2026-03-10T12:00:00 00:00"), 400, "AF20002"},
		"a strange page":       {"subscriptions/content", set(last(), "nextpage", "x"), 400, "AF20031"},
		"no such type":         {"subscriptions/content", set(last(), "contentType", "Audit.Nothing"), 400, "AF20020"},
		"no type":              {"subscriptions/content", nil, 400, "AF20001"},
		"no subscription":      {"subscriptions/content", set(last(), "contentType", "Audit.General"), 400, "AF20022"},
		"disabled":             {"subscriptions/notifications", set(last(), "contentType", "Audit.SharePoint"), 400, "AF20023"},
		"no such content":      {"audit/2026$1$x", nil, 404, "AF20050"},
		"no content id at all": {"audit/a%20b", nil, 400, "AF20052"},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, sim.Options{Now: func() time.Time { return now }})
			v.w.EditSubscription(exchange, func(*sim.Subscription) {})
			v.w.EditSubscription("Audit.SharePoint", func(s *sim.Subscription) { s.Status = "disabled" })
			v.refused(v.feed("GET", c.operation, c.q, ""), c.status, c.code)
			v.w.RequireClean(t)
		})
	}
}

func TestContentHasTwoIDsAndOneBody(t *testing.T) {
	v := visit(t, sim.Options{})
	v.w.EditSubscription(exchange, func(*sim.Subscription) {})
	p := v.w.Publish(exchange, [][]byte{plain("1"), plain("2")})
	_, listed := v.ask(v.feed("GET", "audit/"+p.Listed[0], nil, ""))
	_, pushed := v.ask(v.feed("GET", "audit/"+url.PathEscape(p.Pushed), nil, ""))
	if p.Listed[0] == p.Pushed || string(listed) != string(pushed) || !json.Valid(listed) {
		t.Errorf("%q and %q: %s and %s, want two ids and one array", p.Listed, p.Pushed, listed, pushed)
	}
	v.w.Forget(p.Pushed)
	v.refused(v.feed("GET", "audit/"+p.Pushed, nil, ""), 404, "AF20050")
	v.w.Recall(p.Pushed)
	v.refused(v.feed("GET", "audit/"+p.Pushed, nil, ""), 200, `"2"`)
	v.w.Expire(p.Pushed)
	v.refused(v.feed("GET", "audit/"+p.Pushed, nil, ""), 400, "AF20051")
}

func TestSplitContentIsListedInTwo(t *testing.T) {
	v := visit(t, sim.Options{})
	v.w.EditSubscription(exchange, func(*sim.Subscription) {})
	records := [][]byte{plain("1"), plain("2"), plain("3")}
	p := v.w.Offer(sim.Offer{ContentType: exchange, Records: records, Split: true})
	var got [][]byte
	for _, id := range p.Listed {
		_, body := v.ask(v.feed("GET", "audit/"+id, nil, ""))
		var part []json.RawMessage
		if err := json.Unmarshal(body, &part); err != nil {
			t.Fatal(err)
		}
		for _, r := range part {
			got = append(got, r)
		}
	}
	if len(p.Listed) != 2 || !cmp.Equal(got, records) {
		t.Errorf("%d contents with %q, want two with %q", len(p.Listed), got, records)
	}
	if r := v.w.Book.Report(); r.Published != 3 || r.Announced != 1 {
		t.Errorf("report %+v, want three records of one publication", r)
	}
}

func TestRawBodyAndForeignURIAreToldAsTheyAre(t *testing.T) {
	v := visit(t, sim.Options{})
	v.w.EditSubscription(exchange, func(*sim.Subscription) {})
	raw := v.w.PublishRaw(exchange, []byte(`[{"Id":"1"`), plain("1"))
	v.refused(v.feed("GET", "audit/"+raw.Pushed, nil, ""), 200, `[{"Id":"1"`)
	foreign := v.w.URL(sim.Canary) + "/audit/x"
	v.w.Offer(sim.Offer{ContentType: exchange, Records: [][]byte{plain("2")}, URI: foreign})
	rows, _ := v.pages("subscriptions/content", window(time.Now().Add(-time.Hour), time.Now().Add(time.Hour)))
	if !slices.ContainsFunc(rows, func(r row) bool { return r.ContentURI == foreign }) {
		t.Errorf("rows %+v, want one at %s", rows, foreign)
	}
}

func TestGzipOnlyWhenAsked(t *testing.T) {
	v := visit(t, sim.Options{})
	v.w.EditSubscription(exchange, func(*sim.Subscription) {})
	p := v.w.Publish(exchange, [][]byte{plain("1")})
	for asked, want := range map[string]string{"gzip": "gzip", "identity": ""} {
		r := v.feed("GET", "audit/"+p.Pushed, nil, "")
		r.Header.Set("Accept-Encoding", asked)
		_, header, _, err := v.try(r)
		if got := header.Get("Content-Encoding"); err != nil || got != want {
			t.Errorf("asked for %s, got %q (%v)", asked, got, err)
		}
	}
}

func TestServerClockIsAhead(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	v := visit(t, sim.Options{Now: func() time.Time { return now }, Skew: 7 * time.Minute})
	_, header, _, err := v.try(v.feed("GET", "subscriptions/list", nil, ""))
	if got := header.Get("Date"); err != nil || got != "Tue, 10 Mar 2026 12:07:00 GMT" {
		t.Errorf("Date %q (%v), want seven minutes ahead", got, err)
	}
}
