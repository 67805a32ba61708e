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
func (f *feed) content(w http.ResponseWriter, r *http.Request, q url.Values) {
	kind, from, to, ok := f.window(w, q)
	if !ok {
		return
	}
	f.mu.Lock()
	f.calls.Lists++
	switch {
	case q.Has("nextpage"):
		f.calls.Pages++
	case q.Get("starttime") == "":
		f.complain("list: %s was listed without a window", kind)
	default:
		f.judgeWindow(kind, from, to)
		if f.earliest.IsZero() || from.Before(f.earliest) {
			f.earliest = from
		}
	}
	reach := f.now() // an answer tells of nothing later
	offered := f.contents[kind]
	p := f.page("content", kind, from, to, q, len(offered), func(i int) (listed, bool) {
		c := offered[i]
		if c.created.Before(from) || !c.created.Before(to) || c.forgotten {
			return listed{}, false
		}
		return c.row(), true
	})
	f.mu.Unlock()
	if p.last() {
		if reach.After(to) {
			reach = to
		}
		whenHeard(r.Context(), func() { f.cover(kind, Window{from, reach}) })
	}
	p.answer(w)
}

func (f *feed) notifications(w http.ResponseWriter, _ *http.Request, q url.Values) {
	kind, from, to, ok := f.window(w, q)
	if !ok {
		return
	}
	f.mu.Lock()
	sent := f.sent[kind]
	p := f.page("notifications", kind, from, to, q, len(sent), func(i int) (listed, bool) {
		n := sent[i]
		if n.at.Before(from) || !n.at.Before(to) {
			return listed{}, false
		}
		row := n.content.row()
		row.ContentCreated = n.at.Format(stamp) // [OBS]: here it equals notificationSent
		row.NotificationSent, row.NotificationStatus = row.ContentCreated, n.status
		return row, true
	})
	f.mu.Unlock()
	p.answer(w)
}

// A page is an answer to a list: rows and where the next ones are, or a refusal.
type page struct {
	rows    []listed
	next    string
	refused string // the nextpage that is none, quoted
}

func (p *page) last() bool { return p.next == "" && p.refused == "" }

func (p *page) answer(w http.ResponseWriter) {
	if p.refused != "" {
		fail(w, http.StatusBadRequest, "AF20031", "Invalid nextPage Input: "+p.refused)
		return
	}
	if p.next != "" {
		w.Header().Set("NextPageUri", p.next)
	}
	writeJSON(w, http.StatusOK, p.rows)
}

// page takes the rows from where the request's nextpage stands, at most a page of
// them, and names the next page. Its keys are in lower case and
// PublisherIdentifier is not among them ([OBS] o365beat#39).
func (f *feed) page(op, kind string, from, to time.Time, q url.Values, n int, row func(int) (listed, bool)) *page {
	i, ok := pageStart(q)
	if !ok {
		return &page{refused: strconv.Quote(q.Get("nextpage"))}
	}
	p := &page{rows: []listed{}}
	for ; i < n; i++ {
		r, ok := row(i)
		if !ok {
			continue
		}
		if len(p.rows) == f.w.o.PageSize {
			const seven = "2006-01-02T15:04:05.0000000Z"
			p.next = fmt.Sprintf("%s/api/v1.0/%s/activity/feed/subscriptions/%s?contenttype=%s&endtime=%s&starttime=%s&nextpage=%s$%020d$na0022",
				f.w.URL(Management), f.w.o.Tenant, op, kind, to.Format(seven), from.Format(seven), from.Format("20060102150405"), i)
			break
		}
		p.rows = append(p.rows, r)
	}
	return p
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
	if !ok {
		return kind, from, to, false
	}
	if !f.w.tenant.audited() {
		f.unaudited(w, "GetContents", kind)
		return kind, from, to, false
	}
	if !f.subscribed(w, kind) {
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
// a configured address needs none, but if there is one it must be enabled.
func (f *feed) subscribed(w http.ResponseWriter, kind string) bool {
	f.mu.Lock()
	s := f.subscriptions[kind]
	disabled := s != nil && s.Status != "enabled"
	f.mu.Unlock()
	switch {
	case disabled:
		fail(w, http.StatusBadRequest, "AF20023", "The subscription was disabled.")
	case s == nil && f.w.o.Push.To == "":
		fail(w, http.StatusBadRequest, "AF20022", "No subscription found for the specified content type.")
	default:
		return true
	}
	return false
}
