package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"azcollector/internal/dsse"
	"azcollector/internal/sim"
	"azcollector/internal/state/azurite"
)

// punctuation is what JSON, HTML, queries and forms write otherwise.
const punctuation = `<&"'/+=\%~`

// secretsOf are the canaries of one collector; the world's tokens are told by how all of
// them begin.
var (
	canarySecret   = newCanary("APP_CLIENT_SECRET", punctuation)
	canaryKeyID    = newCanary("APP_AL_ACCESS_KEY_ID", "-")
	canaryKey      = newCanary("APP_AL_SECRET_KEY", punctuation)
	canaryAuthID   = newCanary("O365_WEBHOOK_AUTH_ID", punctuation)
	canaryOldID    = newCanary("the AuthID before it", punctuation)
	canaryConfig   = newCanary("the signature in CONFIG_URL", "%2B")
	canaryManifest = newCanary("the signature in UPDATE_MANIFEST_URL", "%2F")
	canaryToken    = canary{name: "a token of Entra", head: "eyJ0eXAiOiJKV1Qi", tail: "JhbGciOiJIUzI1NiJ9"}
	canaryAIMS     = canary{name: "a token of AIMS", head: "sim-aims-token-", tail: "sim-aims-token-"}
)

// A nest is a collector whose every secret is a canary, in a world that repeats them.
type nest struct {
	t     *testing.T
	world *sim.World
	env   map[string]string
	*search
}

func newNest(t *testing.T, more ...string) *nest {
	t.Helper()
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	n := &nest{t: t, search: newSearch(canarySecret, canaryKeyID, canaryKey, canaryAuthID, canaryOldID, canaryConfig, canaryManifest, canaryToken, canaryAIMS)}
	n.world = sim.Start(t, sim.Options{
		Calm: true, PageSize: 2, ClientSecret: canarySecret.value, AccessKeyID: canaryKeyID.value, SecretKey: canaryKey.value,
		AuthID: canaryOldID.value, Push: sim.PushOptions{To: "https://" + address + hostWebhookPath},
	})
	certificate, key, err := n.world.IssueCertificate("nest")
	if err != nil {
		t.Fatal(err)
	}
	public, _ := signingKey(t)
	shop := httptest.NewServer(http.HandlerFunc(parroting)) // whose answers repeat the address
	t.Cleanup(shop.Close)
	n.env = settingsOf(n.world, append([]string{
		"LISTEN=" + address, "TLS_CERT=" + certificate, "TLS_KEY=" + key, "PUBLIC_URL=https://" + address, "STATE_DIR=" + t.TempDir(),
		"PULL_SCHEDULE=* * * * * *", "LOG_LEVEL=trace", "GOTRACEBACK=system",
		"CONFIG_URL=" + shop.URL + "/config?sig=" + canaryConfig.value, "CONFIG_PUBLIC_KEY=" + dsse.FormatKey(public),
		"UPDATE_MANIFEST_URL=" + shop.URL + "/manifest?sig=" + canaryManifest.value, "UPDATE_PUBLIC_KEYS=" + dsse.FormatKey(public),
	}, more...)...)
	return n
}

var turn atomic.Int64

// parroting answers in ever different ways, and always with the request.
func parroting(w http.ResponseWriter, r *http.Request) {
	switch turn.Add(1) % 4 {
	case 0:
		w.Header().Set("Location", "https://elsewhere.example/"+r.URL.String())
		w.WriteHeader(http.StatusFound)
	case 1:
		http.Error(w, r.URL.String(), http.StatusForbidden)
	case 2:
		_, _ = fmt.Fprintf(w, `{"payload":%q,"payloadType":%q,"signatures":[{"sig":"AAAA"}]}`, r.URL, r.URL)
	default:
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = fmt.Fprintf(conn, "%s\r\n\r\n", r.URL)
			_ = conn.Close()
		}
	}
}

// ask runs a command and searches what it says.
func (n *nest) ask(args ...string) string {
	n.t.Helper()
	_, said := say(n.t, n.env, args...)
	n.add("what the command says: "+strings.Join(args[:min(len(args), 2)], " "), said)
	return said
}

// everyCommand asks for all that a command can tell.
func (n *nest) everyCommand() {
	n.t.Helper()
	for _, line := range []string{
		"settings", "doctor", "doctor --json", "status", "status --json", "register", "run master", "run pull", "run updater", "update",
		"subscriptions list", "subscriptions start", "deadletter list", "deadletter list --json", "prove --json", "backfill --since 1h",
		"trace 00000000-0000-4000-8000-000000000001", "webhook rotate", "run content --payload nonsense",
	} {
		n.ask(strings.Fields(line)...)
	}
	for line := range strings.Lines(n.ask("deadletter", "list", "--json")) {
		var letter struct{ Name string }
		if json.Unmarshal([]byte(line), &letter) == nil && letter.Name != "" {
			n.ask("deadletter", "show", letter.Name)
		}
	}
}

