package microsoft

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"azcollector/internal/collect"
)

// maxWindow: over wider windows the API answers in part, without an error
// (Management Activity API reference, "List available content").
const maxWindow = 24 * time.Hour

// maxPages bounds a listing that never ends. A busy tenant has been seen with 80
// pages a day.
const maxPages = 5000

// A Notification says that the API told a webhook of a content, or tried to.
type Notification struct {
	collect.Content
	Sent   time.Time
	Status string // "success" in the documentation, "Succeeded" or "Failed" on the wire
}

// Failed reports whether the API could not deliver the notification. Spellings
// of the status vary, so only its beginning counts, in any case.
func (n Notification) Failed() bool {
	const fail = "fail"
	return len(n.Status) >= len(fail) && strings.EqualFold(n.Status[:len(fail)], fail)
}

// An offer is an element of both lists. One that cannot be read is empty.
type offer struct {
	ContentType        string `json:"contentType"`
	ContentID          string `json:"contentId"`
	ContentURI         string `json:"contentUri"`
	ContentCreated     string `json:"contentCreated"`
	ContentExpiration  string `json:"contentExpiration"`
	NotificationSent   string `json:"notificationSent"`
	NotificationStatus string `json:"notificationStatus"`
}

// UnmarshalJSON leaves what is no offer empty, to be refused in its turn: one bad
// element must not hide the page's others.
func (o *offer) UnmarshalJSON(element []byte) error {
	type plain offer
	var read plain
	if json.Unmarshal(element, &read) == nil {
		*o = offer(read)
	}
	return nil
}

// Contents lists what became available from (inclusive) to (exclusive), at most
// 24 h, by the API's clock. The API sorts by nothing that can be relied on. An
// error ends the sequence, and what came before it is true but not all there is.
// Elements that cannot be read are such an error, after all the others.
func (f *Feed) Contents(ctx context.Context, tenant, contentType string, from, to time.Time) iter.Seq2[collect.Content, error] {
	return func(yield func(collect.Content, error) bool) {
		var refused error
		for o, err := range f.list(ctx, "content", tenant, contentType, from, to) {
			if err != nil {
				yield(collect.Content{}, err)
				return
			}
			c, err := o.content(tenant, contentType)
			if err != nil {
				refused = err
				continue
			}
			if !yield(c, nil) {
				return
			}
		}
		if refused != nil {
			yield(collect.Content{}, refused)
		}
	}
}

// Notifications lists what the API announced in that time. It is for finding out
// why a webhook is silent, not for collecting.
func (f *Feed) Notifications(ctx context.Context, tenant, contentType string, from, to time.Time) iter.Seq2[Notification, error] {
	return func(yield func(Notification, error) bool) {
		for o, err := range f.list(ctx, "notifications", tenant, contentType, from, to) {
			if err != nil {
				yield(Notification{}, err)
				return
			}
			c, err := o.content(tenant, contentType)
			c.Listed = false // here contentCreated is when the notification was sent
			n := Notification{Content: c, Status: o.NotificationStatus}
			if err == nil && o.NotificationSent != "" {
				if n.Sent, err = parseStamp(o.NotificationSent); err != nil {
					err = unreadable("list notifications of " + contentType)
				}
			}
			if !yield(n, err) || err != nil {
				return
			}
		}
	}
}

// content reads an offer. One that cannot be kept in a ledger is an error:
// passing over it would lose it in silence.
func (o offer) content(tenant, contentType string) (collect.Content, error) {
	created, err1 := parseStamp(o.ContentCreated)
	expires, err2 := parseStamp(o.ContentExpiration)
	if err1 != nil || err2 != nil || o.ContentID == "" || o.ContentURI == "" {
		return collect.Content{}, unreadable("list content of " + contentType)
	}
	return collect.Content{
		Tenant: strings.ToLower(tenant), Type: contentType, ID: o.ContentID, URI: o.ContentURI,
		Created: created, Expires: expires, Listed: true,
	}, nil
}

// list follows the pages. A page is read whole before its first element is
// yielded, so that a slow consumer holds no connection.
func (f *Feed) list(ctx context.Context, operation, tenant, contentType string, from, to time.Time) iter.Seq2[offer, error] {
	return func(yield func(offer, error) bool) {
		r := request{verb: "list " + operation + " of " + contentType, tenant: strings.ToLower(tenant), method: http.MethodGet}
		next, err := f.firstPage(operation, r.tenant, contentType, from, to)
		if err != nil {
			yield(offer{}, explain(r.verb, err))
			return
		}
		for seen := map[string]bool{}; next != nil; {
			var offers []offer
			r.address = next
			offers, next, err = f.page(ctx, r, operation, seen)
			for _, o := range offers {
				if !yield(o, nil) {
					return
				}
			}
			if err != nil {
				yield(offer{}, err)
				return
			}
		}
	}
}

// firstPage widens to whole seconds, which is all that the API takes: asking for
// more than was asked for loses nothing.
func (f *Feed) firstPage(operation, tenant, contentType string, from, to time.Time) (*url.URL, error) {
	from = from.UTC().Truncate(time.Second)
	if whole := to.UTC().Truncate(time.Second); whole.Equal(to) {
		to = whole
	} else {
		to = whole.Add(time.Second)
	}
	if window := to.Sub(from); window <= 0 || window > maxWindow {
		return nil, &collect.Fault{Verdict: collect.JudgesUs, Err: fmt.Errorf("a window of %v is not between 1 s and 24 h", window)}
	}
	return f.address(tenant, operation, url.Values{
		"contentType": {contentType},
		"startTime":   {from.Format(stamp)},
		"endTime":     {to.Format(stamp)},
	}), nil
}

// page reads one page and checks where the next one is said to be, before any
// token could go there. The page's own offers are true even if that fails.
func (f *Feed) page(ctx context.Context, r request, operation string, seen map[string]bool) ([]offer, *url.URL, error) {
	answer, header, err := f.read(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	offers, err := decodeList[offer](r.verb, answer)
	if err != nil {
		return nil, nil, err
	}
	raw := header.Get("NextPageUri")
	if raw == "" {
		return offers, nil, nil
	}
	next, err := f.nextPage(raw, r.tenant, operation)
	switch {
	case err != nil:
		return offers, nil, explain(r.verb, &collect.Fault{Verdict: collect.JudgesUs, Err: err})
	case seen[raw]:
		return offers, nil, explain(r.verb, &collect.Fault{Verdict: collect.Broken, Err: errors.New("the pages go in a circle")})
	case len(seen) >= maxPages:
		return offers, nil, explain(r.verb, &collect.Fault{Verdict: collect.Broken, Err: fmt.Errorf("there are more than %d pages", maxPages)})
	}
	seen[raw] = true
	return offers, next, nil
}
