package microsoft_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"

	"github.com/google/go-cmp/cmp"
)

func offer(uri, id string) string {
	return fmt.Sprintf(`{"contentType":"Audit.General","contentId":%q,"contentUri":%q,"contentCreated":"2026-11-20T00:17:35.123Z","contentExpiration":"2026-11-27T00:17:35.123Z"}`, id, uri)
}

func ids(t *testing.T, feed *microsoft.Feed, from, to time.Time) (got []string, err error) {
	t.Helper()
	for c, e := range feed.Contents(t.Context(), tenant, "Audit.General", from, to) {
		if e != nil {
			err = e
			continue
		}
		got = append(got, c.ID)
	}
	return got, err
}

func TestContentsOfOnePage(t *testing.T) {
	w := newWorld(t, nil)
	w.feed = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.URL.Path != "/api/v1.0/"+tenant+"/activity/feed/subscriptions/content" || q.Get("contentType") != "Audit.General" ||
			q.Get("startTime") != "2026-11-20T00:00:00" || q.Get("endTime") != "2026-11-20T00:20:31" {
			t.Errorf("asked %s", r.URL)
		}
		write(rw, "["+offer(w.contentURI("a$b"), "a$b")+"]")
	})
	created := time.Date(2026, 11, 20, 0, 17, 35, 123e6, time.UTC)
	want := collect.Content{Tenant: tenant, Type: "Audit.General", ID: "a$b", URI: w.contentURI("a$b"), Created: created, Expires: created.AddDate(0, 0, 7), Listed: true}
	count := 0
	east := time.FixedZone("east", 3600)
	for got, err := range w.open().Contents(t.Context(), strings.ToUpper(tenant), "Audit.General", midnight.Add(time.Millisecond).In(east), midnight.Add(20*time.Minute+30*time.Second+1).In(east)) {
		count++
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
	if count != 1 {
		t.Errorf("%d contents", count)
	}
}

func TestContentsFollowsPages(t *testing.T) {
	w := newWorld(t, nil)
	pages := 0
	w.feed = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if want := []string{"", "2026$1$na0022", "2026$2$na0022"}[pages]; q.Get("nextpage") != want {
			t.Errorf("page %d asked with nextpage %q, want %q", pages, q.Get("nextpage"), want)
		}
		if pages++; pages < 3 { // as seen on the wire: lower-case keys, no PublisherIdentifier, v1 as in the documentation
			rw.Header().Set("NextPageUri", fmt.Sprintf("%s/api/v1%s/%s/activity/feed/subscriptions/content?contenttype=Audit.General&starttime=x&nextpage=2026$%d$na0022",
				w.api.URL, []string{".0", ""}[pages-1], tenant, pages))
		}
		id := fmt.Sprint("content-", pages)
		write(rw, "["+offer(w.contentURI(id), id)+"]")
	})
	got, err := ids(t, w.open(), midnight, midnight.Add(time.Hour))
	if diff := cmp.Diff([]string{"content-1", "content-2", "content-3"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestContentsRefusesStrangePages(t *testing.T) {
	foreign := canary(t)
	feedPath := "/api/v1.0/" + tenant + "/activity/feed/subscriptions/"
	cases := map[string]struct {
		next    func(own string) string
		verdict collect.Verdict
		pages   int
	}{
		"other host":      {func(string) string { return foreign.URL + feedPath + "content?nextpage=1" }, collect.JudgesUs, 1},
		"other scheme":    {func(own string) string { return strings.Replace(own, "https:", "http:", 1) + feedPath + "content" }, collect.JudgesUs, 1},
		"other port":      {func(string) string { return "https://127.0.0.1:1" + feedPath + "content" }, collect.JudgesUs, 1},
		"user info":       {func(own string) string { return strings.Replace(own, "//", "//a:b@", 1) + feedPath + "content" }, collect.JudgesUs, 1},
		"other tenant":    {func(own string) string { return own + strings.Replace(feedPath, tenant, stranger, 1) + "content" }, collect.JudgesUs, 1},
		"other operation": {func(own string) string { return own + feedPath + "notifications" }, collect.JudgesUs, 1},
		"deeper":          {func(own string) string { return own + feedPath + "content/x" }, collect.JudgesUs, 1},
		"no URL":          {func(string) string { return "https://[" }, collect.JudgesUs, 1},
		"a circle":        {func(own string) string { return own + feedPath + "content?nextpage=1" }, collect.Broken, 2},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.feed = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("NextPageUri", c.next(w.api.URL))
				write(rw, "["+offer(w.contentURI("x"), "x")+"]")
			})
			got, err := ids(t, w.open(), midnight, midnight.Add(time.Hour))
			wantFault(t, err, c.verdict, "")
			if len(got) != c.pages || len(w.asked) != c.pages {
				t.Errorf("%d contents in %d requests, want %d: what came before the error is true", len(got), len(w.asked), c.pages)
			}
		})
	}
}