// weather is how the world repeats our secrets to us.
var weather = []sim.Rule{
	{Kind: sim.Echo, Status: 401}, {Kind: sim.Echo, Status: 403}, {Kind: sim.Echo, Status: 400}, {Kind: sim.Echo, Status: 404},
	{Kind: sim.Echo, Status: 307}, {Kind: sim.Echo, Status: 500}, {Kind: sim.Echo, Status: 200}, {Kind: sim.Parrot}, {Kind: sim.Parrot, Status: 418},
}

// storm lets every operation fail in one way, each the first few times that it is asked for.
func (n *nest) storm(rule sim.Rule) {
	n.world.Dial.Clear()
	for _, op := range sim.Ops() {
		rule.Op, rule.Count = op, 2
		if rule.Status == 401 {
			rule.Count = 3 // the first one is answered with a new token
		}
		n.world.Dial.Set(rule)
	}
	for _, contentType := range []string{"Audit.General", "Audit.Exchange"} {
		n.world.EditSubscription(contentType, func(s *sim.Subscription) { // one that is to be started again
			if s.Webhook != nil {
				s.Webhook.AuthID = "another"
			}
		})
	}
	mark := fmt.Sprint("storm ", rule.Kind, rule.Status)
	for i := range 3 {
		n.world.Offer(sim.Offer{ContentType: "Audit.General", Records: onlyRecord(fmt.Sprint(mark, i))})
	}
}

// outcome is what the world got and was not asked to keep to itself.
func (n *nest) destination() {
	for _, c := range n.world.AlertLogic.CheckIns() {
		n.add("check-ins", string(c.Body))
	}
	for _, r := range n.world.AlertLogic.Registrations() {
		n.add("registrations", string(r.Body))
	}
	for _, s := range n.world.Subscriptions() {
		if s.Webhook != nil {
			n.add("subscriptions at Microsoft", s.Webhook.Address+" "+s.Webhook.AuthID)
		}
	}
	if hits := n.world.CanaryHits(); len(hits) > 0 {
		n.t.Errorf("a redirect was followed: %+v", hits)
	}
}

// strangers call with the right secret and the wrong body, and with half of it.
func (n *nest) strangers() {
	client := certifiedClient(n.t, n.world)
	for _, call := range []struct{ method, path, auth, body string }{
		{"POST", hostWebhookPath, canaryAuthID.value, `{"authId":"` + canaryAuthID.value + `"`},
		{"POST", hostWebhookPath, canaryAuthID.value, `[{"contentUri":"https://` + canaryAuthID.head + `/","contentId":"` + canaryAuthID.tail + `"}]`},
		{"POST", hostWebhookPath, canaryAuthID.head, `[]`},
		{"POST", hostWebhookPath, canaryAuthID.value + "x", `[]`},
		{"GET", healthPath, canaryAuthID.value, ""},
	} {
		req, err := http.NewRequestWithContext(n.t.Context(), call.method, n.env["PUBLIC_URL"]+call.path, strings.NewReader(call.body))
		if err != nil {
			n.t.Fatal(err)
		}
		req.Header.Set("Webhook-AuthID", call.auth)
		resp, err := client.Do(req)
		if err != nil {
			n.t.Fatal(err)
		}
		said := new(strings.Builder)
		_ = resp.Write(said)
		_ = resp.Body.Close()
		n.add("what strangers hear", said.String())
	}
}

// live runs serve through everything, twice, for the second AuthID succeeds the first,
// and ends with a dump of all goroutines while requests are under way.
func (n *nest) live(weather []sim.Rule) {
	t, world := n.t, n.world
	first := run(t, n.env, "serve")
	soon(t, "every type is subscribed", func() bool { return len(world.Subscriptions()) >= 4 })
	first.interrupt(t)
	n.add("log", first.log.String())

	n.env["O365_WEBHOOK_AUTH_ID"] = canaryAuthID.value
	p := run(t, n.env, "serve")
	offerSome(world, "calm", 8)
	soon(t, "every record arrives", func() bool { return world.Book.Report().Lost == 0 })
	n.strangers()
	n.everyCommand()
	for _, rule := range weather {
		n.storm(rule)
		for range 2 {
			for _, line := range []string{"doctor", "run master", "run pull", "register", "subscriptions start", "update", "status"} {
				n.ask(strings.Fields(line)...)
			}
		}
		if struck := world.Dial.Counts()[rule.Kind]; struck < 8 {
			t.Errorf("%s %d struck only %d times", rule.Kind, rule.Status, struck)
		}
	}
	world.Dial.Clear()
	n.everyCommand()
	n.ask("deadletter", "replay", "--all")
	t.Logf("of %d records %d are still to come: what met a refusal waits longer than this test", world.Book.Report().Published, world.Book.Report().Lost)

	world.Dial.Set(sim.Rule{Kind: sim.Hang}) // until the program ends
	offerSome(world, "last", 4)
	struck := world.Dial.Counts()[sim.Hang]
	soon(t, "requests hang", func() bool { return world.Dial.Counts()[sim.Hang] > struck })
	if err := p.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // ends with 2
	if !strings.Contains(p.log.String(), "goroutine ") {
		t.Error("SIGQUIT dumped no goroutines")
	}
	n.add("log", p.log.String())
	n.destination()
}

