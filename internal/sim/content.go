package sim

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// A content is one parcel, kept as the bytes that answer its request.
type content struct {
	kind, id, uri    string
	created, expires time.Time
	body             []byte
	zipped           func() []byte // computed once: the same parcel is asked for again and again
	answer           http.Handler  // instead of the body
	fetched          bool
	forgotten        bool
}

func (c *content) row() listed {
	return listed{
		ContentType: c.kind, ContentID: c.id, ContentURI: c.uri,
		ContentCreated: c.created.Format(stamp), ContentExpiration: c.expires.Format(stamp),
	}
}

// An Offer is a content to be published.
type Offer struct {
	ContentType string
	// Records are what the content holds and the destination must receive.
	Records [][]byte
	// Body replaces the array rendered of the records: for hostile bodies.
	Body []byte
	// Created is the content's date; zero: now. In the past, the list offers late
	// what should have been there before.
	Created time.Time
	// Expires: zero: seven days after Created.
	Expires time.Time
	// Split lists the records as two contents while one is pushed.
	Split bool
	// Unlisted contents are only pushed, Unpushed ones only listed.
	Unlisted, Unpushed bool
	// URI replaces the contentUri that is told; the content stays at its own.
	URI string
	// Answer replaces the whole answer to its request, header and all, where a Body is
	// not hostile enough.
	Answer http.Handler
}

// Published says under which ids a content is known.
type Published struct {
	Listed []string
	Pushed string // another id for the same records, also with Unpushed
}

// Publish offers records as the real service does: the list and the
// notification know the same parcel by different ids. In a world that is not
// calm one of five is listed in two pieces.
func (w *World) Publish(contentType string, records [][]byte) Published {
	w.feed.mu.Lock()
	dice := rand.New(rand.NewPCG(w.o.Seed, uint64(w.feed.sequence)))
	w.feed.mu.Unlock()
	return w.Offer(Offer{ContentType: contentType, Records: records, Split: !w.o.Calm && dice.IntN(5) == 0})
}

// PublishRaw offers a body that may be no array of records at all. The records
// are those that must arrive nevertheless.
func (w *World) PublishRaw(contentType string, body []byte, records ...[]byte) Published {
	return w.Offer(Offer{ContentType: contentType, Body: body, Records: records})
}

// PublishSome makes n records of the generator and publishes them.
func (w *World) PublishSome(contentType string, n int) Published {
	return w.Publish(contentType, w.generator.Records(contentType, n, w.feed.now()))
}

// Offer publishes one content.
func (w *World) Offer(o Offer) Published {
	w.Book.publish(o.Records)
	f := w.feed
	if o.Created.IsZero() {
		o.Created = f.now()
	}
	o.Created = o.Created.UTC().Truncate(time.Millisecond) // what the list can tell
	if o.Expires.IsZero() {
		o.Expires = o.Created.Add(furthest)
	}
	body := o.Body
	if body == nil {
		body = render(o.Records)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var p Published
	if !o.Unlisted {
		for _, piece := range pieces(o, body) {
			c := f.add(o, piece, "")
			f.contents[o.ContentType] = append(f.contents[o.ContentType], c)
			p.Listed = append(p.Listed, c.id)
		}
	}
	mark := ""
	if f.offers++; f.offers%2 == 0 {
		mark = "$IsFromNotification" // seen in /notifications; whether notifications have it is not known
	}
	pushed := f.add(o, body, mark)
	p.Pushed = pushed.id
	if !o.Unpushed {
		w.pusher.enqueue(pushed)
	}
	return p
}

// pieces are the bodies to be listed: the whole, or its records in two halves.
func pieces(o Offer, body []byte) [][]byte {
	if !o.Split || len(o.Records) < 2 || o.Body != nil {
		return [][]byte{body}
	}
	half := len(o.Records) / 2
	return [][]byte{render(o.Records[:half]), render(o.Records[half:])}
}

// add files a content under a new id in a shape that was seen: first and last
// key of a range, blob type, content type, cluster. The lock is the caller's.
func (f *feed) add(o Offer, body []byte, mark string) *content {
	f.sequence++
	name := strings.ReplaceAll(o.ContentType, ".", "_")
	key := o.Created.Format("20060102150405")
	id := fmt.Sprintf("%s%09d$%s%09d$%s$%s$sim%04d%s", key, f.sequence, key, f.sequence*7+1, strings.ToLower(name), name, f.sequence%37, mark)
	c := &content{
		kind: o.ContentType, id: id, uri: o.URI, created: o.Created, expires: o.Expires.UTC(), body: body, answer: o.Answer,
		zipped: sync.OnceValue(func() []byte { return zip(body) }),
	}
	if c.uri == "" {
		c.uri = f.w.URL(Management) + "/api/v1.0/" + f.w.o.Tenant + "/activity/feed/audit/" + id
	}
	f.byID[id] = c
	return c
}

// render writes the array around the records' own bytes, spaced in several ways.
func render(records [][]byte) []byte {
	between := [...]string{",", ",\r\n", " , ", ",\n  "}[len(records)%4]
	var b bytes.Buffer
	b.WriteByte('[')
	for i, r := range records {
		if i > 0 {
			b.WriteString(between)
		}
		b.Write(r)
	}
	b.WriteByte(']')
	return b.Bytes()
}

func zip(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body) // into memory: does not fail
	_ = z.Close()
	return b.Bytes()
}

// Expire ends contents now: AF20051 from here on.
func (w *World) Expire(ids ...string) {
	w.feed.mu.Lock()
	defer w.feed.mu.Unlock()
	for _, id := range ids {
		if c := w.feed.byID[id]; c != nil {
			c.expires = w.feed.now()
		}
	}
}

// Forget makes contents unknown (AF20050) until the next call for them with Recall.
func (w *World) Forget(ids ...string) { w.forget(true, ids) }

// Recall undoes Forget.
func (w *World) Recall(ids ...string) { w.forget(false, ids) }

func (w *World) forget(gone bool, ids []string) {
	w.feed.mu.Lock()
	defer w.feed.mu.Unlock()
	for _, id := range ids {
		if c := w.feed.byID[id]; c != nil {
			c.forgotten = gone
		}
	}
}

var contentID = regexp.MustCompile(`^[A-Za-z0-9_.$-]+$`)

func (f *feed) blob(w http.ResponseWriter, r *http.Request, _ url.Values) {
	id := r.PathValue("id")
	if !contentID.MatchString(id) {
		fail(w, http.StatusBadRequest, "AF20052", "Blob key "+id+" in the url is invalid")
		return
	}
	f.mu.Lock()
	f.calls.Blobs++
	c := f.byID[id]
	gone := c == nil || c.forgotten
	late := !gone && !f.now().Before(c.expires)
	if !gone && !late && !AnswerLost(r.Context()) {
		if c.fetched {
			f.calls.Refetched++
		}
		c.fetched = true
	}
	f.mu.Unlock()
	switch {
	case gone:
		fail(w, http.StatusNotFound, "AF20050", "The specified content ("+id+") does not exist.")
	case late:
		fail(w, http.StatusBadRequest, "AF20051", "Content requested with the key "+id+" has already expired. Content older than 7 days cannot be retrieved.")
	case f.subscribed(w, c.kind):
		c.serve(w, r)
	}
}

func (c *content) serve(w http.ResponseWriter, r *http.Request) {
	if c.answer != nil {
		c.answer.ServeHTTP(w, r)
		return
	}
	body := c.body
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		body = c.zipped()
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	_, _ = w.Write(body) // a client that left asks again
}