func TestContentsRefusesWhatItCannotKeep(t *testing.T) {
	for name, body := range map[string]string{
		"no list":       `{"contentId":"x"}`,
		"null":          `null`,
		"cut short":     `[{"contentId":"x"`,
		"null element":  `[null]`,
		"no id":         "[" + offer("u", "") + "]",
		"no address":    "[" + offer("", "x") + "]",
		"no dates":      `[{"contentId":"x","contentUri":"u"}]`,
		"creation date": strings.Replace("["+offer("u", "x")+"]", "2026-11-20T00", "2026-13-20T00", 1),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) { write(rw, body) })
			_, err := ids(t, w.open(), midnight, midnight.Add(time.Hour))
			wantFault(t, err, collect.Broken, "")
		})
	}
}

// What lies behind an element that cannot be read is offered, on this page and the
// next; the error comes last.
func TestContentsHidesNothingBehindABadElement(t *testing.T) {
	for name, bad := range map[string]string{
		"null":            `null`,
		"no object":       `17`,
		"an id of a kind": `{"contentId":17}`,
		"no id":           offer("u", ""),
		"creation date":   strings.Replace(offer("u", "bad"), "2026-11-20T00", "2026-13-20T00", 1),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			pages := 0
			w.feed = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if pages++; pages == 2 {
					write(rw, "["+offer(w.contentURI("c"), "c")+"]")
					return
				}
				rw.Header().Set("NextPageUri", w.api.URL+"/api/v1.0/"+tenant+"/activity/feed/subscriptions/content?nextpage=2")
				write(rw, "["+offer(w.contentURI("a"), "a")+","+bad+","+offer(w.contentURI("b"), "b")+"]")
			})
			var got []string
			var failed error
			for c, err := range w.open().Contents(t.Context(), tenant, "Audit.General", midnight, midnight.Add(time.Hour)) {
				if failed != nil {
					t.Errorf("%s came after the error", c)
				}
				if failed = err; err == nil {
					got = append(got, c.ID)
				}
			}
			if diff := cmp.Diff([]string{"a", "b", "c"}, got); diff != "" {
				t.Error(diff)
			}
			wantFault(t, failed, collect.Broken, "")
		})
	}
}

func TestContentsRefusesWindowsThatTheAPIWouldAnswerInPart(t *testing.T) {
	w := newWorld(t, nil)
	for name, to := range map[string]time.Time{"empty": midnight, "backwards": midnight.Add(-time.Hour), "over a day": midnight.Add(24*time.Hour + time.Second)} {
		_, err := ids(t, w.open(), midnight, to)
		if wantFault(t, err, collect.JudgesUs, ""); len(w.asked) > 0 {
			t.Errorf("%s: the API was asked", name)
		}
	}
}

func TestNotifications(t *testing.T) {
	w := newWorld(t, nil)
	w.feed = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/subscriptions/notifications") {
			t.Errorf("asked %s", r.URL)
		}
		write(rw, "["+strings.Replace(offer(w.contentURI("x"), "x"), "{", `{"notificationSent":"2026-11-20T00:18:00","notificationStatus":"Succeeded",`, 1)+"]")
	})
	for n, err := range w.open().Notifications(t.Context(), tenant, "Audit.General", midnight, midnight.Add(time.Hour)) {
		if err != nil || n.ID != "x" || n.Status != "Succeeded" || !n.Sent.Equal(midnight.Add(18*time.Minute)) || n.Listed {
			t.Errorf("notification %+v, %v", n, err)
		}
	}
	if len(w.asked) != 1 {
		t.Errorf("%d requests", len(w.asked))
	}
}

func TestNotificationFailed(t *testing.T) {
	for status, want := range map[string]bool{
		"Failed": true, "failed": true, "FAILURE": true, "fail": true,
		"Succeeded": false, "success": false, "": false, "fai": false, "not failed": false,
	} {
		if got := (microsoft.Notification{Status: status}).Failed(); got != want {
			t.Errorf("%q: %v", status, got)
		}
	}
}
