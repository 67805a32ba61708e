package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"azcollector/internal/sim"
)

// peakOf is the most memory that a process ever held.
func peakOf(t *testing.T, pid int) (bytes int64) {
	t.Helper()
	status, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			if _, err := fmt.Sscanf(value, "%d kB", &bytes); err != nil {
				t.Fatal(err)
			}
			return bytes << 10
		}
	}
	t.Fatal("the kernel tells no peak")
	return 0
}

// listeningCollector runs serve in a world, with what else is set, until it answers.
// Only notifications make it work.
func listeningCollector(t *testing.T, w *sim.World, more ...string) (p *process, webhook string) {
	t.Helper()
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := w.IssueCertificate("collector")
	if err != nil {
		t.Fatal(err)
	}
	p = run(t, settingsOf(w, append([]string{
		"LISTEN=" + address, "TLS_CERT=" + cert, "TLS_KEY=" + key, "STATE_DIR=" + t.TempDir(), "PUBLIC_URL=none",
		"AzureWebJobs.pull.Disabled=true", "AzureWebJobs.master.Disabled=true",
	}, more...)...), "serve")
	client := clientOf(t, w, "")
	webhook = "https://" + address + hostWebhookPath
	soon(t, "the collector answers", func() bool {
		resp, err := client.Get(webhook)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err == nil
	})
	return p, webhook
}

// announcement is the notification of contents that a world lists.
func announcement(w *sim.World, kind string, ids ...string) string {
	tenant := w.Settings()["APP_TENANT_ID"]
	var entries []string
	for _, id := range ids {
		entries = append(entries, fmt.Sprintf(`{"tenantId":%q,"clientId":"","contentType":%q,"contentId":%q,"contentUri":%q,"notificationStatus":null,"contentCreated":%q,"contentExpiration":%q}`,
			tenant, kind, id, w.URL(sim.Management)+"/api/v1.0/"+tenant+"/activity/feed/audit/"+id,
			time.Now().UTC().Format(time.RFC3339), time.Now().Add(7*24*time.Hour).UTC().Format(time.RFC3339)))
	}
	return "[" + strings.Join(entries, ",") + "]"
}

// secretOf is the header that opens the webhook.
func secretOf(w *sim.World) map[string]string {
	return map[string]string{"Webhook-AuthID": w.Settings()["O365_WEBHOOK_AUTH_ID"], "Content-Type": "application/json; utf-8"}
}

// TestSlowCallers: 600 connections at 64 places (10,000 in scripts/chaos flood) let a
// genuine notification through, each on a connection of its own. If the crowd is one
// peer, the first attempt is answered; peers without number can cut off a connection that
// is about to ask, so then Microsoft may have to try again, as it does.
func TestSlowCallers(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("memory is counted, and other addresses of loopback used, on Linux only")
	}
	for _, c := range []struct {
		name     string
		peers    int
		attempts int
	}{{"one peer", 1, 1}, {"a peer each", 600, 50}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			p, webhook := listeningCollector(t, w, "MAX_CONNECTIONS=64")
			crowd := &sim.Crowd{Address: strings.TrimSuffix(strings.TrimPrefix(webhook, "https://"), hostWebhookPath),
				Path: hostWebhookPath, Size: 600, Peers: c.peers}
			ctx, stop := context.WithCancel(t.Context())
			gone := make(chan struct{})
			go func() { defer close(gone); crowd.Run(ctx) }()
			defer func() { stop(); <-gone }()
			soon(t, "all of the crowd have been there", func() bool { return crowd.Connected.Load() >= 600 })
			for i := range 10 {
				published := w.Offer(sim.Offer{ContentType: "Audit.Exchange", Records: [][]byte{fmt.Appendf(nil, `{"Id":"%d","CreationTime":"2026-11-22T00:00:00"}`, i)}, Unpushed: true})
				client := clientOf(t, w, "127.0.0.1")
				status, tries := "", 0
				for ; status != "200" && tries < c.attempts; tries++ {
					status = post(client, webhook, announcement(w, "Audit.Exchange", published.Listed[0]), secretOf(w))
				}
				if status != "200" {
					t.Errorf("notification %d is answered %s at attempt %d", i, status, tries)
				}
			}
			if crowd.Cut.Load() == 0 {
				t.Error("nobody was cut: there was no crowd")
			}
			soon(t, "all records arrived", func() bool { return w.Book.Report().Lost == 0 })
			w.RequireClean(t)
			t.Logf("%d connections, %d cut, %d answered, %d not let in; peak %d MB",
				crowd.Connected.Load(), crowd.Cut.Load(), crowd.Answered.Load(), crowd.Refused.Load(), peakOf(t, p.Process.Pid)>>20)
		})
	}
}
