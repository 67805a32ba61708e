package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"azcollector/internal/sim"
)

// TestBodiesThatAreRefused: a notification in a body that is too large, or packed, is not
// believed, and nothing is lost by that: the list has what it announced.
func TestBodiesThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, webhook := listeningCollector(t, w, "AzureWebJobs.pull.Disabled=false", "PULL_SCHEDULE=* * * * * *")
	client := clientOf(t, w, "")
	for i, c := range []struct {
		name   string
		body   func(notification string) (body io.Reader, encoding string)
		status int
	}{
		{"over 1 MiB", func(n string) (io.Reader, string) { return strings.NewReader(n + strings.Repeat(" ", 1<<20)), "" }, 413},
		{"over 1 MiB, of unknown length", func(n string) (io.Reader, string) {
			return io.MultiReader(strings.NewReader(n + strings.Repeat(" ", 1<<20))), ""
		}, 413},
		{"packed", func(n string) (io.Reader, string) { return packed(n), "gzip" }, 200},
		{"a bomb", func(n string) (io.Reader, string) { return packed(n + strings.Repeat(" ", 64<<20)), "gzip" }, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			record := fmt.Appendf(nil, `{"Id":"00000000-0000-4000-8000-%012d","CreationTime":"2026-11-22T00:00:00","RecordType":25}`, i)
			p := w.Offer(sim.Offer{ContentType: "Audit.Exchange", Records: [][]byte{record}, Unpushed: true})
			body, encoding := c.body(announcement(w, "Audit.Exchange", p.Listed[0]))
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, webhook, body)
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range secretOf(w) {
				req.Header.Set(name, value)
			}
			if encoding != "" {
				req.Header.Set("Content-Encoding", encoding)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != c.status {
				t.Errorf("answered %d, want %d", resp.StatusCode, c.status)
			}
			soon(t, "pull finds it", func() bool { return w.Book.Report().Lost == 0 })
		})
	}
	w.RequireClean(t)
}

func packed(text string) io.Reader {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // a level that there is
	_, _ = io.WriteString(z, text)                  // into memory
	_ = z.Close()
	return &b
}

