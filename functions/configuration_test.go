package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"azcollector/internal/dsse"
	"azcollector/internal/sim"
	"azcollector/internal/state/azurite"
)

// A publisher serves what lies at CONFIG_URL, and signs it with the real program.
type publisher struct {
	t       *testing.T
	key     string
	env     []string
	content atomic.Pointer[[]byte]
}

func newPublisher(t *testing.T) *publisher {
	t.Helper()
	public, key := signingKey(t)
	p := &publisher{t: t, key: key}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := p.content.Load()
		if text == nil {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(*text)
	}))
	t.Cleanup(server.Close)
	p.env = []string{"CONFIG_URL=" + server.URL + "/config?sig=very-secret", "CONFIG_PUBLIC_KEY=" + dsse.FormatKey(public)}
	return p
}

func (p *publisher) publish(document string) {
	p.t.Helper()
	file := filepath.Join(p.t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
		p.t.Fatal(err)
	}
	sign := exec.CommandContext(p.t.Context(), os.Args[0], "config", "sign", "--key", p.key, file)
	sign.Env = asItself()
	text, err := sign.Output()
	if err != nil {
		p.t.Fatalf("sign: %v", err)
	}
	p.content.Store(&text)
}

// say runs a command against the same state, and returns all that it says.
func say(t *testing.T, env map[string]string, args ...string) (code int, said string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], args...)
	command.Dir, command.Env = t.TempDir(), asItself()
	for name, value := range env {
		command.Env = append(command.Env, name+"="+value)
	}
	text, _ := command.CombinedOutput() // its code is returned
	return command.ProcessState.ExitCode(), string(text)
}

// A configuration takes effect on two running collectors, and what is no good changes
// nothing on either.
func TestConfigurationOnTwoCollectors(t *testing.T) {
	t.Parallel()
	world, publisher := newWorld(t), newPublisher(t)
	env := settingsOf(world, append(publisher.env, "AzureWebJobsStorage="+azurite.Start(t), "LISTEN=127.0.0.1:0", "PUBLIC_URL=none",
		"PULL_SCHEDULE=* * * * * *", `O365_CONTENT_STREAMS=["Audit.Exchange","Audit.General"]`)...)
	one, two := run(t, env, "serve"), run(t, env, "serve")
	both := func(words string) func() bool {
		return func() bool {
			return strings.Contains(one.log.String(), words) && strings.Contains(two.log.String(), words)
		}
	}
	offer := func(contentType, id string) {
		world.Offer(sim.Offer{ContentType: contentType, Records: onlyRecord(id), Unpushed: true})
	}
	offer("Audit.General", "before")
	soon(t, "what both types offer arrives", func() bool { return world.Book.Report().Lost == 0 })

	publisher.publish(`{"version": 7, "settings": {"O365_CONTENT_STREAMS": ["Audit.Exchange"], "O365_CONCURRENCY": 3, "LOG_LEVEL": "debug"}}`)
	if code, said := say(t, env, "update"); code != 0 || !strings.Contains(said, "configuration version 7") {
		t.Fatalf("update: %d %s", code, said)
	}
	soon(t, "both use it", both("uses the configuration"))
	offer("Audit.General", "switched off")
	offer("Audit.Exchange", "left on")
	soon(t, "only the type that is left on arrives", func() bool { return world.Book.Report().Lost == 1 })

	for name, c := range map[string]struct{ document, want string }{
		"older":        {`{"version": 6, "settings": {}}`, "older"},
		"a host":       {`{"version": 8, "settings": {"APP_INGEST_ENDPOINT": "evil.example"}}`, ""},
		"a bad value":  {`{"version": 8, "settings": {"O365_CONCURRENCY": 0}}`, "O365_CONCURRENCY"},
		"no signature": {"", "parse the envelope"},
	} {
		switch name {
		case "no signature":
			text := []byte("APP_INGEST_ENDPOINT=evil.example")
			publisher.content.Store(&text)
		case "a host": // our own tool does not sign that, but the key's holder may have another
			publisher.content.Store(new(forge(t, publisher.key, c.document)))
			c.want = "APP_INGEST_ENDPOINT"
		default:
			publisher.publish(c.document)
		}
		code, said := say(t, env, "update")
		if code == 0 || !strings.Contains(said, c.want) || strings.Contains(said, "very-secret") {
			t.Errorf("%s: %d %s", name, code, said)
		}
		if code, said := say(t, env, "status"); code != 0 || !strings.Contains(said, "version 7") || !strings.Contains(said, "not taken: ") {
			t.Errorf("%s: status %d %s", name, code, said)
		}
	}
	_, _ = say(t, env, "run", "master")
	if _, said := say(t, env, "status"); !strings.Contains(said, "AZC1401") || !strings.Contains(said, "AZC1402") || !strings.Contains(said, "Audit.General") {
		t.Errorf("nobody tells of the refused configuration, or of the type that is off: %s", said)
	}
	if world.Book.Report().Lost != 1 {
		t.Error("something refused has switched the type on")
	}

	publisher.publish(`{"version": 9, "settings": {}}`)
	if code, said := say(t, env, "update"); code != 0 {
		t.Fatalf("update: %s", said)
	}
	soon(t, "what was switched off arrives", func() bool { return world.Book.Report().Lost == 0 })
	one.interrupt(t)
	two.interrupt(t)
	world.RequireClean(t)
}

// forge signs what our own tool refuses to.
func forge(t *testing.T, file, document string) []byte {
	t.Helper()
	key, err := dsse.ReadKey(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := dsse.Sign("application/vnd.azcollector.config.v1+json", []byte(document), key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The schema in docs/ knows the settings that the code takes, and no others.
func TestConfigurationSchema(t *testing.T) {
	var schema struct {
		Properties struct {
			Settings struct{ Properties map[string]json.RawMessage }
		}
	}
	readJSONFile(t, "../docs/config.schema.json", &schema)
	for _, name := range syncable() {
		if schema.Properties.Settings.Properties[name] == nil {
			t.Errorf("docs/config.schema.json does not know %s", name)
		}
	}
	if n := len(schema.Properties.Settings.Properties); n != len(syncable()) {
		t.Errorf("docs/config.schema.json knows %d settings, the code %d", n, len(syncable()))
	}
}
