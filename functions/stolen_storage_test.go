package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue"

	"azcollector/internal/collect"
	"azcollector/internal/sim"
	"azcollector/internal/state/azurite"
)

const (
	strangersTenant = "00000000-0000-4000-8000-00000000abcd"
	never           = "the year 9999"
)

var (
	inTheYear9999 = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	inTheYear1601 = time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC)
)

// A seized content is one that Microsoft lists, and whose row the thief wrote first.
type seized struct {
	name   string
	change func(f collect.Fields, canary string)
	due    time.Time // zero: no due row
}

// overdue is when pull queues again what nobody came for.
var overdue = time.Now().Add(-3 * time.Minute).Truncate(time.Millisecond)

// rowsOfTheThief are what he can make of a row; each of them keeps the content from
// being collected, if it is believed.
var rowsOfTheThief = []seized{
	{"delivered, says the row", func(f collect.Fields, _ string) { f["State"] = "delivered" }, overdue},
	{"delivered, says the row, and nothing is due", func(f collect.Fields, _ string) { f["State"] = "delivered" }, time.Time{}},
	{"a state that there is not", func(f collect.Fields, _ string) { f["State"] = "gone fishing" }, overdue},
	{"leased for ever", func(f collect.Fields, _ string) { f["Owner"], f["LeaseUntil"] = "x", inTheYear9999 }, overdue},
	{"leased for ever, and nothing is due", func(f collect.Fields, _ string) { f["Owner"], f["LeaseUntil"] = "x", inTheYear9999 }, time.Time{}},
	{"due in " + never, func(f collect.Fields, _ string) { f["Due"] = inTheYear9999 }, inTheYear9999},
	{"due in " + never + " and listed", func(f collect.Fields, _ string) { f["Due"], f["Listed"] = inTheYear9999, true }, inTheYear9999},
	{"at another host", func(f collect.Fields, canary string) { f["URI"], f["Listed"] = canary, true }, overdue},
	{"at another host, expired", func(f collect.Fields, canary string) { f["URI"], f["Expires"] = canary, inTheYear1601 }, overdue},
	{"of a type and tenant that are not its key's", func(f collect.Fields, _ string) { f["Tenant"], f["Type"] = strangersTenant, "DLP.All" }, overdue},
	{"fields of other types", func(f collect.Fields, _ string) {
		for name := range f {
			f[name] = int64(-1)
		}
	}, overdue},
	{"no field at all", func(f collect.Fields, _ string) { clear(f) }, overdue},
}