// TestForeignAddresses: a contentUri leads to the configured API or nowhere, in whatever
// spelling, and the answer is 200, since any other makes Microsoft disable the webhook.
func TestForeignAddresses(t *testing.T) {
	w := newWorld(t)
	p, webhook := listeningCollector(t, w)
	settings := w.Settings()
	tenant, feed := settings["APP_TENANT_ID"], w.URL(sim.Management)
	host, canary := strings.TrimPrefix(feed, "https://"), strings.TrimPrefix(w.URL(sim.Canary), "https://")
	_, port, _ := strings.Cut(host, ":")
	path := "/api/v1.0/" + tenant + "/activity/feed/audit/"
	var entries []string
	for i, uri := range []string{
		"https://" + canary + path + "ID", // another port
		"https://" + host + "@" + canary + path + "ID",
		"https://" + host + "%40" + canary + path + "ID",
		"https://user@" + host + path + "ID",
		"https://user:pass@" + host + path + "ID",
		"https://:@" + host + path + "ID",
		"https://@" + host + path + "ID",
		"https://" + canary + "#@" + host + path + "ID",
		"https://" + canary + "?@" + host + path + "ID",
		"https://" + canary + "\\@" + host + path + "ID",
		"https://" + canary + "/" + host + path + "ID",
		"https:\\\\" + host + path + "ID",
		"https:/" + host + path + "ID",
		"https:" + host + path + "ID",
		"//" + host + path + "ID",
		path + "ID",
		"http://" + host + path + "ID",
		"ftp://" + host + path + "ID",
		"file://" + path + "ID",
		"javascript:" + path + "ID",
		"https://127.0.0.1" + path + "ID",
		"https://127.0.0.1:0" + port + path + "ID",
		"https://127.0.0.1:" + path + "ID",
		"https://127.0.0.1:65536" + path + "ID",
		"https://127.0.0.1:-1" + path + "ID",
		"https://127.0.0.1.:" + port + path + "ID",
		"https://127.1:" + port + path + "ID",
		"https://127.000.000.001:" + port + path + "ID",
		"https://0x7f.0.0.1:" + port + path + "ID",
		"https://2130706433:" + port + path + "ID",
		"https://localhost:" + port + path + "ID",
		"https://LOCALHOST:" + port + path + "ID",
		"https://127.0.0.1.evil.example:" + port + path + "ID",
		"https://[::1]:" + port + path + "ID",
		"https://[::ffff:127.0.0.1]:" + port + path + "ID",
		"https://[::ffff:7f00:1%25lo]:" + port + path + "ID",
		"https://①②⑦.0.0.1:" + port + path + "ID",
		"https://127。0。0。1:" + port + path + "ID",
		"https://xn--127-0.0.1:" + port + path + "ID",
		"https://127.0.0.1%00.evil.example:" + port + path + "ID",
		"https://127.0.0.1\t:" + port + path + "ID",
		"https://127.0.0.1\n.evil.example:" + port + path + "ID",
		" https://" + host + path + "ID",
		"https://" + host + path + "ID ",
		"https://" + host + path + "ID\r\nX-Evil: a",
		"https://" + host + path + "ID\x00",
		"https://" + host + path + "ID#a",
		"https://" + host + path + "ID#",
		"https://" + host + path + "ID%23a",
		"https://" + host + path + "ID%3Fa=b",
		"https://" + host + path + "../ID",
		"https://" + host + path + "./ID",
		"https://" + host + path + "%2e%2e/ID",
		"https://" + host + path + "..%2fID",
		"https://" + host + path + "%2e%2e%2fID",
		"https://" + host + path + "..%5cID",
		"https://" + host + path + "..\\ID",
		"https://" + host + path + "%252e%252e/ID",
		"https://" + host + path + "/ID",
		"https://" + host + path + "a/ID",
		"https://" + host + path + "ID/",
		"https://" + host + path + "ID/..",
		"https://" + host + path + "ID%00",
		"https://" + host + path + "ID%0d%0aX-Evil:%20a",
		"https://" + host + "/" + path + "ID",
		"https://" + host + "/x/.." + path + "ID",
		"https://" + host + "//" + canary + path + "ID",
		"https://" + host + strings.ToUpper(path) + "ID",
		"https://" + host + strings.Replace(path, "v1.0", "v1", 1) + "ID",
		"https://" + host + strings.Replace(path, "audit", "subscriptions", 1) + "ID",
		"https://" + host + strings.Replace(path, tenant, "00000000-0000-0000-0000-000000000001", 1) + "ID",
		"https://" + host + strings.Replace(path, tenant, tenant+"%2f..", 1) + "ID",
		"https://" + host + path + "other",
		"", "https://", "https:", ":", "%", "https://%zz" + path + "ID",
	} {
		id := fmt.Sprintf("x%d", i)
		text, err := json.Marshal(strings.ReplaceAll(uri, "ID", id))
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, fmt.Sprintf(`{"contentType":"Audit.Exchange","contentId":%q,"contentUri":%s}`, id, text))
	}
	client := clientOf(t, w, "")
	if got := post(client, webhook, "["+strings.Join(entries, ",")+"]", secretOf(w)); got != "200" {
		t.Errorf("answered %s", got)
	}
	soon(t, "the notification is logged", func() bool { return strings.Contains(p.log.String(), "msg=notification ") })
	if want := fmt.Sprintf("refused=%d ", len(entries)); !strings.Contains(p.log.String(), want) || !strings.Contains(p.log.String(), "announced=0 ") {
		t.Errorf("want %s and announced=0 in the log", want)
	}
	if calls := w.Calls(); calls.Blobs != 0 {
		t.Errorf("%d contents were asked for", calls.Blobs)
	}
	// An address of ours in an honest spelling is asked for, so the ones above could have been.
	published := w.Offer(sim.Offer{ContentType: "Audit.Exchange", Records: [][]byte{[]byte(`{"Id":"1","CreationTime":"2026-11-22T00:00:00"}`)}, Unpushed: true})
	if got := post(client, webhook, strings.Replace(announcement(w, "Audit.Exchange", published.Listed[0]), "https://", "HTTPS://", 1), secretOf(w)); got != "200" {
		t.Errorf("answered %s", got)
	}
	soon(t, "the record arrived", func() bool { return w.Book.Report().Lost == 0 })
	if hits := w.CanaryHits(); len(hits) > 0 {
		t.Errorf("the canary was called: %+v", hits)
	}
	w.RequireClean(t)
}

// TestReplayedNotifications: who heard a notification on its way may send it again and
// again: it is answered, and fetched once.
func TestReplayedNotifications(t *testing.T) {
	w := newWorld(t)
	p, webhook := listeningCollector(t, w)
	published := w.Offer(sim.Offer{ContentType: "Audit.Exchange", Records: [][]byte{[]byte(`{"Id":"1","CreationTime":"2026-11-22T00:00:00"}`)}, Unpushed: true})
	notification := announcement(w, "Audit.Exchange", published.Listed[0])
	answers := make(chan string)
	const callers, each = 8, 125
	for range callers {
		go func() {
			client := clientOf(t, w, "")
			for range each {
				answers <- post(client, webhook, notification, secretOf(w))
			}
		}()
	}
	for i := range callers * each {
		if got := <-answers; got != "200" {
			t.Fatalf("answer %d is %s", i, got)
		}
	}
	soon(t, "the record arrived", func() bool { return w.Book.Report().Lost == 0 })
	p.interrupt(t)
	if calls, r := w.Calls(), w.Book.Report(); calls.Blobs != 1 || r.Received != 1 {
		t.Errorf("fetched %d times; %+v", calls.Blobs, r)
	}
	w.RequireClean(t)
}
