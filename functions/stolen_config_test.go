package main

import (
	"encoding/json"
	"strings"
	"testing"

	"azcollector/internal/collect"
	"azcollector/internal/sim"
	"azcollector/internal/state/azurite"
)

// Who has the key that signs configurations can slow the collector down, and switch
// content types off: both are told by name. He can change no host, no secret and no
// destination, and cannot keep the owner from taking the collector back.
func TestStolenConfigurationKey(t *testing.T) {
	t.Parallel()
	world, publisher := newWorld(t), newPublisher(t)
	connection := azurite.Start(t)
	v := &victim{world: world, env: settingsOf(world, append(publisher.env, "AzureWebJobsStorage="+connection, "LISTEN=127.0.0.1:0", "PUBLIC_URL=none",
		"PULL_SCHEDULE=* * * * * *", "AzureWebJobs.master.Disabled=true", `O365_CONTENT_STREAMS=["Audit.Exchange","Audit.General"]`)...)}
	v.handler = &handler{process: run(t, v.env, "serve")}
	v.offer(1)
	v.arrives(t)

	// Whatever is not in the list of what may be synced is refused, with all beside it.
	canary := strings.TrimPrefix(world.URL(sim.Canary), "https://")
	version := int64(0)
	for i := range table {
		if table[i].synced {
			continue
		}
		version++
		document, err := json.Marshal(map[string]any{"version": version, "settings": map[string]any{table[i].name: canary, "O365_CONCURRENCY": 2}})
		if err != nil {
			t.Fatal(err)
		}
		publisher.content.Store(new(forge(t, publisher.key, string(document))))
		if code, said := say(t, v.env, "update"); code == 0 || !strings.Contains(said, table[i].name) {
			t.Errorf("%s: %d %s", table[i].name, code, said)
		}
	}
	for _, name := range []string{"HTTPS_PROXY", "SSL_CERT_FILE", "APP_INGEST_ENDPOINT_FILE", "app_ingest_endpoint", "CUSTOMCONNSTR_APP_AL_API_ENDPOINT"} {
		version++
		publisher.content.Store(new(forge(t, publisher.key, `{"version":`+jsonOf(version)+`,"settings":{"`+name+`":"`+canary+`"}}`)))
		if code, said := say(t, v.env, "update"); code == 0 || !strings.Contains(said, "cannot be synced") {
			t.Errorf("%s: %d %s", name, code, said)
		}
	}
	v.tells(t, "AZC1401", "not taken")

	// What may be synced, at its worst, under the highest version that there is.
	publisher.content.Store(new(forge(t, publisher.key, `{"version":9007199254740992,"settings":{"O365_CONTENT_STREAMS":["Audit.Exchange"],
		"O365_REQUESTS_PER_MINUTE":1,"O365_CONCURRENCY":1,"O365_MAX_CONTENT_BYTES":1,"LOG_LEVEL":"error","O365_LOOKBACK":"0s","APP_AL_MAX_PAYLOAD":1000}}`)))
	if code, said := say(t, v.env, "update"); code != 0 {
		t.Fatalf("update: %s", said)
	}
	v.offer(4)
	v.tells(t, "AZC1402", "Audit.General")
	v.tells(t, "AZC1406", "O365_REQUESTS_PER_MINUTE to 1 ")
	v.interrupt(t)

	// The owner makes a new key pair: the thief's document is nobody's, and its version
	// keeps no new one out.
	mine := newPublisher(t)
	for _, line := range mine.env {
		name, value, _ := strings.Cut(line, "=")
		v.env[name] = value
	}
	mine.publish(`{"version": 1, "settings": {"O365_CONCURRENCY": 4}}`)
	if code, said := say(t, v.env, "update"); code != 0 || !strings.Contains(said, "configuration version 1") {
		t.Fatalf("the owner's own document is not taken: %d %s", code, said)
	}
	v.handler = &handler{process: run(t, v.env, "serve")}
	v.arrives(t)
	v.unharmed(t, 0)
	kept, err := collect.LoadConfig(t.Context(), openStorage(t, connection), world.Settings()["APP_TENANT_ID"])
	if err != nil || kept.Version != 1 {
		t.Errorf("version %d is kept: %v", kept.Version, err)
	}
}

func jsonOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only numbers come here
	}
	return string(b)
}
