package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"azcollector/internal/collect"
)

var storageScope = policy.TokenRequestOptions{Scopes: []string{"https://storage.azure.com/.default"}}

// azureCLI puts a command az into the PATH that prints a token, or leaves the PATH
// without one.
func azureCLI(t *testing.T, installed bool) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the command is a shell script")
	}
	dir := t.TempDir()
	if installed {
		script := fmt.Sprintf("#!/bin/sh\necho '{\"accessToken\":\"of the person\",\"expires_on\":%d}'\n", time.Now().Add(time.Hour).Unix())
		if err := os.WriteFile(filepath.Join(dir, "az"), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

// A machineToken is the answer of a virtual machine's endpoint.
type machineToken struct{ err error }

func (m machineToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "of the machine", ExpiresOn: time.Now().Add(time.Hour)}, m.err
}

func TestStorageIdentityElsewhere(t *testing.T) {
	refused := &azidentity.AuthenticationFailedError{RawResponse: &http.Response{
		Status: "400 Bad Request", StatusCode: http.StatusBadRequest, Body: http.NoBody, Request: httptest.NewRequest(http.MethodGet, "/", nil),
	}}
	for name, c := range map[string]struct {
		endpoint int // the status that it answers; 0: nobody there
		machine  azcore.TokenCredential
		cli      bool
		token    string
		fails    string // in the error
	}{
		"a workstation":                      {0, machineToken{}, true, "of the person", ""},
		"a virtual machine":                  {400, machineToken{}, true, "of the machine", ""},
		"a machine in another cloud":         {401, machineToken{}, true, "of the person", ""},
		"a machine without that identity":    {400, machineToken{refused}, true, "", "400 Bad Request"},
		"a shell that cannot name its own":   {0, nil, true, "of the person", ""},
		"nobody":                             {0, machineToken{}, false, "", "az login"},
		"nobody on a machine somewhere else": {404, machineToken{}, false, "", "az login"},
	} {
		t.Run(name, func(t *testing.T) {
			azureCLI(t, c.cli)
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Metadata") != "" {
					t.Error("the probe asks for a token")
				}
				w.WriteHeader(c.endpoint)
			}))
			defer s.Close()
			if c.endpoint == 0 {
				s.Close()
			}
			identity, err := elsewhere(c.machine, s.URL)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // whoever answered the first time
				token, err := identity.GetToken(t.Context(), storageScope)
				switch {
				case c.fails != "":
					if err == nil || !strings.Contains(err.Error(), c.fails) || !strings.Contains(err.Error(), "AzureWebJobsStorage") || collect.VerdictOf(err) != collect.JudgesUs {
						t.Errorf("error %v, want %q", err, c.fails)
					}
				case err != nil || token.Token != c.token:
					t.Errorf("token %q, %v", token.Token, err)
				}
			}
		})
	}
}

// A collector acts as its machine or not at all, and looks again when there was no
// answer once.
func TestStorageIdentityOfACollector(t *testing.T) {
	azureCLI(t, true)
	there := false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !there {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
	}))
	defer s.Close()
	identity := unattended(machineToken{}, s.URL)
	if token, err := identity.GetToken(t.Context(), storageScope); err == nil || !strings.Contains(err.Error(), "AzureWebJobsStorage") || collect.VerdictOf(err) != collect.JudgesUs {
		t.Errorf("token %q, error %v", token.Token, err)
	}
	there = true
	if token, err := identity.GetToken(t.Context(), storageScope); err != nil || token.Token != "of the machine" {
		t.Errorf("token %q, %v", token.Token, err)
	}
}

// Only a command may act as a person.
func TestStorageIdentityOfCommands(t *testing.T) {
	t.Setenv("IDENTITY_ENDPOINT", "")
	for _, command := range []bool{true, false} {
		identity, err := storageIdentity("", command)
		quiet, ok := identity.(quietIdentity)
		if err != nil || !ok {
			t.Fatalf("command %v: %T, %v", command, identity, err)
		}
		if _, chain := quiet.TokenCredential.(*azidentity.ChainedTokenCredential); chain != command {
			t.Errorf("command %v: %T", command, quiet.TokenCredential)
		}
	}
}

// Where the platform gives identities, nobody else is asked, and the one that is set
// is the one that is used.
func TestStorageIdentityInAzure(t *testing.T) {
	azureCLI(t, true)
	answer := http.StatusOK
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("client_id"))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer)
		fmt.Fprintf(w, `{"access_token":"of the app","expires_on":"%d","resource":"https://storage.azure.com","token_type":"Bearer"}`, time.Now().Add(time.Hour).Unix())
	}))
	defer s.Close()
	t.Setenv("IDENTITY_ENDPOINT", s.URL)
	t.Setenv("IDENTITY_HEADER", "a header")
	identity, err := storageIdentity(client, true)
	if err != nil {
		t.Fatal(err)
	}
	answer = http.StatusBadRequest
	if _, err := identity.GetToken(t.Context(), storageScope); err == nil || !strings.Contains(err.Error(), "AzureWebJobsStorage__clientId") || strings.Contains(err.Error(), "of the app") {
		t.Errorf("error %v", err)
	}
	answer = http.StatusOK
	if token, err := identity.GetToken(t.Context(), storageScope); err != nil || token.Token != "of the app" {
		t.Errorf("token %q, %v", token.Token, err)
	}
	for _, id := range asked {
		if id != client {
			t.Errorf("asked for the identity %q", id)
		}
	}
	if len(asked) < 2 {
		t.Errorf("asked %d times", len(asked))
	}
}
