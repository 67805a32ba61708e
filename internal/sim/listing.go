package sim

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// stamp is how contentCreated and contentExpiration are written, unlike CreationTime with a Z.
const stamp = "2006-01-02T15:04:05.000Z"

// The rules of a time range ([REF] "List available content").
const (
	widestRange = 24 * time.Hour
	furthest    = 7 * 24 * time.Hour
)

// listed is one element of a content list, of a notification list (with the
// last two members) and, with the first two, of a notification.
type listed struct {
	TenantID           string `json:"tenantId,omitempty"`
	ClientID           string `json:"clientId,omitempty"`
	ContentType        string `json:"contentType"`
	ContentID          string `json:"contentId"`
	ContentURI         string `json:"contentUri"`
	ContentCreated     string `json:"contentCreated"`
	ContentExpiration  string `json:"contentExpiration"`
	NotificationSent   string `json:"notificationSent,omitempty"`
	NotificationStatus string `json:"notificationStatus,omitempty"`
}

type notified struct {
	at      time.Time
	content *content
	status  string
}

// content answers a content list. Its order is that of becoming available, not
// of contentCreated.
func (f *feed) content(w http.ResponseWriter, _ *http.Request, q url.Values) {
	kind, from, to, ok := f.window(w, q)
	if !ok {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls.Lists++
	if q.Has("nextpage") {
		f.calls.Pages++
	}
	offered := f.contents[kind]
	f.page(w, "content", kind, from, to, q, len(offered), func(i int) (listed, bool) {
		c := offered[i]
		if c.created.Before(from) || !c.created.Before(to) || c.forgotten {
			return listed{}, false
		}
		return c.row(), true
	})
}

func (f *feed) notifications(w http.ResponseWriter, _ *http.Request, q url.Values) {
	kind, from, to, ok := f.window(w, q)
	if !ok {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	sent := f.sent[kind]
	f.page(w, "notifications", kind, from, to, q, len(sent), func(i int) (listed, bool) {
		n := sent[i]
		if n.at.Before(from) || !n.at.Before(to) {
			return listed{}, false
		}
		row := n.content.row()
		row.ContentCreated = n.at.Format(stamp) // [OBS]: here it equals notificationSent
		row.NotificationSent, row.NotificationStatus = row.ContentCreated, n.status
		return row, true
	})
}

// page answers the rows from where the request's nextpage stands, at most a page
// of them, and names the next page in a header. Its keys are in lower case and
// PublisherIdentifier is not among them ([OBS] o365beat#39).
func (f *feed) page(w http.ResponseWriter, op, kind string, from, to time.Time, q url.Values, n int, row func(int) (listed, bool)) {
	i, ok := pageStart(q)
	if !ok {
		fail(w, http.StatusBadRequest, "AF20031", "Invalid nextPage Input: "+q.Get("nextpage"))
		return
	}
	rows := []listed{}
	for ; i < n; i++ {
		r, ok := row(i)
		if !ok {
			continue
		}
		if len(rows) == f.w.o.PageSize {
			const seven = "2006-01-02T15:04:05.0000000Z"
			w.Header().Set("NextPageUri", fmt.Sprintf("%s/api/v1.0/%s/activity/feed/subscriptions/%s?contenttype=%s&endtime=%s&starttime=%s&nextpage=%s$%020d$na0022",
				f.w.URL(Management), f.w.o.Tenant, op, kind, to.Format(seven), from.Format(seven), from.Format("20060102150405"), i))
			break
		}
		rows = append(rows, r)
	}
	writeJSON(w, http.StatusOK, rows)
}

func pageStart(q url.Values) (int, bool) {
	if !q.Has("nextpage") {
		return 0, true
	}
	parts := strings.Split(q.Get("nextpage"), "$")
	if len(parts) != 3 {
		return 0, false
	}
	i, err := strconv.Atoi(parts[1])
	return i, err == nil && i >= 0
}

// window reads content type and time range and answers if they may not be asked for.
func (f *feed) window(w http.ResponseWriter, q url.Values) (kind string, from, to time.Time, ok bool) {
	kind, ok = f.known(w, q)
	if !ok || !f.subscribed(w, kind) {
		return kind, from, to, false
	}
	start, end := q.Get("starttime"), q.Get("endtime")
	now := f.now()
	if start == "" && end == "" {
		return kind, now.Add(-widestRange), now, true
	}
	if start == "" || end == "" {
		fail(w, http.StatusBadRequest, "AF20030", "Start time and end time must both be specified (or both omitted) and must be less than or equal to 24 hours apart.")
		return kind, from, to, false
	}
	from, okFrom := parseTime(start)
	to, okTo := parseTime(end)
	switch {
	case !okFrom || !okTo:
		fail(w, http.StatusBadRequest, "AF20002", "Invalid parameter type: startTime or endTime. Expected type: datetime")
		return kind, from, to, false
	case to.Sub(from) > widestRange, !from.Before(to), from.Before(now.Add(-furthest)):
		fail(w, http.StatusBadRequest, "AF20055", fmt.Sprintf("Start time and end time must both be specified (or both omitted) and must be less than or equal to 24 hours apart, with the start time no more than 7 days in the past. StartTime:%s, EndTime:%s", start, end))
		return kind, from, to, false
	}
	return kind, from, to, true
}

func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// subscribed answers if there is no enabled subscription. A world that pushes to
// a configured address needs none.
func (f *feed) subscribed(w http.ResponseWriter, kind string) bool {
	if f.w.o.Push.To != "" {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch s := f.subscriptions[kind]; {
	case s == nil:
		fail(w, http.StatusBadRequest, "AF20022", "No subscription found for the specified content type.")
	case s.Status != "enabled":
		fail(w, http.StatusBadRequest, "AF20023", "The subscription was disabled.")
	default:
		return true
	}
	return false
}