// belonging is where the secrets of both kinds of state belong.
func belonging(kept string) []refuge {
	return []refuge{
		{canaryAuthID.name, kept, "a process that starts must know what Microsoft sends"},
		{canaryOldID.name, kept, "it is taken for another 24 h"},
		{canaryOldID.name, "subscriptions at Microsoft", "Microsoft sends it back with each notification, until the type may be started again"},
	}
}

func TestNoSecretLeavesTheEmbeddedStore(t *testing.T) {
	t.Parallel()
	n := newNest(t)
	n.live(weather)
	n.addFiles(t, "file", n.env["STATE_DIR"])
	n.judge(t, belonging("file state.db")...)
}

func TestNoSecretLeavesTheStorageAccount(t *testing.T) {
	onlyInSoak(t)
	t.Parallel()
	connection := azurite.Start(t)
	n := newNest(t, "AzureWebJobsStorage="+connection)
	_, key, _ := strings.Cut(connection, "AccountKey=")
	key, _, _ = strings.Cut(key, ";")
	n.canaries = append(n.canaries, canaryOf("the key in AzureWebJobsStorage", key))
	n.live([]sim.Rule{weather[0], weather[2], {Kind: sim.Parrot}}) // the others are the embedded store's
	dumpStorage(t, n.search, connection)
	n.judge(t, belonging("tables")...)
}

// Under the Functions host there is no command; what is told goes into its log and the
// replies, which the portal shows.
func TestNoSecretLeavesUnderTheHost(t *testing.T) {
	onlyInSoak(t)
	t.Parallel()
	connection := azurite.Start(t)
	n := newNest(t)
	n.env["AzureWebJobsStorage"] = connection
	address := n.env["LISTEN"]
	_, n.env["FUNCTIONS_CUSTOMHANDLER_PORT"], _ = strings.Cut(address, ":")
	for _, name := range []string{"LISTEN", "TLS_CERT", "TLS_KEY", "STATE_DIR"} {
		delete(n.env, name)
	}
	n.env["PUBLIC_URL"], n.env["O365_WEBHOOK_AUTH_ID"] = "none", canaryAuthID.value
	p := run(t, n.env)
	h := newFakeHost(t, address)
	h.waitUntilReady()
	invoke := func(names ...string) {
		for _, name := range names {
			binding, value := "timer", any(map[string]any{})
			if name == "content" {
				binding, value = "msg", any("nonsense "+canaryAuthID.head)
			}
			for _, line := range h.invoke(name, binding, value).logs {
				n.add("replies", line)
			}
		}
	}
	invoke("master", "pull", "updater")
	for _, rule := range weather {
		n.storm(rule)
		invoke("master", "pull", "updater", "pull")
	}
	_, answer := h.proxy(http.MethodPost, hostWebhookPath, "{}")
	n.add("what strangers hear", answer)
	p.kill()
	n.add("log", p.log.String())
	n.destination()
	dumpStorage(t, n.search, connection)
	if len(n.places["replies"]) == 0 {
		t.Error("the replies tell nothing")
	}
	n.judge(t, refuge{canaryAuthID.name, "tables", "a process that starts must know what Microsoft sends"})
}

// A panic is logged with its stack, and what it prints of our settings are masks.
func TestAPanicTellsNoSecret(t *testing.T) {
	secrets := newSearch(canarySecret, canaryKey)
	settings := Settings{ClientSecret: Secret(canarySecret.value), SecretKey: Secret(canaryKey.value)}
	var log logOf
	h, stop := hostWith(t, newLogger(&log, true), func(context.Context) (*rooms, error) {
		return &rooms{Functions: map[string]func(context.Context, []byte) error{
			"pull": func(context.Context, []byte) error { return inside(settings, canarySecret.value) },
		}}, nil
	})
	soon(t, "the house is open", func() bool { return strings.Contains(log.String(), "ready") })
	if got := h.invoke("pull", "timer", map[string]any{}); got.status != http.StatusInternalServerError {
		t.Errorf("answered %d", got.status)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "goroutine ") || !strings.Contains(log.String(), "***") {
		t.Errorf("no panic in %s", log.String())
	}
	secrets.add("log", log.String())
	secrets.judge(t)
}

// inside panics with the settings in its hand, and a secret among its arguments.
//
//go:noinline
func inside(s Settings, secret string) error {
	panic(fmt.Sprintf("%v %+v %#v, %d bytes at %s", s, s, s, len(secret), time.Now().UTC().Format(time.DateOnly)))
}

func dumpFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// onlyInSoak leaves a test to scripts/soak: it takes a minute, most of it waiting.
func onlyInSoak(t *testing.T) {
	t.Helper()
	if os.Getenv("SOAK") == "" {
		t.Skip("takes a minute: scripts/soak runs it")
	}
}
