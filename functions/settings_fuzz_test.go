package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"azcollector/internal/wire"
)

// sentinel is put into every secret's value, so that it is found wherever a part of one
// turns up.
const sentinel = "cAn4rY~Of~A~sEcReT"

// environOf reads lines of NAME=value and puts the sentinel into each secret.
func environOf(text string) map[string]string {
	var secrets []string
	for i := range table {
		if table[i].secret {
			secrets = append(secrets, table[i].names()...)
		}
	}
	env := map[string]string{}
	for line := range strings.SplitSeq(text, "\n") {
		name, value, _ := strings.Cut(line, "=")
		value = strings.ReplaceAll(value, `\n`, "\n") // so that a value can hold a line break
		switch {
		case value == "", strings.HasSuffix(name, "_FILE"): // no fuzzer chooses files to read
			continue
		case slices.Contains(secrets, name), name == "HTTPS_PROXY", name == "https_proxy":
			value = value[:len(value)/2] + sentinel + value[len(value)/2:]
		}
		env[name] = value
	}
	return env
}

// lines writes an environment for [environOf].
func lines(env map[string]string) string {
	var b strings.Builder
	for name, value := range env {
		fmt.Fprintf(&b, "%s=%s\n", name, strings.ReplaceAll(value, "\n", `\n`))
	}
	return b.String()
}

// oddValues are given to all settings at once, and each to some setting alone.
var oddValues = []string{
	"", " ", "0", "-1", "9223372036854775808", "1e9", "NaN", "true", "null", `["Audit.General"]`, `[[`, "99999999d", "-5s", "\x00", "a\\nAPP_TENANT_ID: forged", "\xff", "x\u202ey",
	"@Microsoft.KeyVault(SecretUri=https://v.example/secrets/name/1)", "@Microsoft.KeyVault(", "https://user:pass@host.example?sig=1#f", "http://127.0.0.1:1", "http://localhost",
	"https://[::1%25eth0]:99999", "//", "host:0", ":65536", "/", "/healthz", "*/0 * * * * *", "0 0 0 0 0 0", "AccountName=a;AccountKey=b", "=", "-----BEGIN CERTIFICATE-----", "MIIB", "/dev/zero",
	"2027-05-31", "0000-00-00", strings.Repeat("x", 5000),
}

var complaint = regexp.MustCompile(`^([A-Za-z0-9_]+)(, [A-Z_]+)*(=|:)`)

// Whatever the environment holds: each complaint is one line that names a setting, no
// output shows any of a secret, and settings without a complaint are fit for use.
func FuzzSettings(f *testing.F) {
	f.Add(lines(good()), true, false)
	f.Add(lines(good("HTTPS_PROXY=http://user:word@proxy:1")), true, true)
	f.Add("", true, true)
	for i, odd := range oddValues {
		every := good()
		for j := range table {
			every[table[j].name] = odd
		}
		f.Add(lines(every), i%2 == 0, i%3 == 0)
	}
	for i := range table {
		f.Add(lines(good(table[i].name+"="+oddValues[i%len(oddValues)])), true, i%2 == 0)
		for _, name := range table[i].names()[1:] {
			f.Add(lines(good(name+"=1", table[i].name+"=2")), true, false)
		}
	}
	known := append(knownNames(), "HTTPS_PROXY", "https_proxy")
	f.Fuzz(func(t *testing.T, text string, listens, host bool) {
		env := environOf(text)
		delete(env, "FUNCTIONS_CUSTOMHANDLER_PORT")
		if host {
			env["FUNCTIONS_CUSTOMHANDLER_PORT"] = "1"
		}
		s, err := LoadSettings(Sources{Env: env, Machine: "collector.example", Listens: listens})
		var out strings.Builder
		if err := s.Print(&out); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%v %+v %#v %x\n%q", s, &s, s, s.ClientSecret, s.Warnings)
		if err != nil {
			out.WriteString(err.Error())
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if found := complaint.FindStringSubmatch(line); found == nil || !slices.Contains(known, found[1]) {
					t.Errorf("the complaint %q names no setting", line)
				}
			}
		}
		if at := strings.Index(out.String(), sentinel[:8]); at >= 0 {
			t.Errorf("a secret is shown: %q", out.String()[max(0, at-100):min(at+100, out.Len())])
		}
		if err == nil {
			judgeSettings(t, &s, listens)
		}
		if _, err := s.With("a document", map[string]json.RawMessage{"LOG_LEVEL": json.RawMessage(`"debug"`), "APP_CLIENT_SECRET": json.RawMessage(`"x"`)}); err == nil {
			t.Error("a synced document sets a secret")
		}
	})
}