// Who can write to the tables and the queue can delay, and have things delivered twice.
// What Microsoft still lists is delivered all the same, nothing goes where the state
// says, and master says what was found.
func TestStolenStorage(t *testing.T) {
	t.Parallel()
	world, connection := newWorld(t), azurite.Start(t)
	tenant := world.Settings()["APP_TENANT_ID"]
	store := openStorage(t, connection)
	if err := store.CreateQueue(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := &victim{world: world}
	canary := world.URL(sim.Canary) + "/api/v1.0/" + tenant + "/activity/feed/audit/"
	ids := v.offer(len(rowsOfTheThief))
	for i, s := range rowsOfTheThief {
		seize(t, store, s, tenant, ids[i], canary+ids[i])
	}
	strangersRows(t, store, tenant, canary)
	strangersMessages(t, connection, canary)

	v.start(t, connection)
	v.arrives(t)
	soon(t, "all of it is noticed, and counted where another process finds it", func() bool {
		log := v.log.String()
		last := max(strings.LastIndex(log, "what=lease"), strings.LastIndex(log, "what=address"))
		return strings.Contains(log, "what=lease") && strings.Contains(log, "what=address") && strings.Contains(log[last:], "component=meter")
	})
	v.tells(t, "AZC1903", "leases longer than anybody takes")
	v.offer(3)
	v.arrives(t)
	v.unharmed(t, 0)
	for _, code := range []string{
		"contents whose address leads to another host", "contents finished by nobody", "messages that name no row", "cursors in the future",
		"rows about another content", "further ahead than any content rests",
	} {
		if !strings.Contains(v.log.String(), code) {
			t.Errorf("nobody tells of %q", code)
		}
	}
}

// start begins the collector on a state that is there already. It registers by itself.
func (v *victim) start(t *testing.T, connection string) {
	t.Helper()
	v.env = settingsOf(v.world, "AzureWebJobsStorage="+connection, "LISTEN=127.0.0.1:0", "PUBLIC_URL=none", "PULL_SCHEDULE=* * * * * *",
		"AzureWebJobs.master.Disabled=true", "COLLECTOR_HOST_ID=", "COLLECTOR_SOURCE_ID=", `O365_CONTENT_STREAMS=["Audit.General","Audit.Exchange"]`)
	v.handler = &handler{process: run(t, v.env, "serve")}
}

// seize writes a content's rows before the collector does.
func seize(t *testing.T, store collect.Store, s seized, tenant, id, canary string) {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	c := collect.Content{Tenant: tenant, Type: "Audit.General", ID: id, Created: now}
	f := collect.Fields{
		"Tenant": tenant, "Type": c.Type, "ContentID": id, "URI": canary, "Created": now, "Expires": now.AddDate(0, 0, 7),
		"Found": now, "Listed": false, "State": "pending", "Attempts": int64(0), "Due": s.due.UTC(), "Owner": "", "LeaseUntil": time.Time{},
	}
	s.change(f, canary)
	plant(t, store, collect.Row{Key: c.Key(), Fields: f})
	if !s.due.IsZero() {
		plant(t, store, collect.Row{
			Key:    collect.Key{Kind: "due", Partition: collect.EscapeKey(tenant), Row: collect.EscapeKey(s.due.UTC().Format("20060102T150405.000"), c.Key().Partition, c.Key().Row)},
			Fields: collect.Fields{"ContentPartition": c.Key().Partition, "ContentRow": c.Key().Row, "Created": now, "Found": now},
		})
	}
}

// strangersRows are what else he can write.
func strangersRows(t *testing.T, store collect.Store, tenant, canary string) {
	t.Helper()
	now := time.Now().UTC()
	row := func(kind, partition, row string, fields collect.Fields) {
		plant(t, store, collect.Row{Key: collect.Key{Kind: kind, Partition: partition, Row: row}, Fields: fields})
	}
	of := collect.EscapeKey(tenant)
	for i := range 20 { // due rows that lead nowhere, or to what is no key
		row("due", of, fmt.Sprintf("19700101T000000.%03d|nowhere", i), collect.Fields{"ContentPartition": of + "|19700101", "ContentRow": "nowhere"})
		row("due", of, fmt.Sprintf("!%03d", i)[1:], collect.Fields{"ContentPartition": strings.Repeat("/../", 1000), "ContentRow": canary})
		row("due", of, fmt.Sprintf("99990101T000000.%03d|nowhere", i), collect.Fields{"ContentPartition": int64(1)})
	}
	// A content of another tenant, and one of ours at another host that nobody lists.
	for n, c := range []collect.Content{
		{Tenant: strangersTenant, Type: "Audit.General", ID: "theirs", URI: strings.Replace(canary, tenant, strangersTenant, 1) + "theirs"},
		{Tenant: tenant, Type: "Audit.General", ID: "nobody-lists-it", URI: canary + "nobody-lists-it"},
	} {
		c.Created = now
		row("content", c.Key().Partition, c.Key().Row, collect.Fields{
			"Tenant": c.Tenant, "Type": c.Type, "ContentID": c.ID, "URI": c.URI, "Created": now, "Expires": now.AddDate(0, 0, 7), "State": "pending", "Listed": true,
		})
		row("due", of, fmt.Sprintf("20200101T000000.00%d|x", n), collect.Fields{"ContentPartition": c.Key().Partition, "ContentRow": c.Key().Row, "Created": now})
	}
	for _, span := range []time.Time{now, now.Add(-3 * time.Hour)} { // identities of the wrong size, in rows of the wrong names
		partition := collect.EscapeKey(tenant, span.Truncate(3*time.Hour).Format("2006010215"))
		row("recordids", partition, "0000000000", collect.Fields{"IDs": []byte("seven b"), "Origins": []byte("xxxxx"), "At": now})
		row("recordids", partition, "0000000001", collect.Fields{"IDs": "no bytes at all"})
		row("recordids", partition, "4294967295", collect.Fields{"IDs": bytes.Repeat([]byte("x"), 60_000)})
		row("recordids", partition, "zzz", collect.Fields{"IDs": bytes.Repeat([]byte("x"), 64<<10)})
	}
	row("cursor", of, "pull|Audit.Exchange", collect.Fields{"Tenant": tenant, "Type": "Audit.Exchange", "Begin": now.AddDate(0, 0, 30).Truncate(time.Hour), "Run": now, "Listed": bytes.Repeat([]byte{0xff}, 64<<10)})
	row("cursor", of, "pull|Audit.General", collect.Fields{"Tenant": tenant, "Type": "Audit.General", "Begin": now.Add(-30 * time.Hour).Truncate(time.Hour), "Run": inTheYear9999, "Listed": bytes.Repeat([]byte{0xff}, 64<<10)})
	row("cursor", of, "checkin", collect.Fields{"At": inTheYear9999, "Through": inTheYear9999, "Gaps": inTheYear9999, "Busy": true, "Owner": "x", "BusySince": inTheYear9999, "Expired": `{"x":1e99}`})
	row("cursor", of, "sweep", collect.Fields{"At": inTheYear9999})
	row("registration", of, "alertlogic", collect.Fields{
		"HostID": "host-of-the-thief", "SourceID": "source-of-the-thief", "Answer": `{"ingest":"` + canary + `"}`,
		"Ingest": canary, "Endpoint": canary, "IngestEndpoint": canary, "Azcollect": canary, "Token": "token-of-the-thief",
	})
	row("config", of, "settings", collect.Fields{"Applied": int64(1) << 62, "Envelope": []byte(`{"APP_INGEST_ENDPOINT":"` + canary + `"}`), "At": now})
	row("tenant", of, "run|master", collect.Fields{"Run": `{"findings":[{"code":"x","text":"\u0000"}]}`})
	row("tenant", of, "subscriptions", collect.Fields{"At": inTheYear9999, "Why": canary})
	window := now.Truncate(15 * time.Minute).Format("20060102T1504")
	for i := range 120 {
		row("stats", collect.EscapeKey(tenant, window), fmt.Sprintf("INSTANCE%d", i), collect.Fields{"Stats": `{"types":{"x":null},"strange":null}`, "At": now})
	}
}

// strangersMessages go into the queue.
func strangersMessages(t *testing.T, connection, canary string) {
	t.Helper()
	queue, err := azqueue.NewQueueClientFromConnectionString(connection, "o365-content", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"junk", canary, `{"partition":"` + canary + `","row":"../../x"}`, `{"partition":"` + strangersTenant + `|20260101","row":"Audit.General|theirs"}`,
		`{"partition":{"$gt":""},"row":[]}`, strings.Repeat("A", 40_000), "\x00",
	} {
		if _, err := queue.EnqueueMessage(t.Context(), base64.StdEncoding.EncodeToString([]byte(text)), nil); err != nil {
			t.Fatal(err)
		}
	}
}
