package microsoft_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
)

const audience = "https://manage.office.example"

func TestTokenIsAskedForOnce(t *testing.T) {
	w := newWorld(t, nil)
	tokens := w.tokens()
	for range 3 {
		got, err := tokens.Token(t.Context(), tenant, audience)
		if err != nil || got != "opaque.token.number-1" {
			t.Fatalf("Token = %q, %v", got, err)
		}
	}
	if len(w.forms) != 1 {
		t.Fatalf("%d token requests, want 1", len(w.forms))
	}
	for key, want := range map[string]string{"grant_type": "client_credentials", "client_id": "the-app", "client_secret": secret} {
		if got := w.forms[0].Get(key); got != want {
			t.Errorf("%s = %q, want %q", key, got, want)
		}
	}
	if got := strings.Fields(w.forms[0].Get("scope"))[0]; got != audience+"/.default" {
		t.Errorf("scope = %q", got)
	}
}

func TestTokenAboutToExpireIsNotUsedAgain(t *testing.T) {
	w := newWorld(t, nil)
	w.life = 200
	tokens := w.tokens()
	first, err1 := tokens.Token(t.Context(), tenant, audience)
	second, err2 := tokens.Token(t.Context(), tenant, audience)
	if err := errors.Join(err1, err2); err != nil || first == second {
		t.Errorf("tokens %q and %q, %v: the first had 200 s left and must not be handed out again", first, second, err)
	}
}

func TestRenewOncePerRefusedToken(t *testing.T) {
	w := newWorld(t, nil)
	tokens := w.tokens()
	refused, err := tokens.Token(t.Context(), tenant, audience)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := tokens.Renew(t.Context(), tenant, audience, refused); err != nil {
				t.Error(err)
			}
			if got, err := tokens.Token(t.Context(), tenant, audience); err != nil || got == refused {
				t.Errorf("Token = %q, %v after it was refused", got, err)
			}
		})
	}
	all.Wait()
	if len(w.issued) != 2 {
		t.Errorf("%d tokens were issued, want 2", len(w.issued))
	}
}

func TestTenantsAndAudiencesHaveTokensOfTheirOwn(t *testing.T) {
	w := newWorld(t, nil)
	tokens := w.tokens()
	seen := map[string]bool{}
	for _, key := range [][2]string{{tenant, audience}, {stranger, audience}, {tenant, "https://management.example/"}} {
		token, err := tokens.Token(t.Context(), key[0], key[1])
		if err != nil || seen[token] {
			t.Errorf("Token(%q) = %q, %v", key, token, err)
		}
		seen[token] = true
	}
}

func TestWaitingForATokenEndsWithTheContext(t *testing.T) {
	w := newWorld(t, nil)
	asked, release := make(chan bool), make(chan bool)
	w.token = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		asked <- true
		<-release
		rw.WriteHeader(503)
	})
	tokens := w.tokens()
	var holder sync.WaitGroup
	holder.Go(func() { _, _ = tokens.Token(t.Context(), tenant, audience) })
	<-asked
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("no longer wanted")
	cancel(reason)
	if _, err := tokens.Token(ctx, tenant, audience); !errors.Is(err, reason) {
		t.Errorf("error %v, want the context's cause", err)
	}
	close(release)
	holder.Wait()
}

func TestEntraRefuses(t *testing.T) {
	cases := map[string]struct {
		status  int
		body    string
		verdict collect.Verdict
		code    string
		says    string
	}{
		"wrong secret":      {401, `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.","error_codes":[7000215]}`, collect.JudgesUs, "AADSTS7000215", "APP_CLIENT_SECRET is wrong"},
		"expired secret":    {401, `{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys are expired."}`, collect.JudgesUs, "AADSTS7000222", "APP_CLIENT_SECRET has expired"},
		"unknown app":       {400, `{"error":"unauthorized_client","error_codes":[700016]}`, collect.JudgesUs, "AADSTS700016", "APP_CLIENT_ID"},
		"unknown tenant":    {400, `{"error":"invalid_request","error_description":"AADSTS90002: Tenant not found."}`, collect.JudgesUs, "AADSTS90002", "APP_TENANT_ID"},
		"clock":             {401, `{"error":"invalid_client","error_description":"AADSTS700024: Client assertion is not within its valid time range."}`, collect.JudgesUs, "AADSTS700024", "this machine's clock is wrong"},
		"new code":          {400, `{"error":"invalid_grant","error_description":"AADSTS7654321: whatever"}`, collect.JudgesUs, "AADSTS7654321", "invalid_grant"},
		"no code":           {401, `{"error":"invalid_client"}`, collect.JudgesUs, "401", "check APP_CLIENT_SECRET"},
		"free text as code": {400, `{"error":"you said ` + secret + `"}`, collect.JudgesUs, "400", "no OAuth error"},
		"redirect":          {302, ``, collect.JudgesUs, "302", "AZURE_AUTHORITY_HOST"},
		"not found":         {404, `<html>`, collect.JudgesUs, "404", "AZURE_AUTHORITY_HOST"},
		"throttled":         {429, `{}`, collect.Temporary, "429", "not available"},
		"down":              {503, `<html>`, collect.Temporary, "503", "not available"},
		"unavailable":       {400, `{"error":"temporarily_unavailable"}`, collect.Temporary, "400", "not available"},
		"busy":              {400, `{"error":"invalid_request","error_codes":[90033]}`, collect.Temporary, "AADSTS90033", "not available"},
		"broken JSON":       {200, `{"access_token":"leaked.token`, collect.Temporary, "", "AZURE_AUTHORITY_HOST"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.token = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Retry-After", "2.5")
				rw.Header().Set("Location", "https://elsewhere.example/?s="+secret)
				rw.WriteHeader(c.status)
				write(rw, c.body)
			})
			_, err := w.tokens().Token(t.Context(), tenant, audience)
			wantFault(t, err, c.verdict, c.code)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %q does not say %q", err, c.says)
			}
			if leaks := leaksOf(err); leaks != "" {
				t.Errorf("error %q tells %q", err, leaks)
			}
			if asked := collect.RetryAfterOf(err); (asked > 0) != (c.verdict == collect.Temporary && c.status != 200) {
				t.Errorf("Retry-After = %v", asked)
			}
			if len(w.forms) != 1 {
				t.Errorf("%d token requests: somebody retries or follows redirects", len(w.forms))
			}
		})
	}
}

