package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// A traced is what is known of a record's Id or of a contentId.
type traced struct {
	ID string `json:"id"`
	// Contents that have this id themselves.
	Contents []tracedContent `json:"contents,omitempty"`
	// Deliveries of records with this Id.
	Deliveries []tracedDelivery `json:"deliveries,omitempty"`
	// DeadLetters of records with this Id, or of contents with this id.
	DeadLetters []collect.DeadLetter `json:"deadLetters,omitempty"`
	// Pending contents may hold it still.
	Pending int64 `json:"pending"`
}

type tracedContent struct {
	Type         string        `json:"type"`
	ID           string        `json:"contentId"`
	State        collect.State `json:"state"`
	Created      time.Time     `json:"created"`
	Expires      time.Time     `json:"expires"`
	Listed       bool          `json:"listed"`
	Attempts     int64         `json:"attempts"`
	Due          *time.Time    `json:"due,omitempty"`
	Finished     *time.Time    `json:"finished,omitempty"`
	Acknowledged string        `json:"acknowledged,omitempty"`
	LastError    string        `json:"lastError,omitempty"`
	collect.Tally
}

type tracedDelivery struct {
	Acknowledged *time.Time     `json:"acknowledged,omitempty"`
	Content      *tracedContent `json:"content,omitempty"`
	// ContentRow names the content's row, also if that was swept.
	ContentRow string `json:"contentRow,omitempty"`
}

// trace tells where an event is.
func trace(ctx context.Context, h *house, c *console) error {
	t, err := h.trace(ctx, c.command.Trace.ID, c)
	if err != nil {
		return err
	}
	c.settled()
	if c.command.Trace.JSON {
		err = c.json(t)
	} else {
		err = c.table(t.print)
	}
	if err == nil && len(t.Contents)+len(t.Deliveries)+len(t.DeadLetters) == 0 {
		return errQuiet
	}
	return err
}

func (h *house) trace(ctx context.Context, id string, c *console) (*traced, error) {
	t, tenant := &traced{ID: id}, h.settings.TenantID
	contents, err := h.ledger.Find(ctx, tenant, id, contentTypes)
	if err != nil {
		return nil, err
	}
	for _, content := range contents {
		t.Contents = append(t.Contents, tracedOf(content))
	}
	hours := 0
	for s, err := range collect.FindRecord(ctx, h.store, tenant, id, func(hour string) {
		hours++
		c.progress(hours, 0, "looking through delivered records, hour "+hour)
	}) {
		if err != nil {
			return nil, err
		}
		t.Deliveries = append(t.Deliveries, h.delivered(ctx, s))
	}
	if err := h.eachLetter(ctx, func(letter collect.DeadLetter) error {
		if letter.RecordID == id || letter.ContentID == id {
			t.DeadLetters = append(t.DeadLetters, letter)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	for _, err := range h.ledger.Due(ctx, tenant, farFuture()) {
		if err != nil {
			return nil, err
		}
		t.Pending++
	}
	return t, nil
}

// farFuture is later than anything is ever due.
func farFuture() time.Time { return time.Now().AddDate(1, 0, 0) }

func (h *house) delivered(ctx context.Context, s collect.Sighting) tracedDelivery {
	if !s.Known {
		return tracedDelivery{}
	}
	d := tracedDelivery{Acknowledged: &s.At, ContentRow: s.Content.Partition + " " + s.Content.Row}
	if content, err := h.ledger.Content(ctx, s.Content); err == nil { // else it was swept: its name says enough
		of := tracedOf(content)
		d.Content = &of
	}
	return d
}

func tracedOf(c collect.Content) tracedContent {
	t := tracedContent{
		Type: c.Type, ID: c.ID, State: c.State, Created: c.Created, Expires: c.Expires, Listed: c.Listed,
		Attempts: c.Attempts, Acknowledged: c.Acknowledged, LastError: c.LastError, Tally: c.Tally,
	}
	if !c.Finished.IsZero() {
		t.Finished = &c.Finished
	} else {
		t.Due = &c.Due
	}
	return t
}

func (t *traced) print(w io.Writer) {
	for _, d := range t.Deliveries {
		switch {
		case d.Acknowledged == nil:
			fmt.Fprintln(w, "record\tdelivered; the row that remembers it does not say with which content")
			continue
		case d.Content == nil:
			fmt.Fprintf(w, "record\tdelivered, acknowledged at %s, with the content of row %s, which was swept since\n",
				d.Acknowledged.Format(time.RFC3339Nano), wire.Printable(d.ContentRow))
			continue
		}
		fmt.Fprintf(w, "record\tdelivered, acknowledged at %s (%s), with this content:\n",
			d.Acknowledged.Format(time.RFC3339Nano), wire.Printable(cmp.Or(d.Content.Acknowledged, "content not finished yet")))
		d.Content.print(w)
	}
	for _, content := range t.Contents {
		content.print(w)
	}
	for _, letter := range t.DeadLetters {
		fmt.Fprintf(w, "dead letter\t%s, kept %s: %s\n", letter.Name, letter.Kept.Format(time.RFC3339), wire.Printable(letter.Reason))
	}
	if len(t.Contents)+len(t.Deliveries)+len(t.DeadLetters) > 0 {
		return
	}
	fmt.Fprintf(w, "not found\tno content, delivered record or dead letter with the id %s; %d contents are pending and may hold it\n",
		wire.Printable(t.ID), t.Pending)
	fmt.Fprintln(w, "\tif the event is older than a few hours, `azcollector prove` tells whether Microsoft offers a content that the ledger lacks")
}

func (t tracedContent) print(w io.Writer) {
	known := "announced by a notification, not listed yet"
	if t.Listed {
		known = "listed"
	}
	fmt.Fprintf(w, "  content\t%s %s\n", t.Type, wire.Printable(t.ID))
	fmt.Fprintf(w, "  created\t%s, %s, expires %s\n", t.Created.Format(time.RFC3339), known, t.Expires.Format(time.RFC3339))
	fmt.Fprintf(w, "  state\t%s after %d attempts\n", t.State, t.Attempts)
	if t.Finished != nil {
		fmt.Fprintf(w, "  finished\t%s, %s\n", t.Finished.Format(time.RFC3339Nano), wire.Printable(cmp.Or(t.Acknowledged, "nothing acknowledged")))
	} else {
		fmt.Fprintf(w, "  next attempt\t%s\n", t.Due.Format(time.RFC3339))
	}
	fmt.Fprintf(w, "  records\tdelivered %d, duplicates %d, filtered %d, dead %d\n", t.Delivered, t.Duplicate, t.Filtered, t.Dead)
	if t.LastError != "" {
		fmt.Fprintf(w, "  last error\t%s\n", wire.Printable(t.LastError))
	}
}
