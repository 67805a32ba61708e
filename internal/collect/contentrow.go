package collect

import (
	"strings"
	"time"
)

// kindContent is the ledger: a row for every content that was ever announced.
const kindContent = "content"

// Key is where the content's row lies: a partition per tenant and day of its
// creation, so that days can be listed and swept.
func (c Content) Key() Key {
	return Key{
		Kind:      kindContent,
		Partition: EscapeKey(c.Tenant, c.Created.UTC().Format("20060102")),
		Row:       EscapeKey(c.Type, c.ID),
	}
}

func (c Content) fields() Fields {
	f := Fields{
		"Tenant": c.Tenant, "Type": c.Type, "ContentID": c.ID, "URI": c.URI,
		"Created": c.Created, "Expires": c.Expires, "Found": c.Found, "Listed": c.Listed,
		"State": string(c.State), "Attempts": c.Attempts,
		"Broken": c.Broken, "BrokenSince": c.BrokenSince, "Theirs": c.Theirs, "Unknown": c.Unknown,
		"Due": c.Due, "Owner": c.Owner, "LeaseUntil": c.LeaseUntil,
		"Acknowledged": c.Acknowledged, "LastError": Brief(c.LastError), "Finished": c.Finished,
	}
	for name, n := range c.Tally.all() {
		f[name] = *n
	}
	return f
}

// maxBrief bounds what strangers make us keep in words, in bytes: a text that
// the store does not take would keep the whole row from being written.
const maxBrief = 1024

// Brief is a text of which a row has room for all.
func Brief(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxBrief)], "") }

// contentOf reads a row. Fields that are missing or of another type are zero:
// rows are a stranger's word, and what is made of them is checked before use. A
// state that nobody knows, or that nobody wrote, is no reason to leave a content
// alone: it is pending.
func contentOf(row Row) Content {
	str := func(name string) string { v, _ := row.Fields[name].(string); return v }
	num := func(name string) int64 { v, _ := row.Fields[name].(int64); return v }
	at := func(name string) time.Time { v, _ := row.Fields[name].(time.Time); return v }
	c := Content{
		Tenant: str("Tenant"), Type: str("Type"), ID: str("ContentID"), URI: str("URI"),
		Created: at("Created"), Expires: at("Expires"), Found: at("Found"),
		State: State(str("State")), Attempts: num("Attempts"),
		Broken: num("Broken"), BrokenSince: at("BrokenSince"),
		Due: at("Due"), Owner: str("Owner"), LeaseUntil: at("LeaseUntil"),
		Acknowledged: str("Acknowledged"), LastError: str("LastError"), Finished: at("Finished"),
	}
	c.Listed, _ = row.Fields["Listed"].(bool)
	c.Theirs, _ = row.Fields["Theirs"].(bool)
	c.Unknown, _ = row.Fields["Unknown"].(bool)
	switch c.State {
	case Dead, Gone: // these are tried again if the list offers them
	case Done:
		if c.Finished.IsZero() { // nobody finished it
			c.State = Pending
		}
	default:
		c.State = Pending
	}
	for name, n := range c.Tally.all() {
		*n = num(name)
	}
	return c
}

// all names the counts as the row's fields and everybody else who shows them do.
func (t *Tally) all() map[string]*int64 {
	return map[string]*int64{
		"Delivered": &t.Delivered, "Duplicate": &t.Duplicate, "Filtered": &t.Filtered,
		"DeadLetters": &t.Dead, "Revised": &t.Revised, "Unchecked": &t.Unchecked,
		"Undated": &t.Undated, "Bytes": &t.Bytes,
	}
}

// Add adds another tally's counts.
func (t *Tally) Add(other Tally) {
	from := other.all()
	for name, n := range t.all() {
		*n += *from[name]
	}
}

// attempt folds in one attempt at the content. What an earlier attempt delivered
// is met again as a duplicate by the one that gets to the end; it is one record.
func (t *Tally) attempt(now Tally, complete bool) {
	before := t.Delivered
	t.Delivered += now.Delivered
	t.Revised += now.Revised
	t.Unchecked += now.Unchecked
	t.Undated += now.Undated
	t.Dead = max(t.Dead, now.Dead)
	if complete {
		t.Duplicate = max(0, now.Duplicate-before)
		t.Filtered, t.Dead, t.Bytes = now.Filtered, now.Dead, now.Bytes
	}
}