func TestUnreachableEntraIsTemporary(t *testing.T) {
	w := newWorld(t, nil)
	w.entra.Close()
	_, err := w.tokens().Token(t.Context(), tenant, audience)
	wantFault(t, err, collect.Temporary, "")
	if strings.Contains(err.Error(), "https://") {
		t.Errorf("error %q holds an address", err)
	}
}

func TestSecretStaysWithTheAuthority(t *testing.T) {
	w := newWorld(t, nil)
	w.config["token_endpoint"] = canary(t).URL + "/oauth2/v2.0/token"
	_, err := w.tokens().Token(t.Context(), tenant, audience)
	wantFault(t, err, collect.JudgesUs, "")
	if !strings.Contains(err.Error(), "AZURE_AUTHORITY_HOST") {
		t.Errorf("error %q does not name the setting", err)
	}
}

func TestNewTokensNamesTheSetting(t *testing.T) {
	https := microsoft.Cloud{Authority: &url.URL{Scheme: "https", Host: "login.example"}}
	http1 := microsoft.Cloud{Authority: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}}
	cases := map[string]struct {
		cloud microsoft.Cloud
		c     microsoft.Credentials
		says  string
	}{
		"no client":       {https, microsoft.Credentials{ClientSecret: secret}, "APP_CLIENT_ID"},
		"no proof":        {https, microsoft.Credentials{ClientID: "a"}, "APP_CLIENT_SECRET, APP_CLIENT_CERTIFICATE, APP_FEDERATED_IDENTITY"},
		"two proofs":      {https, microsoft.Credentials{ClientID: "a", ClientSecret: secret, FederatedIdentity: "b"}, "APP_CLIENT_SECRET, APP_FEDERATED_IDENTITY are all set"},
		"no certificate":  {https, microsoft.Credentials{ClientID: "a", Certificate: []byte("junk")}, "APP_CLIENT_CERTIFICATE"},
		"plain authority": {http1, microsoft.Credentials{ClientID: "a", ClientSecret: secret}, "AZURE_AUTHORITY_HOST"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := microsoft.NewTokens(c.cloud, c.c, http.DefaultClient)
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), secret) {
				t.Errorf("error %v, want one that says %q and no secret", err, c.says)
			}
		})
	}
}

func TestFederatedIdentity(t *testing.T) {
	w := newWorld(t, nil)
	platform := http.NewServeMux()
	platform.HandleFunc("GET /token", func(rw http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.Header.Get("X-IDENTITY-HEADER") != "code" || q.Get("client_id") != "identity" || q.Get("resource") != "api://AzureADTokenExchange" {
			t.Errorf("platform got %s", r.URL)
			rw.WriteHeader(400)
			return
		}
		writeJSON(rw, 200, map[string]any{"access_token": "the-assertion", "expires_on": "4102444800", "resource": q.Get("resource"), "token_type": "Bearer"})
	})
	tokens := w.federated("identity", platform)
	if _, err := tokens.Token(t.Context(), tenant, audience); err != nil {
		t.Fatal(err)
	}
	if got := w.forms[0].Get("client_assertion"); got != "the-assertion" || w.forms[0].Has("client_secret") {
		t.Errorf("token request %v", w.forms[0])
	}
}

func TestFederatedIdentityRefused(t *testing.T) {
	for status, verdict := range map[int]collect.Verdict{400: collect.JudgesUs, 500: collect.Temporary} {
		w := newWorld(t, nil)
		tokens := w.federated(fmt.Sprint("identity-", status), http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(status) }))
		_, err := tokens.Token(t.Context(), tenant, audience)
		wantFault(t, err, verdict, "")
		if !strings.Contains(err.Error(), "APP_FEDERATED_IDENTITY") {
			t.Errorf("error %q does not name the setting", err)
		}
	}
}
