package main

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"azcollector/internal/sim"
)

// incumbentCommands are about the collector that was there before ours, and about the
// front end that Azure puts before an app.
var incumbentCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"incumbent": cmdIncumbent,
	"frontend":  cmdFrontEnd,
	"sender":    cmdSender,
	"earliest":  cmdEarliest,
	"left":      cmdLeft,
	"lines":     cmdLines,
	"checkedin": cmdCheckedIn,
}

// The incumbent's place in Azure, by which azcollect knows it.
var place = sim.Collector{Subscription: "5e1c0f3a-0000-4000-8000-00000000a2e0", ResourceGroup: "logs", App: "o365-logs"}

// incumbent is a collector that was deployed long ago: registered, its webhook in the
// subscriptions, its settings in the environment by its own names and no other.
// $INCUMBENT is its webhook's address; the types in args have ours, as if it had had
// our app's name. Its subscriptions have no secret.
func cmdIncumbent(ts *testscript.TestScript, neg bool, args []string) {
	s := onStage(ts)
	registered := s.AlertLogic.Enrol(place)
	webhook := s.serveTLS(ts, "incumbent", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	ts.Setenv("INCUMBENT", webhook+hostWebhookPath)
	for _, contentType := range []string{"Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint", "Audit.General"} {
		address := webhook + hostWebhookPath
		if slices.Contains(args, contentType) {
			address = s.webhook
		}
		s.EditSubscription(contentType, func(sub *sim.Subscription) {
			sub.Status, sub.Webhook = "enabled", &sim.Webhook{Status: "enabled", Address: address}
		})
	}
	host := func(service sim.Service) string { return strings.TrimPrefix(s.URL(service), "https://") }
	for name, value := range map[string]string{
		"APP_CLIENT_ID": "", "APP_CLIENT_SECRET": "", "APP_AL_ACCESS_KEY_ID": "", "APP_AL_SECRET_KEY": "", "APP_AL_API_ENDPOINT": "",
		"COLLECTOR_HOST_ID": "", "COLLECTOR_SOURCE_ID": "", "O365_WEBHOOK_AUTH_ID": "",

		"CUSTOMCONNSTR_APP_CLIENT_ID":        ts.Getenv("APP_CLIENT_ID"),
		"CUSTOMCONNSTR_APP_CLIENT_SECRET":    ts.Getenv("APP_CLIENT_SECRET"),
		"CUSTOMCONNSTR_APP_CI_ACCESS_KEY_ID": ts.Getenv("APP_AL_ACCESS_KEY_ID"),
		"CUSTOMCONNSTR_APP_CI_SECRET_KEY":    ts.Getenv("APP_AL_SECRET_KEY"),
		"CUSTOMCONNSTR_APP_AL_API_ENDPOINT":  host(sim.AlertLogicAPI),
		"CUSTOMCONNSTR_APP_AL_RESIDENCY":     "default",
		"O365_TENANT_ID":                     strings.ToUpper(ts.Getenv("APP_TENANT_ID")),
		"O365_COLLECTOR_ID":                  registered.SourceID,
		"O365_HOST_ID":                       registered.HostID,
		"O365_CONTENT_STREAMS":               `["Audit.AzureActiveDirectory","Audit.Exchange","Audit.SharePoint","Audit.General"]`,
		"APP_SUBSCRIPTION_ID":                place.Subscription,
		"APP_RESOURCE_GROUP":                 place.ResourceGroup,
		"APP_INGEST_ENDPOINT":                host(sim.Ingest),
		"APP_AZCOLLECT_ENDPOINT":             host(sim.Azcollect),
		"WEBSITE_SITE_NAME":                  place.App,
		"WEBSITE_HOSTNAME":                   ts.Getenv("LISTEN"),
	} {
		ts.Setenv(name, value)
	}
}

// serveTLS serves under a certificate of the world until the script ends.
func (s *stage) serveTLS(ts *testscript.TestScript, name string, handler http.Handler) (address string) {
	certificate, key, err := s.IssueCertificate(name)
	ts.Check(err)
	pair, err := tls.LoadX509KeyPair(certificate, key)
	ts.Check(err)
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	ts.Defer(server.Close)
	return server.URL
}

// frontend puts a front end before the collector that lets in Microsoft only, and
// makes it the collector's PUBLIC_URL.
func cmdFrontEnd(ts *testscript.TestScript, neg bool, args []string) {
	s := onStage(ts)
	behind, err := url.Parse(strings.TrimSuffix(s.webhook, hostWebhookPath))
	ts.Check(err)
	proxy := httputil.NewSingleHostReverseProxy(behind)
	proxy.Transport = s.client.Transport
	address := s.serveTLS(ts, "frontend", sim.FrontEnd(proxy))
	ts.Setenv("PUBLIC_URL", address)
}

// senders are the identities that records came under.
type senders struct {
	mu   sync.Mutex
	seen []string // source and host
}

func (s *senders) note(m sim.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id := m.SourceID + " " + m.HostUUID; !slices.Contains(s.seen, id) {
		s.seen = append(s.seen, id)
	}
}

// sender SOURCE HOST: every record so far came under these.
func cmdSender(ts *testscript.TestScript, neg bool, args []string) {
	s := onStage(ts)
	s.senders.mu.Lock()
	defer s.senders.mu.Unlock()
	if want := []string{args[0] + " " + args[1]}; !slices.Equal(s.senders.seen, want) {
		ts.Fatalf("records came under %q, want %q", s.senders.seen, want)
	}
}

// earliest DURATION: no list was asked for that begins before the hour that was so
// long ago when the first one was, and one was that does.
func cmdEarliest(ts *testscript.TestScript, neg bool, args []string) {
	s := onStage(ts)
	lookback, err := time.ParseDuration(args[0])
	ts.Check(err)
	lists := s.ListTimes(sim.OpList)
	if len(lists) == 0 {
		ts.Fatalf("nothing was listed")
	}
	const second = time.Second // the collector knows the world's clock to one, and asks a moment before it is asked
	at := lists[0].UTC().Add(-lookback)
	if got := s.Earliest(); !got.Equal(at.Truncate(time.Hour)) && !got.Equal(at.Add(-2*second).Truncate(time.Hour)) {
		ts.Fatalf("lists begin at %s, want the hour of %s", got, at)
	}
}

// left N waits until all but so many records have arrived.
func cmdLeft(ts *testscript.TestScript, neg bool, args []string) {
	s := onStage(ts)
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		lost := s.Book.Report().Lost
		if lost == number(ts, args[0]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%d records have not arrived, want %s", lost, args[0])
		}
	}
}

// lines FILE N waits until a file has so many lines.
func cmdLines(ts *testscript.TestScript, neg bool, args []string) {
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		b, err := os.ReadFile(ts.MkAbs(args[0]))
		n := bytes.Count(b, []byte("\n"))
		if err == nil && n == number(ts, args[1]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s has %d lines, want %s (%v)", args[0], n, args[1], err)
		}
	}
}

// checkedin 0: nobody did. checkedin SUBSCRIPTION GROUP APP: all did under this path.
func cmdCheckedIn(ts *testscript.TestScript, neg bool, args []string) {
	all := onStage(ts).AlertLogic.CheckIns()
	if len(args) == 1 {
		if len(all) != number(ts, args[0]) {
			ts.Fatalf("there are %d check-ins, want %s", len(all), args[0])
		}
		return
	}
	for _, c := range all {
		if got := []string{c.Subscription, c.ResourceGroup, c.App}; !slices.Equal(got, args) {
			ts.Fatalf("checked in as %q, want %q", got, args)
		}
	}
}
