package microsoft_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
)

// ends is a secret of the application as Graph shows it.
func ends(hint, end string) string {
	return `{"customKeyIdentifier":null,"displayName":"collector","endDateTime":` + end + `,"hint":"` + hint + `","keyId":"f0b0b335-1d71-4883-8f98-567911bfdca6","secretText":null}`
}

func registered(secrets ...string) string {
	return `{"@odata.context":"https://graph.example/v1.0/$metadata#applications","passwordCredentials":[` + strings.Join(secrets, ",") + `]}`
}

const (
	hint = "~cl" // of secret
	end  = `"2026-12-24T18:30:00.1234567Z"`
)

func TestSecretExpiry(t *testing.T) {
	at := time.Date(2026, 12, 24, 18, 30, 0, 123456700, time.UTC)
	const temporary, us, broken = collect.Temporary, collect.JudgesUs, collect.Broken
	cases := map[string]struct {
		status  int
		body    string
		known   bool
		verdict collect.Verdict // of the error that code says there is
		code    string          // "-": an error without code
	}{
		"the only one":         {200, registered(ends(hint, end)), true, 0, ""},
		"one of many":          {200, registered(ends("abc", `"2026-01-01T00:00:00Z"`), ends(hint, end), ends("", `null`)), true, 0, ""},
		"none":                 {200, registered(), false, 0, ""},
		"none of ours":         {200, registered(ends("abc", end)), false, 0, ""},
		"other case":           {200, registered(ends(strings.ToUpper(hint), end)), false, 0, ""},
		"hint is null":         {200, registered(strings.Replace(ends("null", end), `"null"`, `null`, 1)), false, 0, ""},
		"two begin alike":      {200, registered(ends(hint, end), ends(hint, `"2027-01-01T00:00:00Z"`)), false, 0, ""},
		"no end":               {200, registered(ends(hint, `null`)), false, 0, ""},
		"not permitted":        {403, `{"error":{"code":"Authorization_RequestDenied"}}`, false, 0, ""},
		"not even let in":      {401, ``, false, 0, ""},
		"not registered there": {404, `{"error":{"code":"Request_ResourceNotFound"}}`, false, 0, ""},
		"end is no date":       {200, registered(ends(hint, `"soon"`)), false, broken, "-"},
		"secrets left out":     {200, `{"id":"x"}`, false, broken, "-"},
		"no JSON":              {200, `<html>`, false, broken, "-"},
		"too long":             {200, registered(ends(hint, end), ends(strings.Repeat("x", 1<<20), end)), false, broken, "-"},
		"throttled":            {429, ``, false, temporary, "429"},
		"down":                 {503, ``, false, temporary, "503"},
		"bad request":          {400, `{"error":{"code":"Request_BadRequest"}}`, false, us, "400"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.app = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.URL.Path != "/v1.0/applications(appId='the-app')" || r.URL.RawQuery != "$select=passwordCredentials" {
					t.Errorf("asked %s %s", r.Method, r.RequestURI)
				}
				rw.Header().Set("Retry-After", "7")
				rw.WriteHeader(c.status)
				write(rw, c.body)
			})
			got, known, err := w.tokens().SecretExpiry(t.Context(), tenant)
			if known != c.known || known != got.Equal(at) || !known && !got.IsZero() {
				t.Errorf("SecretExpiry = %v, %v", got, known)
			}
			if c.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantFault(t, err, c.verdict, strings.Trim(c.code, "-"))
			if asked := collect.RetryAfterOf(err); (asked == 7*time.Second) != (c.verdict == temporary) {
				t.Errorf("Retry-After = %v", asked)
			}
			if leak := leaksOf(err); leak != "" || strings.Contains(err.Error(), hint) {
				t.Errorf("error %q tells %q", err, leak)
			}
		})
	}
}

func TestGraphIsAskedOnlyAboutASecret(t *testing.T) {
	w := newWorld(t, nil)
	w.app = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("Graph was asked") })
	elsewhere := w.cloud()
	elsewhere.Graph = nil
	for name, c := range map[string]struct {
		cloud microsoft.Cloud
		creds microsoft.Credentials
	}{
		"no Graph":             {elsewhere, microsoft.Credentials{ClientID: "the-app", ClientSecret: secret}},
		"no secret":            {w.cloud(), microsoft.Credentials{ClientID: "the-app", FederatedIdentity: "identity"}},
		"hint is all of it":    {w.cloud(), microsoft.Credentials{ClientID: "the-app", ClientSecret: "abc"}},
		"hint is more than it": {w.cloud(), microsoft.Credentials{ClientID: "the-app", ClientSecret: "é"}},
	} {
		tokens, err := microsoft.NewTokens(c.cloud, c.creds, w.client)
		if err != nil {
			t.Fatal(err)
		}
		if at, known, err := tokens.SecretExpiry(t.Context(), tenant); known || err != nil || !at.IsZero() {
			t.Errorf("%s: %v, %v, %v", name, at, known, err)
		}
	}
	if len(w.issued) > 0 {
		t.Error("a token was asked for")
	}
}

func TestGraphsTokenFollowsNoRedirect(t *testing.T) {
	foreign := canary(t)
	w := newWorld(t, nil)
	w.client.CheckRedirect = nil // a client that would follow
	w.app = http.RedirectHandler(foreign.URL+"/v1.0/applications?secret", http.StatusFound)
	_, known, err := w.tokens().SecretExpiry(t.Context(), tenant)
	wantFault(t, err, collect.JudgesUs, "302")
	if leak := leaksOf(err); leak != "" || known {
		t.Errorf("error %q tells %q", err, leak)
	}
}

func TestUnreachableGraphIsTemporary(t *testing.T) {
	w := newWorld(t, nil)
	tokens := w.tokens()
	w.graph.Close()
	_, _, err := tokens.SecretExpiry(t.Context(), tenant)
	wantFault(t, err, collect.Temporary, "")
	if strings.Contains(err.Error(), "https://") {
		t.Errorf("error %q holds an address", err)
	}
}

func TestExpiredSecretIsAnError(t *testing.T) {
	w := newWorld(t, nil)
	w.token = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		writeJSON(rw, 401, map[string]string{"error": "invalid_client", "error_description": "AADSTS7000222: expired."})
	})
	_, known, err := w.tokens().SecretExpiry(t.Context(), tenant)
	if wantFault(t, err, collect.JudgesUs, "AADSTS7000222"); known {
		t.Error("and yet its end is known")
	}
}

// Whatever Graph says, nothing half known comes out, and no error repeats it.
func FuzzEndOf(f *testing.F) {
	f.Add([]byte(registered(ends(hint, end))), hint)
	f.Add([]byte(registered(ends(hint, end), ends(hint, end))), hint)
	f.Add([]byte(`{"passwordCredentials":[null,{"hint":null}]}`), "abc")
	f.Fuzz(func(t *testing.T, body []byte, hint string) {
		at, known, err := microsoft.EndOf(body, hint)
		if err != nil && (known || len(body) > 20 && strings.Contains(err.Error(), string(body))) || !known && !at.IsZero() {
			t.Errorf("%s: %v, %v, %v", body, at, known, err)
		}
	})
}
