package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	tenant = "01234567-89ab-cdef-0123-456789abcdef"
	client = "89abcdef-0123-4567-89ab-cdef01234567"
)

// good is a self-hosted collector's environment without a complaint.
func good(changes ...string) map[string]string {
	env := map[string]string{
		"APP_TENANT_ID": tenant, "APP_CLIENT_ID": client, "APP_CLIENT_SECRET": "the client secret",
		"APP_AL_ACCESS_KEY_ID": "the key id", "APP_AL_SECRET_KEY": "the secret key",
		"LISTEN": "127.0.0.1:8443",
	}
	for _, change := range changes {
		name, value, _ := strings.Cut(change, "=")
		env[name] = value
	}
	return env
}

func mustLoad(t *testing.T, env map[string]string) Settings {
	t.Helper()
	s, err := LoadSettings(Sources{Env: env, Machine: "collector.example", Listens: true})
	if err != nil {
		t.Fatalf("LoadSettings: %v", err)
	}
	return s
}

func TestDefaults(t *testing.T) {
	s := mustLoad(t, good())
	got := map[string]any{
		"streams": len(s.ContentStreams), "budget": s.WebhookBudget, "lookback": s.Lookback,
		"bytes": s.MaxContentBytes, "timeout": s.RequestTimeout, "retention": s.StateRetention, "public": s.PublicURL.String(),
		"site": s.SiteName, "subscription": s.SubscriptionID, "sink": s.Sink, "payload": s.MaxPayload,
		"storage": s.Storage.Configured(), "level": s.LogLevel.String(), "warnings": len(s.Warnings),
	}
	want := map[string]any{
		"streams": 4, "budget": 4 * time.Second, "lookback": 24 * time.Hour,
		"bytes": int64(268435456), "timeout": time.Minute, "retention": 35 * 24 * time.Hour, "public": "https://collector.example",
		"site": "collector.example", "subscription": "self-hosted", "sink": "alertlogic", "payload": 700000,
		"storage": false, "level": "info", "warnings": 0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSingleMistakes(t *testing.T) {
	long := strings.Repeat("x", 129)
	underHost := "FUNCTIONS_CUSTOMHANDLER_PORT=1"
	for name, c := range map[string]struct {
		changes []string
		want    string
	}{
		"no tenant":               {[]string{"APP_TENANT_ID="}, "APP_TENANT_ID: missing; set the directory (tenant) id, a GUID"},
		"no client":               {[]string{"APP_CLIENT_ID="}, "APP_CLIENT_ID: missing; set the application (client) id, a GUID"},
		"tenant by name":          {[]string{"APP_TENANT_ID=contoso"}, "APP_TENANT_ID=contoso: must be a GUID like 01234567-89ab-cdef-0123-456789abcdef"},
		"no credential":           {[]string{"APP_CLIENT_SECRET="}, "APP_CLIENT_SECRET: missing; set it, or APP_CLIENT_CERTIFICATE, or APP_FEDERATED_IDENTITY"},
		"two credentials":         {[]string{"APP_FEDERATED_IDENTITY=" + client}, "APP_CLIENT_SECRET, APP_FEDERATED_IDENTITY: set together; set exactly one of them"},
		"certificate nowhere":     {[]string{"APP_CLIENT_SECRET=", "APP_CLIENT_CERTIFICATE=/nowhere"}, "APP_CLIENT_CERTIFICATE=***: must be PEM, a PFX file in base64, or the path of a readable PEM or PFX file"},
		"password alone":          {[]string{"APP_CLIENT_CERTIFICATE_PASSWORD=x"}, "APP_CLIENT_CERTIFICATE_PASSWORD: set without APP_CLIENT_CERTIFICATE; set both or neither"},
		"cloud":                   {[]string{"AZURE_CLOUD=mars"}, "AZURE_CLOUD=mars: must be one of public, gcc, gcchigh, dod, china"},
		"plain http":              {[]string{"AZURE_AUTHORITY_HOST=http://login.example"}, "AZURE_AUTHORITY_HOST=http://login.example: must begin with https:// (http:// is for 127.0.0.0/8 and [::1] only)"},
		"user info is not shown":  {[]string{"O365_MANAGEMENT_URL=https://me:pass@host.example"}, "O365_MANAGEMENT_URL=***: must not hold user info, a query or a fragment"},
		"streams no array":        {[]string{"O365_CONTENT_STREAMS=Audit.General"}, `O365_CONTENT_STREAMS=Audit.General: must be a JSON array like ["Audit.Exchange","Audit.General"]`},
		"streams empty":           {[]string{"O365_CONTENT_STREAMS=[]"}, `O365_CONTENT_STREAMS=[]: must be a JSON array like ["Audit.Exchange","Audit.General"]`},
		"stream unknown":          {[]string{`O365_CONTENT_STREAMS=["Audit.general"]`}, `O365_CONTENT_STREAMS=["Audit.general"]: names "Audit.general"; the known types are Audit.AzureActiveDirectory, Audit.Exchange, Audit.SharePoint, Audit.General, DLP.All`},
		"stream twice":            {[]string{`O365_CONTENT_STREAMS=["DLP.All","DLP.All"]`}, `O365_CONTENT_STREAMS=["DLP.All","DLP.All"]: names "DLP.All" twice`},
		"proxy":                   {[]string{"HTTPS_PROXY=http://user:pass word@proxy"}, "HTTPS_PROXY=***: must be the address of a proxy, like http://proxy.example:3128; Go would ignore this one and connect directly"},
		"auth id long":            {[]string{"O365_WEBHOOK_AUTH_ID=" + long}, "O365_WEBHOOK_AUTH_ID=***: must be at most 128 printable ASCII characters without spaces"},
		"auth id with a space":    {[]string{"O365_WEBHOOK_AUTH_ID=0123456789 0123456789"}, "O365_WEBHOOK_AUTH_ID=***: must be at most 128 printable ASCII characters without spaces"},
		"auth id not ASCII":       {[]string{"O365_WEBHOOK_AUTH_ID=0123456789éééééé"}, "O365_WEBHOOK_AUTH_ID=***: must be at most 128 printable ASCII characters without spaces"},
		"notifications":           {[]string{"O365_NOTIFICATIONS=bell"}, "O365_NOTIFICATIONS=bell: must be one of fetch, wake"},
		"schedule":                {[]string{"PULL_SCHEDULE=every minute"}, `PULL_SCHEDULE=every minute: must be an NCRONTAB of six fields, like "0 * * * * *" for every minute`},
		"lookback over a week":    {[]string{"O365_LOOKBACK=168h1s"}, "O365_LOOKBACK=168h1s: must be a duration from 0s to 168h, written like 90s, 12h or 2d"},
		"lookback days overflow":  {[]string{"O365_LOOKBACK=9999999999d"}, "O365_LOOKBACK=9999999999d: must be a duration from 0s to 168h, written like 90s, 12h or 2d"},
		"lookback without a unit": {[]string{"O365_LOOKBACK=24"}, "O365_LOOKBACK=24: must be a duration from 0s to 168h, written like 90s, 12h or 2d"},
		"budget":                  {[]string{"O365_WEBHOOK_BUDGET=61s"}, "O365_WEBHOOK_BUDGET=61s: must be a duration from 0s to 1m, written like 90s, 12h or 2d"},
		"concurrency":             {[]string{"O365_CONCURRENCY=0"}, "O365_CONCURRENCY=0: must be a whole number from 1 to 1024"},
		"public url":              {[]string{"PUBLIC_URL=collector.example"}, "PUBLIC_URL=collector.example: has no host; write it like https://host.example; or none, to pull only"},
		"sink":                    {[]string{"SINK=syslog"}, "SINK=syslog: must be one of alertlogic, jsonl"},
		"no access key":           {[]string{"APP_AL_ACCESS_KEY_ID="}, "APP_AL_ACCESS_KEY_ID: missing; SINK=alertlogic needs it"},
		"no secret key":           {[]string{"APP_AL_SECRET_KEY="}, "APP_AL_SECRET_KEY: missing; SINK=alertlogic needs it"},
		"endpoint with path user": {[]string{"APP_AL_API_ENDPOINT=me@api.example"}, "APP_AL_API_ENDPOINT=***: must not hold user info, a query or a fragment"},
		"endpoint plain http":     {[]string{"APP_INGEST_ENDPOINT=http://ingest.example"}, "APP_INGEST_ENDPOINT=http://ingest.example: must begin with https:// (http:// is for 127.0.0.0/8 and [::1] only)"},
		"stream":                  {[]string{"APP_AL_INGEST_STREAM=lm3"}, "APP_AL_INGEST_STREAM=lm3: must be one of logmsgs, aicspmsgs"},
		"payload small":           {[]string{"APP_AL_MAX_PAYLOAD=999"}, "APP_AL_MAX_PAYLOAD=999: must be a whole number from 1000 to 10000000"},
		"payload large":           {[]string{"APP_AL_MAX_PAYLOAD=10000001"}, "APP_AL_MAX_PAYLOAD=10000001: must be a whole number from 1000 to 10000000"},
		"deflate level":           {[]string{"DEFLATE_LEVEL=10"}, "DEFLATE_LEVEL=10: must be a whole number from 1 to 9"},
		"residency":               {[]string{"APP_AL_RESIDENCY=../x"}, "APP_AL_RESIDENCY=../x: must be letters, digits, - or _"},
		"yes":                     {[]string{"APP_AL_SEND_CLIENT_SECRET=yes"}, "APP_AL_SEND_CLIENT_SECRET=yes: must be true or false"},
		"two source ids":          {[]string{"COLLECTOR_SOURCE_ID=a", "O365_COLLECTOR_ID=b"}, "COLLECTOR_SOURCE_ID: COLLECTOR_SOURCE_ID and O365_COLLECTOR_ID differ; set one of them"},
		"two tenants":             {[]string{"O365_TENANT_ID=" + client}, "APP_TENANT_ID: APP_TENANT_ID and O365_TENANT_ID differ; set one of them; the tenant that it names is the one that is collected"},
		"subscriptions":           {[]string{"O365_SUBSCRIPTIONS=none"}, "O365_SUBSCRIPTIONS=none: must be one of manage, watch"},
		"two secrets":             {[]string{"CUSTOMCONNSTR_APP_CLIENT_SECRET=b"}, "APP_CLIENT_SECRET: APP_CLIENT_SECRET and CUSTOMCONNSTR_APP_CLIENT_SECRET differ; set one of them"},
		"secret file nowhere":     {[]string{"APP_CLIENT_SECRET=", "APP_CLIENT_SECRET_FILE=/nowhere"}, `APP_CLIENT_SECRET_FILE="/nowhere": must be the path of a readable file`},
		"jsonl without path":      {[]string{"SINK=jsonl"}, "JSONL_PATH: missing; SINK=jsonl needs the path of a file, or - for stdout"},
		"jsonl to the host":       {[]string{"SINK=jsonl", "JSONL_PATH=-", underHost}, "JSONL_PATH=-: must be the path of a file under the Functions host, which takes stdout for logs"},
		"connection string":       {[]string{"AzureWebJobsStorage=account"}, "AzureWebJobsStorage=***: must be a connection string like AccountName=…;AccountKey=…, or UseDevelopmentStorage=true"},
		"account name":            {[]string{"AzureWebJobsStorage__accountName=My_Account"}, "AzureWebJobsStorage__accountName=My_Account: must be 3 to 24 lower-case letters and digits"},
		"two storages":            {[]string{"AzureWebJobsStorage=UseDevelopmentStorage=true", "AzureWebJobsStorage__accountName=abc"}, "AzureWebJobsStorage: set beside AzureWebJobsStorage__accountName; set a connection string or an identity's account, not both"},
		"one service of three":    {[]string{"AzureWebJobsStorage__tableServiceUri=https://t.example"}, "AzureWebJobsStorage__accountName: missing; set it, or all of __tableServiceUri, __queueServiceUri and __blobServiceUri"},
		"retention too short":     {[]string{"STATE_RETENTION=7d"}, "STATE_RETENTION=7d: must be a duration from 192h to 9600h, written like 90s, 12h or 2d"},
		"listen to the world":     {[]string{"LISTEN=:8443"}, "LISTEN=:8443: must be on loopback (like 127.0.0.1:8443) without TLS; set TLS_CERT and TLS_KEY, or LISTEN_INSECURE=true behind a proxy that ends TLS"},
		"localhost is a name":     {[]string{"LISTEN=localhost:80"}, "LISTEN=localhost:80: must be on loopback (like 127.0.0.1:8443) without TLS; set TLS_CERT and TLS_KEY, or LISTEN_INSECURE=true behind a proxy that ends TLS"},
		"listen without port":     {[]string{"LISTEN=127.0.0.1"}, "LISTEN=127.0.0.1: must be host:port or :port, like 127.0.0.1:8443"},
		"listen port":             {[]string{"LISTEN=127.0.0.1:65536"}, "LISTEN=127.0.0.1:65536: must be host:port or :port, like 127.0.0.1:8443"},
		"certificate without key": {[]string{"TLS_CERT=c.pem"}, "TLS_KEY: missing; TLS_CERT needs it"},
		"key without certificate": {[]string{"TLS_KEY=k.pem"}, "TLS_CERT: missing; TLS_KEY needs it"},
		"webhook path":            {[]string{"WEBHOOK_PATH=hook"}, "WEBHOOK_PATH=hook: must begin with /, be more than that, hold no query, and not be /healthz"},
		"webhook path is health":  {[]string{"WEBHOOK_PATH=/healthz"}, "WEBHOOK_PATH=/healthz: must begin with /, be more than that, hold no query, and not be /healthz"},
		"connections":             {[]string{"MAX_CONNECTIONS=many"}, "MAX_CONNECTIONS=many: must be a whole number from 1 to 65536"},
		"log level":               {[]string{"LOG_LEVEL=loud"}, "LOG_LEVEL=loud: must be one of error, warning, info, debug, trace"},
		"a forged line":           {[]string{"JSONL_PATH=a\nb"}, "JSONL_PATH=a b: must not hold control characters"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := LoadSettings(Sources{Env: good(c.changes...), Machine: "collector.example", Listens: true})
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestAllComplaintsAtOnce(t *testing.T) {
	_, err := LoadSettings(Sources{Env: map[string]string{"LOG_LEVEL": "loud", "DEFLATE_LEVEL": "x"}, Listens: true})
	var got []string
	for line := range strings.Lines(err.Error()) {
		name, _, _ := strings.Cut(line, ":")
		got = append(got, name)
	}
	want := []string{"DEFLATE_LEVEL=x", "LOG_LEVEL=loud", "APP_TENANT_ID", "APP_CLIENT_ID", "APP_CLIENT_SECRET",
		"APP_AL_ACCESS_KEY_ID", "APP_AL_SECRET_KEY", "LISTEN="}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestValuesThatAreFine(t *testing.T) {
	for name, changes := range map[string][]string{
		"upper-case GUID":        {"APP_TENANT_ID=" + strings.ToUpper(tenant)},
		"spaces around":          {"APP_TENANT_ID= " + tenant + " "},
		"incumbent's client id":  {"APP_CLIENT_ID=", "CUSTOMCONNSTR_APP_CLIENT_ID=" + client},
		"incumbent's tenant":     {"APP_TENANT_ID=", "O365_TENANT_ID=" + tenant},
		"one tenant twice":       {"O365_TENANT_ID=" + strings.ToUpper(tenant)},
		"incumbent's endpoint":   {"CUSTOMCONNSTR_APP_AL_API_ENDPOINT=api.example", "CUSTOMCONNSTR_APP_AL_RESIDENCY=us"},
		"both names, one value":  {"CUSTOMCONNSTR_APP_CLIENT_SECRET=the client secret"},
		"endpoint host":          {"APP_AL_API_ENDPOINT=api.example"},
		"endpoint host and port": {"APP_AL_API_ENDPOINT=api.example:8443"},
		"endpoint on loopback":   {"APP_AL_API_ENDPOINT=http://127.0.0.1:1"},
		"identity by account":    {"AzureWebJobsStorage__accountName=abc", "AzureWebJobsStorage__clientId=" + client},
		"insecure on purpose":    {"LISTEN=:8443", "LISTEN_INSECURE=true"},
		"federated":              {"APP_CLIENT_SECRET=", "APP_FEDERATED_IDENTITY=" + client},
		"other people's names":   {"PATH=/bin", "APP_UNKNOWN=1"},
	} {
		t.Run(name, func(t *testing.T) {
			if s := mustLoad(t, good(changes...)); s.TenantID != tenant || s.ClientID != client {
				t.Errorf("tenant %q, client %q", s.TenantID, s.ClientID)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	for name, c := range map[string]struct {
		changes []string
		want    string
	}{
		"no storage under the host": {[]string{"FUNCTIONS_CUSTOMHANDLER_PORT=1", "WEBSITE_HOSTNAME=x.example"}, "AzureWebJobsStorage is not set"},
		"a short auth id":           {[]string{"O365_WEBHOOK_AUTH_ID=short"}, "O365_WEBHOOK_AUTH_ID has fewer than 16 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			s := mustLoad(t, good(c.changes...))
			if len(s.Warnings) != 1 || !strings.HasPrefix(s.Warnings[0], c.want) {
				t.Errorf("got %q, want one that begins with %q", s.Warnings, c.want)
			}
		})
	}
}

func secretNames() (names []string) {
	for _, r := range table {
		if r.secret {
			names = append(names, r.name)
		}
	}
	return names
}

// TestSecretSources sets each secret in each way and finds it again.
func TestSecretSources(t *testing.T) {
	const value = "UseDevelopmentStorage=true" // fit for every one of them
	at := map[string]func(*Settings) Secret{
		"APP_CLIENT_SECRET":               func(s *Settings) Secret { return s.ClientSecret },
		"APP_CLIENT_CERTIFICATE":          func(s *Settings) Secret { return s.ClientCertificate },
		"APP_CLIENT_CERTIFICATE_PASSWORD": func(s *Settings) Secret { return s.ClientCertificatePassword },
		"O365_WEBHOOK_AUTH_ID":            func(s *Settings) Secret { return s.WebhookAuthID },
		"APP_AL_ACCESS_KEY_ID":            func(s *Settings) Secret { return s.AccessKeyID },
		"APP_AL_SECRET_KEY":               func(s *Settings) Secret { return s.SecretKey },
		"AzureWebJobsStorage":             func(s *Settings) Secret { return s.Storage.ConnectionString },
		"CONFIG_URL":                      func(s *Settings) Secret { return s.ConfigURL },
		"UPDATE_MANIFEST_URL":             func(s *Settings) Secret { return s.UpdateManifest },
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(secretNames())), slices.Sorted(maps.Keys(at))); diff != "" {
		t.Fatalf("this test does not know every secret: %s", diff)
	}
	older := map[string]string{
		"APP_AL_ACCESS_KEY_ID": "CUSTOMCONNSTR_APP_CI_ACCESS_KEY_ID",
		"APP_AL_SECRET_KEY":    "CUSTOMCONNSTR_APP_CI_SECRET_KEY",
	}
	for name, get := range at {
		want := value
		if name == "APP_CLIENT_CERTIFICATE" {
			want = "-----BEGIN CERTIFICATE-----\n" + value
		}
		if strings.HasSuffix(name, "_URL") {
			want = "https://config.example/x?sig=" + value
		}
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte(want+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		ways := map[string]string{name: want, "CUSTOMCONNSTR_" + name: want, name + "_FILE": file}
		if o := older[name]; o != "" {
			ways[o] = want
		}
		for from, given := range ways {
			t.Run(from, func(t *testing.T) {
				env := good(name+"=", "CONFIG_PUBLIC_KEY=rhpLUQT4uzYe4lFqtmOmoFLNsL2Wq0jVvk7LwbNmN4I=", "UPDATE_PUBLIC_KEYS=rhpLUQT4uzYe4lFqtmOmoFLNsL2Wq0jVvk7LwbNmN4I=")
				if strings.HasPrefix(name, "APP_CLIENT_CERTIFICATE") {
					env["APP_CLIENT_SECRET"] = ""
					env["APP_CLIENT_CERTIFICATE"] = "-----BEGIN CERTIFICATE-----"
				}
				env[name] = ""
				if name == "APP_CLIENT_CERTIFICATE_PASSWORD" {
					env["APP_CLIENT_CERTIFICATE"] = "-----BEGIN CERTIFICATE-----"
				}
				env[from] = given
				if s := mustLoad(t, env); string(get(&s)) != want {
					t.Errorf("got %q, want %q", string(get(&s)), want)
				}
			})
		}
	}
}

func TestSecretFileKeepsBinary(t *testing.T) {
	pfx := "\x30\x82\x01\xff\n" // ends in a byte that is no newline of an editor's
	file := filepath.Join(t.TempDir(), "app.pfx")
	if err := os.WriteFile(file, []byte(pfx), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"APP_CLIENT_CERTIFICATE", "APP_CLIENT_CERTIFICATE_FILE"} {
		if s := mustLoad(t, good("APP_CLIENT_SECRET=", from+"="+file)); string(s.ClientCertificate) != pfx {
			t.Errorf("%s: got %q", from, string(s.ClientCertificate))
		}
	}
}

// TestNoSecretIsPrinted prints settings in every way there is.
func TestNoSecretIsPrinted(t *testing.T) {
	const marker = "MARKER"
	env := good("APP_CLIENT_SECRET=")
	for _, name := range secretNames() {
		env[name] = "-----BEGIN " + marker + "=-----"
	}
	env["O365_WEBHOOK_AUTH_ID"] = marker + "0123456789"
	s, _ := LoadSettings(Sources{Env: env}) // a secret and a certificate together are a complaint
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "% x"} {
		fmt.Fprintf(&out, verb+verb+verb+"\n", s, &s, s.ClientSecret)
	}
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	if err := s.Print(&out); err != nil {
		t.Fatal(err)
	}
	newLogger(&out, true).WithField("settings", s).Info(s)
	newLogger(&out, false).WithField("settings", s).Info(s)
	for _, forbidden := range []string{marker, fmt.Sprintf("%x", marker), fmt.Sprintf("%X", marker),
		strings.Trim(fmt.Sprint([]byte(marker)), "[]"), fmt.Sprintf("% x", marker)} {
		if strings.Contains(out.String(), forbidden) {
			t.Errorf("the output holds %q:\n%s", forbidden, out.String())
		}
	}
	if !strings.Contains(out.String(), "***") {
		t.Error("nothing was masked: this test sees no secrets")
	}
}

func TestFile(t *testing.T) {
	load := func(t *testing.T, env map[string]string, body string) (Settings, error) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "appsettings.json")
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := LoadSettings(Sources{Env: env, File: file})
		if err != nil {
			err = fmt.Errorf("%s", strings.ReplaceAll(err.Error(), file, "FILE"))
		}
		return s, err
	}
	t.Run("every kind of value, and the environment wins", func(t *testing.T) {
		s, err := load(t, good("SINK=jsonl"), "\ufeff"+`{"SINK": "alertlogic", "JSONL_PATH": "x", "DEFLATE_LEVEL": 9,
			"LISTEN_INSECURE": true, "O365_CONTENT_STREAMS": ["DLP.All"], "O365_HOST_ID": "old"}`)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintln(s.Sink, s.JSONLPath, s.DeflateLevel, s.ListenInsecure, s.ContentStreams, s.HostID)
		if want := "jsonl x 9 true [DLP.All] old\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		var out strings.Builder
		if err := s.Print(&out); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"jsonl  ", "appsettings.json O365_HOST_ID", "environment\n", "default\n"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("printed settings lack %q:\n%s", want, out.String())
			}
		}
	})
	for name, c := range map[string]struct{ body, want string }{
		"unknown name": {`{"APP_TENANTID": "x"}`, `FILE: unknown setting "APP_TENANTID"; did you mean APP_TENANT_ID?`},
		"wrong case":   {`{"sink": "jsonl"}`, `FILE: unknown setting "sink"; did you mean SINK?`},
		"no idea":      {`{"colour of the sky today": "x"}`, `FILE: unknown setting "colour of the sky today"`},
		"null":         {`{"SINK": null}`, "FILE: SINK must not be null; leave the line out instead"},
		"object":       {`{"SINK": {}}`, "FILE: SINK must be a string, a number, true, false or an array, not an object"},
		"twice":        {`{"LOG_LEVEL": "info", "LOG_LEVEL": "debug"}`, "FILE: LOG_LEVEL stands there twice"},
		"array":        {`[]`, `FILE: must be a JSON object like {"APP_TENANT_ID": "…"}`},
		"torn":         {`{"SINK": "jso`, "FILE: is no valid JSON near byte 8"},
		"two objects":  {`{} {}`, "FILE: holds more than one JSON object"},
		"bad value":    {`{"DEFLATE_LEVEL": 6.5}`, "DEFLATE_LEVEL=6.5: must be a whole number from 1 to 9"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, good(), c.body)
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	t.Run("under the host it is not read", func(t *testing.T) {
		s, err := load(t, good("FUNCTIONS_CUSTOMHANDLER_PORT=1"), `{"DEFLATE_LEVEL": 9}`)
		if err != nil || s.DeflateLevel != 6 {
			t.Errorf("level %d, %v", s.DeflateLevel, err)
		}
	})
	t.Run("missing though named", func(t *testing.T) {
		_, err := LoadSettings(Sources{Env: good(), File: "/nowhere", FileRequired: true})
		if err == nil || !strings.HasPrefix(err.Error(), "read settings: open /nowhere") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("missing", func(t *testing.T) {
		if _, err := LoadSettings(Sources{Env: good(), File: "/nowhere"}); err != nil {
			t.Errorf("got %v", err)
		}
	})
}
