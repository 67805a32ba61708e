package pull_test

import (
	"crypto/x509"
	"net/url"
	"os"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
	"azcollector/internal/sim"
	"azcollector/internal/wire"
)

// feedOf is the real client of a simulated world whose types are subscribed to.
func feedOf(t *testing.T, w *sim.World, tenant string, types []string) *microsoft.Feed {
	t.Helper()
	settings := w.Settings()
	root, err := os.ReadFile(w.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	client := wire.Client(wire.Options{Roots: roots})
	t.Cleanup(client.CloseIdleConnections)
	cloud := microsoft.Cloud{Name: "public", Authority: parse(t, settings["AZURE_AUTHORITY_HOST"]), Management: parse(t, settings["O365_MANAGEMENT_URL"])}
	tokens, err := microsoft.NewTokens(cloud, microsoft.Credentials{ClientID: settings["APP_CLIENT_ID"], ClientSecret: settings["APP_CLIENT_SECRET"]}, client)
	if err != nil {
		t.Fatal(err)
	}
	for _, contentType := range types {
		w.EditSubscription(contentType, func(s *sim.Subscription) { s.Status = "enabled" })
	}
	return microsoft.NewFeed(microsoft.FeedOptions{Cloud: cloud, Tokens: tokens, Tenants: []string{tenant}, Publisher: tenant, HTTP: client})
}

func parse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// The whole way over TLS, by pages, with a server whose clock is not ours: what it
// offers is recorded, it saw every stretch listed, and the proof agrees.
func TestASimulatedWorld(t *testing.T) {
	w := sim.Start(t, sim.Options{Calm: true, Skew: -20 * time.Minute})
	who := w.Settings()["APP_TENANT_ID"]
	h := build(t, five...)
	feed := feedOf(t, w, who, five)
	h.Tenants = []string{who}
	h.Lister.Synchronise, h.Lister.Now, h.Lister.Contents = feed.Synchronise, feed.ServerTime, feed.Contents
	if err := feed.Synchronise(t.Context(), who); err != nil {
		t.Fatal(err)
	}
	begun := feed.ServerTime().Add(-time.Hour).Truncate(time.Second) // the list tells milliseconds only
	for i := range 40 {
		w.Offer(sim.Offer{
			ContentType: five[i%5], Unpushed: true, Created: begun.Add(time.Duration(i) * time.Minute),
			Records: [][]byte{[]byte(`{"Id":"1","CreationTime":"2026-11-01T00:00:00","RecordType":1}`)},
		})
	}
	h.run()
	p := h.prover()
	p.Tenant, p.Synchronise, p.Now, p.Contents = who, feed.Synchronise, feed.ServerTime, feed.Contents
	proof, err := p.Run(t.Context(), begun, feed.ServerTime())
	if err != nil || !proof.Clean() {
		t.Fatalf("%+v, %v", proof, err)
	}
	for _, of := range proof.Types {
		if of.Offered != 8 || of.Pending != 8 || of.Records != (collect.Tally{}) {
			t.Errorf("%+v", of)
		}
		if unlisted := w.Unlisted(of.Type, begun, begun.Add(time.Hour)); unlisted != nil {
			t.Errorf("%s was not listed in %v", of.Type, unlisted)
		}
	}
	if calls := w.Calls(); calls.Pages == 0 {
		t.Error("there were no pages")
	}
	w.RequireClean(t)
}
