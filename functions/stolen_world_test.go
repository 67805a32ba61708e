package main

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/sim"
)

// A victim is a collector under the Functions host's protocol whose owner lost something
// to a thief, with the world around it.
type victim struct {
	*handler
	world *sim.World
	env   map[string]string
	made  int // records published
}

// newVictim starts one. more are settings, which win; state is a storage account's
// connection string, or "" for the embedded store.
func newVictim(t *testing.T, w *sim.World, connection string, more ...string) *victim {
	t.Helper()
	if connection == "" {
		more = append([]string{"STATE_DIR=" + t.TempDir()}, more...)
	}
	v := &victim{world: w}
	more = append([]string{"LOG_LEVEL=info", "AzureWebJobs.master.Disabled=true"}, more...)
	v.handler = underHost(t, w, connection, more...)
	v.env = settingsOf(w, append(more, "PUBLIC_URL=none", "AzureWebJobsStorage="+connection)...)
	return v
}

// offer publishes contents of a few records each, which only the list tells of.
func (v *victim) offer(contents int) (ids []string) {
	for range contents {
		ids = append(ids, v.world.Offer(sim.Offer{ContentType: "Audit.General", Unpushed: true, Records: v.records()}).Listed[0])
	}
	return ids
}

func (v *victim) records() (records [][]byte) {
	at := time.Now().UTC().Format("2006-01-02T15:04:05")
	for range 3 {
		v.made++
		records = append(records, fmt.Appendf(nil, `{"Id":"00000000-0000-4000-8000-%012x","CreationTime":"%s","RecordType":25}`, v.made, at))
	}
	return records
}

func (v *victim) feed() string {
	return v.world.URL(sim.Management) + "/api/v1.0/" + v.world.Settings()["APP_TENANT_ID"] + "/activity/feed/audit/"
}

// entryOf is an element of a notification.
func entryOf(id, uri string) string {
	return fmt.Sprintf(`{"contentType":"Audit.General","contentId":%q,"contentUri":%q,"contentCreated":"1999-01-01T00:00:00.000Z","contentExpiration":"2001-01-01T00:00:00.000Z"}`, id, uri)
}

// announce posts a notification with the right secret, and wants 200.
func (v *victim) announce(t *testing.T, entries ...string) {
	t.Helper()
	body := "[" + strings.Join(entries, ",") + "]"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, v.base+hostWebhookPath, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Webhook-AuthID", v.world.Settings()["O365_WEBHOOK_AUTH_ID"])
	resp, err := v.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("a notification was answered %d", resp.StatusCode)
	}
}

// call runs a timer function; what it came to is in the log.
func (v *victim) call(t *testing.T, function string) {
	t.Helper()
	if v.handler.fakeHost == nil { // it serves by itself, and pulls every second
		if function == "master" {
			_, said := say(t, v.env, "run", "master")
			_, _ = v.log.Write([]byte(said))
		}
		return
	}
	if o := v.invoke(function, "timer", map[string]any{"IsPastDue": false}); o.status == http.StatusForbidden {
		t.Fatalf("%s takes us for a stranger", function)
	}
}

// arrives pulls, as the host's timer does, until all that was published is there.
func (v *victim) arrives(t *testing.T) {
	t.Helper()
	v.call(t, "pull")
	again := time.Now().Add(time.Second)
	soon(t, "everything that was published arrives", func() bool {
		if time.Now().After(again) {
			v.call(t, "pull")
			again = time.Now().Add(time.Second)
		}
		return v.world.Book.Report().Lost == 0
	})
}

// unharmed is what must hold whatever was stolen: nothing is lost, and nothing went to
// where it should not.
func (v *victim) unharmed(t *testing.T, duplicates int) {
	t.Helper()
	v.delivered(t, duplicates)
	v.world.RequireClean(t)
}

func (v *victim) delivered(t *testing.T, duplicates int) {
	t.Helper()
	if r := v.world.Book.Report(); r.Lost != 0 || r.Unknown != 0 || r.Duplicates > duplicates {
		t.Errorf("lost %d, unknown %d, %d duplicates (at most %d): %+v", r.Lost, r.Unknown, r.Duplicates, duplicates, r)
	}
	if hits := v.world.CanaryHits(); len(hits) > 0 {
		t.Errorf("a foreign host was asked: %+v", hits)
	}
	if strings.Contains(v.log.String(), "panic") {
		t.Error("something panicked")
	}
}

// tells runs master once and wants a named line in its log, and in the check-in.
func (v *victim) tells(t *testing.T, code, words string) {
	t.Helper()
	v.call(t, "master")
	named := `code("?[:=]"?)` + code // under the host the log is JSON
	line := regexp.MustCompile(named + `[^\n]*` + words + `|` + words + `[^\n]*` + named)
	// The call is answered before its last lines came through the pipe.
	soon(t, fmt.Sprintf("a line of the log has %s and %q", code, words), func() bool { return line.MatchString(v.log.String()) })
	all := v.world.AlertLogic.CheckIns()
	if len(all) == 0 {
		t.Fatal("nobody checked in")
	}
	if last := all[len(all)-1].Body; !bytes.Contains(last, []byte(code)) || !regexp.MustCompile(words).Match(last) {
		t.Errorf("the check-in does not tell of %s and %q: %s", code, words, last)
	}
}

// tamper changes every row of a partition behind the collector's back.
func tamper(t *testing.T, store collect.Store, kind, partition string, change func(*collect.Row) bool) (changed int) {
	t.Helper()
	var rows []collect.Row
	for row, err := range store.List(t.Context(), kind, partition, "") {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	for _, row := range rows {
		if change(&row) {
			if _, err := store.Replace(t.Context(), row); err != nil {
				t.Fatal(err)
			}
			changed++
		}
	}
	return changed
}

// plant writes a row of the thief's own, over whatever is there.
func plant(t *testing.T, store collect.Store, row collect.Row) {
	t.Helper()
	if err := collect.Put(t.Context(), store, row); err != nil {
		t.Fatal(err)
	}
}