// judgeSettings fails unless settings without a complaint are within their limits and lead
// nowhere without TLS but to this machine.
func judgeSettings(t *testing.T, s *Settings, listens bool) {
	t.Helper()
	switch {
	case s.TenantID != strings.ToLower(s.TenantID) || len(s.TenantID) != 36 || len(s.ClientID) != 36,
		s.Concurrency < 1, s.RequestsPerMinute < 1, s.MaxContentBytes < 1, s.MaxPayload < 1, s.MaxConnections < 1,
		s.RequestTimeout <= 0, s.StateRetention <= 0, s.WebhookBudget < 0, s.Lookback < 0, s.DeflateLevel < 1 || s.DeflateLevel > 9,
		len(s.ContentStreams) == 0, s.Sink != "alertlogic" && s.Sink != "jsonl":
		t.Errorf("no complaint about %+v", s)
	case listens && !s.Host && s.TLSCert == "" && !s.ListenInsecure && !wire.Loopback(s.Listen):
		t.Errorf("listens on %q without TLS", s.Listen)
	}
	for _, u := range []*url.URL{s.AuthorityHost, s.ManagementURL, s.ResourceManagerURL, s.PublicURL, s.UpdateContainer} {
		if u != nil && (u.User != nil || u.Hostname() == "" || u.Scheme != "https" && (u.Scheme != "http" || !wire.Loopback(u.Host))) {
			t.Errorf("no complaint about %s", u)
		}
	}
}

// Whatever a file of settings holds: what is read has known names and the values that the
// standard library reads, and no complaint repeats a value.
func FuzzSettingsFile(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"APP_TENANT_ID":"~"}`, `{"DEFLATE_LEVEL":6,"LISTEN_INSECURE":true,"O365_CONTENT_STREAMS":[ "DLP.All" ]}`, "\ufeff{}", `{"APP_CLIENT_SECRET":"~`, `{"APP_CLIENT_SECRET":~}`,
		`{"APP_CLIENT_SECRET":{"a":"~"}}`, `{"APP_CLIENT_SECRET":null}`, `{"SINK":"a","SINK":"b"}`, `{"APP_CLIENT_SECRE":"~"}`, `{"\u0053INK":"jsonl"}`, `{"SINK":"\ud800"}`, "{\"SINK\":\"\xff\"}",
		`{"SINK":1e999999}`, `{"a":1}{}`, `[]`, `null`, ``, `{"SINK"`, `{"SINK":"x"}~`, `{"APP_CLIENT_SECRET":"\x~"}`, `{1:2}`, `{"O365_CONTENT_STREAMS":[[[[~]]]]}`,
	} {
		f.Add([]byte(seed))
	}
	known := knownNames()
	f.Fuzz(func(t *testing.T, text []byte) {
		text = bytes.ReplaceAll(text, []byte("~"), []byte(sentinel))
		values, complaints := parseFile(text)
		for name := range values {
			if !slices.Contains(known, name) {
				t.Errorf("reads the unknown name %q", name)
			}
		}
		for _, err := range complaints {
			// A name that nobody knows is shown; it may be a secret only if somebody wrote it there.
			if said := err.Error(); strings.Contains(said, sentinel[:8]) && !strings.HasPrefix(said, "unknown setting ") || strings.Contains(said, "\n") {
				t.Errorf("the complaint %q", said)
			}
		}
		if len(complaints) > 0 {
			return
		}
		var standard map[string]json.RawMessage
		if err := json.Unmarshal(bytes.TrimPrefix(text, []byte("\ufeff")), &standard); err != nil || len(standard) != len(values) {
			t.Fatalf("%q is read as %q; the standard library says %q, %v", text, values, standard, err)
		}
		for name, want := range standard {
			var s string
			if json.Unmarshal(want, &s) != nil {
				s = string(want)
			}
			if s != values[name] {
				t.Errorf("%s is %q, want %q", name, values[name], s)
			}
		}
	})
}

// A path that leads to what never ends costs no more than a complaint.
func TestCertificateFromADevice(t *testing.T) {
	if _, err := os.Stat("/dev/zero"); err != nil {
		t.Skip("there is no such device here")
	}
	_, err := LoadSettings(Sources{Env: good("APP_CLIENT_SECRET=", "APP_CLIENT_CERTIFICATE=/dev/zero")})
	if err == nil || !strings.HasPrefix(err.Error(), "APP_CLIENT_CERTIFICATE=***: must be PEM") {
		t.Errorf("got %v", err)
	}
}
